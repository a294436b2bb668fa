"""Move money: any number of orders in one transaction, each with an answer of its own."""

from collections.abc import Callable, Sequence

import msgspec

from paywright.core.errors import Forbidden, Problem
from paywright.core.ids import AccountId
from paywright.db.pool import Database, Tx, is_duplicate, is_lock_timeout
from paywright.events.emit import Event, emit_all
from paywright.idempotency import Answer, Claim, KeyReused, claim_fresh, recall
from paywright.ledger import batch as ledger
from paywright.ledger.expire import HoldsDue, due, expire
from paywright.ledger.model import Transfer, TransferKind
from paywright.ledger.rules import Book
from paywright.payments import transfers_store
from paywright.payments.orders import Answered, Element, Order, Receipt, receipt_of
from paywright.payments.patience import WAIT_MS, Patience, busy, nobody_waits, touches_busy
from paywright.payments.pipeline import STEPS, Draft, Facts, admit
from paywright.payments.recipes import Ingredient, made_again, recipe_of

_TRIES = 10


class Render(msgspec.Struct, frozen=True):
    """How outcomes are told to the caller. Part of the transaction: answers are stored with it.

    happened: of a movement, alone or in a batch. Of the receipt alone: it is told again for a
              repetition, and must be the same then
    refused:  of one that was refused
    whole:    of a batch, from the answers of its elements
    """

    happened: Callable[[Receipt], Answer]
    refused: Callable[[Order, Element, Problem], Answer]
    whole: Callable[[Sequence[Answered]], Answer]


async def move_money(
    db: Database,
    orders: Sequence[Order],
    *,
    render: Render,
    patience: Patience | None = None,
) -> list[Answered | Problem]:
    """Carry out each order, or say why not; one that is refused does not touch the others.

    An order that was carried out, or refused for what the accounts were at that moment, has its
    answer stored: the same order again gets it again. One that made no sense from the start is a
    Problem, and its key stays free. So is one whose account somebody else keeps locked
    (AccountBusy). Safe to repeat.

    patience: of this process, kept from batch to batch
    """
    patience = patience or Patience()
    now, left = _apart(orders, range(len(orders)))
    answers: dict[int, Answered | Problem] = {}
    while now:
        told = await _move_apart(db, [orders[i] for i in now], render, patience)
        answers.update(zip(now, told, strict=True))
        now, left = _apart(orders, left)
    return [answers[i] for i in range(len(orders))]


def _apart(orders: Sequence[Order], indexes: Sequence[int]) -> tuple[list[int], list[int]]:
    """Those that share no key with an earlier one, and those that do: they get its answer, when
    there is one."""
    seen: set[str] = set()
    now: list[int] = []
    later: list[int] = []
    for i in indexes:
        keys = [element.claim.key for element in orders[i].elements if element.claim is not None]
        if (whole := orders[i].claim) is not None:
            keys.append(f"{whole.scope} {whole.key}")  # no key of an element has a space
        (now if seen.isdisjoint(keys) else later).append(i)
        seen.update(keys)
    return now, later


async def _move_apart(
    db: Database, orders: Sequence[Order], render: Render, patience: Patience
) -> list[Answered | Problem]:
    passed_over = patience.has_lost
    for _ in range(_TRIES):
        try:
            return await _move(db, orders, render, patience, passed_over)
        except HoldsDue as found:
            latest = max((order.cause for order in orders), key=lambda cause: cause.at)
            await expire(db, latest, found.ids)
        except Exception as error:
            if is_lock_timeout(error) and passed_over is not nobody_waits:
                passed_over = nobody_waits  # take what is to be had
            elif not is_duplicate(error):
                raise
            # Else another process has just answered one of the requests: the next run finds it.
    raise AssertionError(f"keys or holds changed under us {_TRIES} times")


async def _move(
    db: Database,
    orders: Sequence[Order],
    render: Render,
    patience: Patience,
    passed_over: Callable[[AccountId], bool],
) -> list[Answered | Problem]:
    drafts = [Draft(order, element) for order in orders for element in order.elements]
    admit(drafts)
    at = max(order.cause.at for order in orders)
    async with db.transaction(wait_ms=WAIT_MS) as tx:
        known = await _recall(tx, orders, drafts, render)
        asked = [draft.element.instruction for draft in drafts if draft.is_open]
        book = await ledger.load(tx, asked, passed_over=passed_over) if asked else Book({})
        patience.remember(book.busy, at=at)
        for draft in drafts:
            if draft.is_open and touches_busy(draft.element.instruction, book):
                known[id(draft.order)] = busy()
        if known:
            drafts = [draft for draft in drafts if id(draft.order) not in known]
        facts = Facts(book)
        for step in STEPS:
            step(drafts, facts)
        refused = [draft.problem for draft in drafts if draft.problem is not None]
        if ids := await due(tx, book, asked, refused, at=at):
            raise HoldsDue(ids)
        answers, claims = _answer(orders, drafts, known, facts, render)
        if claims:
            await claim_fresh(tx, claims, at=at)
        await _save(tx, facts, [draft for draft in drafts if draft.transfer is not None])
    return answers


