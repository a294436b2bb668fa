"""The work that payments ask for later. `jobs` binds it to its use-cases; what a payment needs of
a slice above is bound there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, RefundId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue_all, withdraw

Reason = Literal["declined", "unsettled", "payout_failed", "contradicted"]


class SettlePayment(Task, frozen=True):
    """Ask a provider: to carry out a payment or a charge, or what became of it.

    turn: 0 for the first; each turn has the next one queued before it asks
    """

    payment_id: PaymentId
    turn: int = 0


class SettleRefund(Task, frozen=True):
    """The same for a refund."""

    refund_id: RefundId
    turn: int = 0


class ReviewPayment(Task, frozen=True):
    """A person is to look at a payment: issues open one of their own about it.

    reason: `declined` by risk; `unsettled`: no bank could tell what became of it;
            `payout_failed`: a vendor was not paid; `contradicted`: the provider says now that
            it was otherwise
    """

    payment_id: PaymentId
    reason: Reason = "declined"


class FollowUpFailure(Task, frozen=True):
    """A vendor payment has failed: repeat it later, or have a person look."""

    payment_id: PaymentId


# What is settled: a payment by its id, or a refund by its own.
Target = PaymentId | RefundId


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of settling, to be queued. at: None: now.

    again: the moment at which it was put off, for a turn that has come and could not be taken: the
           job that says so still has the turn's own key
    """

    cause: Cause
    target: Target
    turn: int
    at: datetime | None = None
    again: datetime | None = None


async def ask_to_settle(tx: Tx, caused: Sequence[tuple[Cause, Target]]) -> None:
    await ask_for_turns(tx, [Turn(cause=cause, target=it, turn=0) for cause, it in caused])


async def ask_to_settle_now(tx: Tx, caused: Sequence[tuple[Cause, Target]]) -> None:
    """Have somebody ask the provider at once, out of turn, what became of each."""
    await ask_for_turns(
        tx, [Turn(cause=cause, target=it, turn=1, again=cause.at) for cause, it in caused]
    )


async def ask_for_turns(tx: Tx, turns: Sequence[Turn]) -> None:
    await enqueue_all(
        tx,
        [
            (
                it.cause,
                JobRequest(_task(it), at=it.at, priority=Priority.HIGH, key=turn_key(it)),
            )
            for it in turns
        ],
    )


async def withdraw_turns(tx: Tx, turns: Sequence[tuple[Target, int]]) -> None:
    """Take back turns whose payment or refund is settled: they would find nothing to do."""
    await withdraw(tx, [_key(target, turn) for target, turn in turns])


def turn_key(it: Turn) -> str:
    put_off = "" if it.again is None else f":{it.again.timestamp():.3f}"
    return _key(it.target, it.turn) + put_off


def _key(target: Target, turn: int) -> str:
    return f"settle:{target}:{turn}"


def _task(it: Turn) -> Task:
    if isinstance(it.target, RefundId):
        return SettleRefund(it.target, it.turn)
    return SettlePayment(it.target, it.turn)


async def ask_for_reviews(
    tx: Tx,
    caused: Sequence[tuple[Cause, PaymentId]],
    *,
    reason: Reason = "declined",
) -> None:
    await enqueue_all(
        tx,
        [
            (cause, JobRequest(ReviewPayment(it, reason), key=f"review:{it}:{reason}"))
            for cause, it in caused
        ],
    )


async def ask_to_follow_up(tx: Tx, caused: Sequence[tuple[Cause, PaymentId]]) -> None:
    await enqueue_all(
        tx,
        [(cause, JobRequest(FollowUpFailure(it), key=f"follow_up:{it}")) for cause, it in caused],
    )
