"""The work that payments ask for later. `jobs` binds it to its use-cases; what a payment needs of
a slice above is bound there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue_all


class SettlePayment(Task, frozen=True):
    """Ask the other bank: for the payment itself, or what became of it.

    turn: 0 for the first; each turn has the next one queued before it asks
    """

    payment_id: PaymentId
    turn: int = 0


class ReviewPayment(Task, frozen=True):
    """A person is to look at a payment: issues open one of their own about it.

    reason: `declined` by risk, or `unsettled`: no bank could tell what became of it
    """

    payment_id: PaymentId
    reason: Literal["declined", "unsettled"] = "declined"


async def ask_to_settle(tx: Tx, caused: Sequence[tuple[Cause, PaymentId]]) -> None:
    await enqueue_all(
        tx,
        [
            (cause, JobRequest(SettlePayment(it), priority=Priority.HIGH, key=_key(it, 0)))
            for cause, it in caused
        ],
    )


async def ask_to_settle_later(
    tx: Tx, cause: Cause, payment_id: PaymentId, *, turn: int, wait: timedelta
) -> None:
    at: datetime = cause.at + wait
    request = JobRequest(
        SettlePayment(payment_id, turn), at=at, priority=Priority.HIGH, key=_key(payment_id, turn)
    )
    await enqueue_all(tx, [(cause, request)])


async def ask_for_reviews(
    tx: Tx,
    caused: Sequence[tuple[Cause, PaymentId]],
    *,
    reason: Literal["declined", "unsettled"] = "declined",
) -> None:
    await enqueue_all(
        tx,
        [
            (cause, JobRequest(ReviewPayment(it, reason), key=f"review:{it}:{reason}"))
            for cause, it in caused
        ],
    )


def _key(payment_id: PaymentId, turn: int) -> str:
    return f"settle:{payment_id}:{turn}"
