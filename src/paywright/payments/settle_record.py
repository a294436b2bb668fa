"""The second half of settling: put on file what a provider answered, and move the money."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from paywright.core.cause import Cause
from paywright.core.ids import AccountId, PaymentId
from paywright.db.pool import Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.gateway import calls
from paywright.gateway.breaker import Policy
from paywright.gateway.calls import Ended
from paywright.gateway.model import Answer as ProviderAnswer
from paywright.gateway.model import NotFound, OrderKind
from paywright.idempotency import Answer
from paywright.payments import operations_store, waiting_store
from paywright.payments.model import PaymentStatus
from paywright.payments.operations import Operation, contradicts, judge
from paywright.payments.operations_store import RefundChange, Settled
from paywright.payments.settle_begin import lock_targets
from paywright.payments.settle_book import Done, Judged, book
from paywright.payments.tasks import Target, ask_for_reviews, ask_to_follow_up, withdraw_turns
from paywright.payments.told import amend_answers
from paywright.payments.waiting_store import Change

log = structlog.get_logger()


async def record(
    tx: Tx,
    policy: Policy,
    done: Sequence[Done],
    *,
    paid_through: Mapping[tuple[str, str], AccountId],
    at: datetime,
) -> dict[Target, Answer]:
    """Record the answers. Safe to repeat, and to be done by two at once: what is settled stays so.

    Returns what is told of each charge and refund that changed by it.

    paid_through: the accounts in our books of providers that make payouts, by name and currency
    """
    operations = await lock_targets(tx, [it.call.operation.target for it in done])
    judged = await settle_all(tx, _judge_all(done, operations), paid_through=paid_through, at=at)
    changed = [it.operation.target for it in judged if it.verdict.status is not None]
    answers = await amend_answers(tx, changed)
    settled = {it.operation.target for it in judged if it.verdict.is_final}
    turns = {it.call.operation.target: it.call.next_turn for it in done}
    await withdraw_turns(tx, [(it, turns[it]) for it in turns if it in settled])
    await calls.end(tx, done[0].cause, [_ended(it) for it in done], policy=policy, at=at)
    return answers


async def settle_all(
    tx: Tx,
    judged: Sequence[Judged],
    *,
    paid_through: Mapping[tuple[str, str], AccountId],
    at: datetime,
) -> list[Judged]:
    """Move the money, and change what stands on file. The caller has locked the operations.

    Returns the same as it was done: what the ledger refuses is left as it is.
    """
    booked = await book(tx, judged, paid_through, at=at)
    await _change_payments(tx, booked, at)
    await _change_refunds(tx, booked, at)
    against = [(it.cause, it.operation.payment_id) for it in judged if it.contradicts]
    await ask_for_reviews(tx, against, reason="contradicted")
    failed = [it for it in booked if _has_failed(it)]
    await ask_to_follow_up(tx, [(it.cause, it.operation.payment_id) for it in failed])
    return booked


def _has_failed(it: Judged) -> bool:
    return it.operation.is_vendor_payment and it.verdict.status == PaymentStatus.FAILED


def _judge_all(done: Sequence[Done], operations: Mapping[Target, Operation]) -> list[Judged]:
    """One verdict for each operation: of two answers in a batch the first that settles it."""
    judged: dict[Target, Judged] = {}
    for it in done:
        target = it.call.operation.target
        op = operations.get(target)
        if op is None:
            continue
        now = judged_of(it.cause, op, it.called.answer)
        earlier = judged.get(target)
        if earlier is None or (now.verdict.is_final and not earlier.verdict.is_final):
            judged[target] = now
    return list(judged.values())


def judged_of(cause: Cause, op: Operation, answer: ProviderAnswer | NotFound) -> Judged:
    against = contradicts(op, answer)
    if against:
        log.error("payment.contradiction", payment_id=str(op.payment_id), status=op.status)
    return Judged(cause, op, judge(op, answer), against)


def _ended(it: Done) -> Ended:
    op = it.call.operation
    return Ended(
        operation_id=op.id,
        payment_id=op.payment_id,
        kind=op.kind,
        begun=it.call.begun,
        tries=it.called.tries,
    )


_EVENTS = {
    PaymentStatus.SUCCEEDED: "payment.completed",
    PaymentStatus.FAILED: "payment.failed",
    PaymentStatus.UNKNOWN: "payment.unknown",
    PaymentStatus.REFUNDED: "payment.refunded",
    PaymentStatus.PARTIALLY_REFUNDED: "payment.refunded",
}


async def _change_payments(tx: Tx, judged: Sequence[Judged], at: datetime) -> None:
    ours = [it for it in judged if it.operation.kind is not OrderKind.REFUND]
    told = [
        Settled(
            it.operation.id,
            it.verdict.reference,
            at if it.verdict.status == PaymentStatus.SUCCEEDED else None,
        )
        for it in ours
        if it.verdict.reference is not None
    ]
    if told:
        await operations_store.tell_payments(tx, told)
    changes = [
        (
            it,
            Change(
                payment_id=it.operation.payment_id,
                before=PaymentStatus(it.operation.status),
                after=PaymentStatus(it.verdict.status),
                reason=it.verdict.reason,
                actor=it.cause.actor.id,
                at=at,
                failure_code=it.verdict.failure_code,
            ),
        )
        for it in ours
        if it.verdict.status is not None
    ]
    await waiting_store.change(tx, [change for _, change in changes])
    await emit_all(tx, [(it.cause, _event(it.operation, change)) for it, change in changes])
    for it, change in changes:
        if change.after is PaymentStatus.UNKNOWN:
            log.warning("payment.answer_lost", payment_id=str(it.operation.payment_id))


def _event(op: Operation, change: Change) -> Event:
    facts = {
        "kind": _kind(op),
        "status": change.after.value,
        "amount_minor": op.amount.minor,
        "currency": op.amount.currency,
        "provider": op.provider,
        "reason": change.reason,
    }
    return Event(
        _EVENTS[change.after],
        str(change.payment_id),
        facts,
        before={"status": change.before.value},
        after={"status": change.after.value},
    )


def _kind(op: Operation) -> str:
    if op.is_vendor_payment:
        return "vendor_payment"
    return "transfer" if op.kind is OrderKind.PAYOUT else op.kind.value


async def _change_refunds(tx: Tx, judged: Sequence[Judged], at: datetime) -> None:
    refunds = [it for it in judged if it.operation.kind is OrderKind.REFUND]
    changes = [
        RefundChange(
            it.operation.id,
            it.verdict.status or it.operation.status,
            it.verdict.failure_code,
            it.verdict.reference,
            at if it.verdict.status == "succeeded" else None,
        )
        for it in refunds
        if it.verdict.status is not None or it.verdict.reference is not None
    ]
    if not changes:
        return
    await operations_store.change_refunds(tx, changes)
    told = [it for it in refunds if it.verdict.status is not None]
    await emit_all(tx, [(it.cause, _refund_event(it)) for it in told])
    await _change_refunded(tx, [it for it in told if it.verdict.status == "succeeded"], at)


def _refund_event(it: Judged) -> Event:
    op, after = it.operation, it.verdict.status
    facts = {
        "payment_id": str(op.payment_id),
        "status": after,
        "amount_minor": op.amount.minor,
        "currency": op.amount.currency,
        "provider": op.provider,
        "reason": it.verdict.reason,
    }
    return Event(
        f"refund.{after}",
        str(op.target),
        facts,
        before={"status": op.status},
        after={"status": after},
    )


async def _change_refunded(tx: Tx, refunds: Sequence[Judged], at: datetime) -> None:
    """A charge of which something was given back says so."""
    if not refunds:
        return
    by_payment: dict[UUID, Judged] = {it.operation.payment_id: it for it in refunds}
    found = await operations_store.refunded(tx, list(by_payment))
    changes: list[tuple[Judged, Change]] = []
    for payment_id, refunded in found.items():
        is_whole = refunded.refunded_minor >= refunded.amount_minor
        after = PaymentStatus.REFUNDED if is_whole else PaymentStatus.PARTIALLY_REFUNDED
        before = PaymentStatus(refunded.status)
        if before is after:
            continue
        it = by_payment[payment_id]
        changes.append(
            (
                it,
                Change(
                    payment_id=PaymentId.of(payment_id),
                    before=before,
                    after=after,
                    reason="refunded",
                    actor=it.cause.actor.id,
                    at=at,
                ),
            )
        )
    await waiting_store.change(tx, [change for _, change in changes])
    await emit_all(tx, [(it.cause, _event(it.operation, change)) for it, change in changes])
