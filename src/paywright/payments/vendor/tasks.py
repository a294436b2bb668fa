"""The work that vendor payments ask for later."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Task
from paywright.jobs.queue import enqueue_all


class ReleasePayment(Task, frozen=True):
    """An approved payment may leave now, unless its vendor has been paused again."""

    payment_id: PaymentId


class RepeatPayment(Task, frozen=True):
    """Make a failed payment again, under a new id."""

    payment_id: PaymentId


async def ask_to_release(tx: Tx, caused: Sequence[tuple[Cause, PaymentId, datetime]]) -> None:
    """The moment is a part of the key: a release that is put off asks under its own."""
    await enqueue_all(
        tx,
        [
            (cause, JobRequest(ReleasePayment(it), at=at, key=f"release:{it}:{at.timestamp():.3f}"))
            for cause, it, at in caused
        ],
    )


async def ask_to_repeat(tx: Tx, cause: Cause, payment_id: PaymentId, *, at: datetime) -> None:
    await enqueue_all(
        tx, [(cause, JobRequest(RepeatPayment(payment_id), at=at, key=f"repeat:{payment_id}"))]
    )
