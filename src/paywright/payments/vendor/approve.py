"""Approve vendor payments: one, or many at once."""

from collections.abc import Callable, Sequence

import msgspec

from paywright.approvals import store as approvals
from paywright.approvals.decide import missing, needed
from paywright.approvals.model import Vote
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.idempotency import Answer, Claim, KeyReused, claim_fresh, recall
from paywright.ledger.expire import HoldsDue, expire
from paywright.payments.checks import Checks, Unscreened, screen_parties
from paywright.payments.orders import Answered
from paywright.payments.vendor import store
from paywright.payments.vendor.advance import advance, ask_for_one_more
from paywright.payments.vendor.going import Going, going_of
from paywright.payments.vendor.model import Terms, VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.voting import Approving, Case, Draft, cast_votes, load_cases
from paywright.rulesets.cache import RuleSetCache

_TRIES = 10

Render = Callable[[VendorPayment], bytes]


class ApproveParts(msgspec.Struct, frozen=True):
    """What approvals are judged with, and what payments go on with."""

    checks: Checks
    policies: RuleSetCache
    terms: Terms


async def approve_payments(
    db: Database, parts: ApproveParts, asked: Sequence[Approving], *, render: Render
) -> list[Answered | Problem]:
    """Add an approval to each payment, and carry out those that have all they need.

    All in one transaction, in the order given; one that is refused does not touch the others.
    Refusals: NoSuchVendorPayment, PaymentNotPending, PaymentChanged, VendorBlocked; those of
    `approvals.decide.cast`; where it would have been the last approval, also InsufficientFunds and
    what else the ledger or the bank has against it: then the approval is not kept.
    """
    at = max(it.cause.at for it in asked)
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                return await _approve(tx, parts, asked, render)
        except HoldsDue as found:
            await expire(db, asked[0].cause, found.ids)
        except Unscreened as found:
            await screen_parties(db, found, at=at)
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just used one of the keys: the next run finds its answer.
    raise AssertionError(f"keys, holds or lists changed under us {_TRIES} times")


async def _approve(
    tx: Tx, parts: ApproveParts, asked: Sequence[Approving], render: Render
) -> list[Answered | Problem]:
    drafts = [Draft(it) for it in asked]
    await _recall(tx, drafts)
    live = [it for it in drafts if it.recalled is None and it.problem is None]
    if live:
        rules = await parts.policies.current(tx)
        cases = await load_cases(tx, rules, live)
        await cast_votes(tx, rules, cases, live)
        await _carry_on(tx, parts.checks, cases, live)
    ids = [it.row.id for it in live if it.row is not None and it.problem is None]
    found = await on_file(tx, ids) if ids else {}
    fresh: list[Claim] = []
    for it in live:
        if it.problem is None:
            it.recalled = Answer(200, render(found[it.asked.payment_id]))
            if (claim := it.asked.claim) is not None:
                fresh.append(msgspec.structs.replace(claim, answer=it.recalled))
    if fresh:
        await claim_fresh(tx, fresh, at=max(it.cause.at for it in asked))
    done = set(map(id, live))
    return [it.problem or _answered(it, replayed=id(it) not in done) for it in drafts]


def _answered(draft: Draft, *, replayed: bool) -> Answered:
    if draft.recalled is None:
        raise AssertionError("neither answer nor problem")
    return Answered(draft.recalled, replayed=replayed)


async def _recall(tx: Tx, drafts: Sequence[Draft]) -> None:
    keyed = [(it, claim) for it in drafts if (claim := it.asked.claim) is not None]
    if not keyed:
        return
    # Before anything is read: who sends the same request twice at once is told of the first, and
    # not that somebody was faster.
    await store.lock(tx, [it.asked.payment_id for it in drafts])
    for (draft, _), found in zip(keyed, await recall(tx, [it for _, it in keyed]), strict=True):
        if isinstance(found, KeyReused):
            draft.problem = found
        else:
            draft.recalled = found


async def _carry_on(
    tx: Tx, checks: Checks, cases: dict[PaymentId, Case], drafts: Sequence[Draft]
) -> None:
    """Carry out what is approved now, and keep the votes of what was not refused meanwhile."""
    last = {it.asked.payment_id: it for it in drafts if it.vote is not None}
    complete = [it for it in last if not missing(cases[it].requirements, cases[it].votes)]
    going = [
        going_of(last[it].asked.cause, cases[it].row, cases[it].vendor, checks.keys)
        for it in complete
    ]
    refused: dict[PaymentId, Problem] = {}
    if going:
        await _advance(tx, checks, cases, going, refused)
    for draft in drafts:
        if draft.vote is not None and (problem := refused.get(draft.asked.payment_id)):
            draft.problem, draft.vote = problem, None
    kept = [(it.asked.cause, it.vote) for it in drafts if it.vote is not None]
    await approvals.insert_votes(tx, [vote for _, vote in kept])
    await emit_all(tx, [(cause, _given(vote)) for cause, vote in kept])


async def _advance(
    tx: Tx,
    checks: Checks,
    cases: dict[PaymentId, Case],
    going: Sequence[Going],
    refused: dict[PaymentId, Problem],
) -> None:
    counts = [needed(cases[it.row.id].requirements) for it in going]
    risky = await advance(tx, checks, going, counts)
    again: list[Going] = []
    for it in risky:
        case = cases[it.row.id]
        case.row = it.row = msgspec.structs.replace(it.row, is_high_risk=True)
        case.requirements = await ask_for_one_more(tx, it.row, case.requirements)
        if not missing(case.requirements, case.votes):
            again.append(it)
    if again:
        await advance(tx, checks, again, [needed(cases[it.row.id].requirements) for it in again])
    refused.update({it.row.id: it.problem for it in going if it.problem is not None})


def _given(vote: Vote) -> Event:
    facts = {
        "subject": str(PaymentId.of(vote.subject_id)),
        "content_hash": vote.content_hash.hex(),
        "role": vote.role,
        "principal": vote.principal,
        "delegation_id": None if vote.delegation_id is None else str(vote.delegation_id),
        "policy_version": vote.policy_version,
    }
    return Event("approval.given", str(PaymentId.of(vote.subject_id)), facts)