async def _recall(
    tx: Tx, orders: Sequence[Order], drafts: Sequence[Draft], render: Render
) -> dict[int, Answered | Problem]:
    """What was answered before: marks the drafts; returns whole orders, by identity."""
    known: dict[int, Answered | Problem] = {}
    for draft in drafts:
        if isinstance(draft.problem, Forbidden):  # for all of its order, then
            known[id(draft.order)] = draft.problem
    batches = [it for it in orders if it.claim is not None and id(it) not in known]
    keyed = [draft for draft in drafts if draft.is_open and draft.element.claim is not None]
    claims = [order.claim for order in batches] + [draft.element.claim for draft in keyed]
    if not claims:
        return known
    found = await recall(tx, [it for it in claims if it is not None])
    if any(found):
        found = await _told_again(tx, found, len(batches), render)
    for order, answer in zip(batches, found[: len(batches)], strict=True):
        if answer is not None:
            stored = isinstance(answer, Answer)
            known[id(order)] = Answered(answer, replayed=True) if stored else answer
    for draft, answer in zip(keyed, found[len(batches) :], strict=True):
        if isinstance(answer, Problem):
            draft.problem = answer
            draft.keeps_nothing = True
        elif answer is not None:
            draft.recalled = answer
    return known


async def _told_again(
    tx: Tx, found: Sequence[Answer | KeyReused | None], wholes: int, render: Render
) -> list[Answer | KeyReused | None]:
    stored = [it for it in found if isinstance(it, Answer)]
    wholes = sum(isinstance(it, Answer) for it in found[:wholes])
    answers = iter(
        await made_again(tx, stored, wholes=wholes, tell=render.happened, tell_whole=render.whole)
    )
    return [next(answers) if isinstance(it, Answer) else it for it in found]


def _answer(
    orders: Sequence[Order],
    drafts: Sequence[Draft],
    known: dict[int, Answered | Problem],
    facts: Facts,
    render: Render,
) -> tuple[list[Answered | Problem], list[Claim]]:
    """The answer to each order, and the claims that are to be stored with theirs."""
    claims: list[Claim] = []
    told: dict[int, list[Answered]] = {}
    parts: dict[int, list[Ingredient]] = {}
    for draft in drafts:
        answered, part = _of_draft(draft, facts, render)
        claim = draft.element.claim
        if claim is not None and not draft.keeps_nothing and draft.recalled is None:
            answer = answered.answer
            kept = recipe_of([part], status=answer.status) if draft.transfer else answer
            claims.append(Claim(claim.scope, claim.key, claim.fields, claim.fingerprint, kept))
        if draft.keeps_nothing and not draft.order.is_batch and draft.problem is not None:
            known[id(draft.order)] = draft.problem
        else:
            told.setdefault(id(draft.order), []).append(answered)
            if draft.order.is_batch:
                parts.setdefault(id(draft.order), []).append(part)
    answers: list[Answered | Problem] = []
    for order in orders:
        if (earlier := known.get(id(order))) is not None:
            answers.append(earlier)
        elif not order.is_batch:
            answers.append(told[id(order)][0])
        else:
            whole = render.whole(told[id(order)])
            answers.append(Answered(whole))
            if (claim := order.claim) is not None:
                kept = recipe_of(parts[id(order)], status=whole.status)
                claims.append(Claim(claim.scope, claim.key, claim.fields, claim.fingerprint, kept))
    return answers, claims


def _of_draft(draft: Draft, facts: Facts, render: Render) -> tuple[Answered, Ingredient]:
    """What is told of an element, and what is kept of that."""
    if draft.recalled is not None:
        it = draft.recalled
        return Answered(it, replayed=True), Ingredient(None, it.status, it.body, True)
    if draft.problem is not None:
        it = render.refused(draft.order, draft.element, draft.problem)
        return Answered(it), Ingredient(None, it.status, it.body)
    transfer = draft.settled()
    it = render.happened(receipt_of(transfer, facts.book.accounts))
    return Answered(it), Ingredient(transfer.id)


async def _save(tx: Tx, facts: Facts, drafts: Sequence[Draft]) -> None:
    if not drafts:
        return
    moved = [(draft.order.cause, draft.settled()) for draft in drafts]
    await ledger.save(tx, facts.book, [transfer for _, transfer in moved])
    paid = [(cause, it) for cause, it in moved if it.kind is TransferKind.POST]
    if paid:
        await transfers_store.insert(tx, [it for _, it in paid], [cause.at for cause, _ in paid])
    await emit_all(tx, [(cause, _told(transfer)) for cause, transfer in moved])


def _told(transfer: Transfer) -> Event:
    if transfer.kind is not TransferKind.POST:
        return ledger.posted(transfer)
    facts = {"kind": "transfer", "status": "succeeded", **ledger.facts_of(transfer)}
    subject = f"pay_{str(transfer.id)[4:]}"
    return Event("payment.completed", subject, facts)
