"""Move money: any number of orders in one transaction, each with an answer of its own."""

from collections.abc import Callable, Sequence

from paywright.core.errors import Forbidden, Problem
from paywright.core.ids import AccountId
from paywright.db.pool import Database, Tx, is_duplicate, is_lock_timeout
from paywright.idempotency import Answer, KeyReused, amend, claim_fresh, recall
from paywright.ledger import batch as ledger
from paywright.ledger.expire import HoldsDue, due, expire
from paywright.ledger.rules import Book
from paywright.payments import confirm, outside
from paywright.payments.answering import Render, tell
from paywright.payments.checks import Checks, Unscreened, load_background, screen_parties
from paywright.payments.orders import Answered, Order
from paywright.payments.patience import WAIT_MS, Patience, busy, nobody_waits, touches_busy
from paywright.payments.pipeline import Draft, Facts, admit, carry_out
from paywright.payments.recipes import made_again
from paywright.payments.save import save

_TRIES = 10


async def move_money(
    db: Database,
    orders: Sequence[Order],
    *,
    render: Render,
    patience: Patience | None = None,
    checks: Checks | None = None,
) -> list[Answered | Problem]:
    """Carry out each order, or say why not; one that is refused does not touch the others.

    An order that was carried out, or refused for what the accounts were at that moment, has its
    answer stored: the same order again gets it again. One that made no sense from the start is a
    Problem, and its key stays free. So is one whose account somebody else keeps locked
    (AccountBusy). Safe to repeat.

    patience: of this process, kept from batch to batch
    checks:   what risks are weighed with; None: none are, for movements that are not asked for by
              anybody outside
    """
    patience = patience or Patience()
    now, left = _apart(orders, range(len(orders)))
    answers: dict[int, Answered | Problem] = {}
    while now:
        told = await _move_apart(db, [orders[i] for i in now], render, patience, checks)
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
    db: Database,
    orders: Sequence[Order],
    render: Render,
    patience: Patience,
    checks: Checks | None,
) -> list[Answered | Problem]:
    passed_over = patience.has_lost
    for _ in range(_TRIES):
        try:
            return await _move(db, orders, render, patience, passed_over, checks)
        except HoldsDue as found:
            latest = max((order.cause for order in orders), key=lambda cause: cause.at)
            await expire(db, latest, found.ids)
        except Unscreened as found:
            await screen_parties(db, found, at=max(order.cause.at for order in orders))
        except Exception as error:
            if is_lock_timeout(error) and passed_over is not nobody_waits:
                passed_over = nobody_waits  # take what is to be had
            elif not is_duplicate(error):
                raise
            # Else another process has just answered one of the requests: the next run finds it.
    raise AssertionError(f"keys, holds or lists changed under us {_TRIES} times")


async def _move(
    db: Database,
    orders: Sequence[Order],
    render: Render,
    patience: Patience,
    passed_over: Callable[[AccountId], bool],
    checks: Checks | None,
) -> list[Answered | Problem]:
    drafts = [Draft(order, it, it.instruction) for order in orders for it in order.elements]
    admit(drafts)
    at = max(order.cause.at for order in orders)
    async with db.transaction(wait_ms=WAIT_MS) as tx:
        known = await _recall(tx, orders, drafts, render)
        await outside.guard_holds(tx, drafts)
        await outside.find_banks(tx, drafts, checks)
        asked = [draft.instruction for draft in drafts if draft.is_open]
        book = await ledger.load(tx, asked, passed_over=passed_over) if asked else Book({})
        patience.remember(book.busy, at=at)
        for draft in drafts:
            if draft.is_open and touches_busy(draft.instruction, book):
                known[id(draft.order)] = busy()
        if known:
            drafts = [draft for draft in drafts if id(draft.order) not in known]
        facts = Facts(book, await load_background(tx, checks, drafts, book))
        # After the payers' profiles, as new challenges are: all lock in one order.
        held = await confirm.try_codes(tx, checks, drafts, book, at=at)
        carry_out(drafts, facts)
        refused = [draft.problem for draft in drafts if draft.problem is not None]
        if ids := await due(tx, book, asked, refused, at=at):
            raise HoldsDue(ids)
        await confirm.challenge(tx, checks, drafts, book)
        told = tell(orders, drafts, known, facts, render)
        if told.fresh:
            await claim_fresh(tx, told.fresh, at=at)
        if told.amended:
            await amend(tx, told.amended)
        await save(tx, facts, drafts, checks)
        await confirm.save_tries(tx, drafts, held)
    return told.answers


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
            draft.refuse(answer)
        elif draft.element.otp is not None:
            confirm.take_up(draft, answer)
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
