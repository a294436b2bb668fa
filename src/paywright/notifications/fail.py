"""Messages that will not be sent: every attempt failed, or their time is over."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.notifications import store
from paywright.notifications.tasks import DeliverMessage

_CHUNK = 500  # messages in one transaction, so that no sweep holds locks for long


async def fail_messages(
    tx: Tx, cause: Cause, tasks: Sequence[DeliverMessage], reasons: Sequence[str]
) -> None:
    """Mark messages as failed, together with the death of their jobs.

    Until its time is over, a failed message is sent after all when its job is put back.
    """
    reason_of = {task.message_id: reason for task, reason in zip(tasks, reasons, strict=True)}
    failed = await store.set_failed(tx, reason_of)
    told = [Event("message.failed", str(i), {"reason": reason_of[i]}) for i in failed]
    await emit(tx, cause, *told)


async def expire_messages(db: Database, cause: Cause) -> int:
    """Erase what messages say that are of no use any more; how many of them were never sent."""
    expired = 0
    while True:
        async with db.transaction() as tx:
            ids = await store.set_expired(tx, at=cause.at, limit=_CHUNK)
            await emit(tx, cause, *[Event("message.expired", str(i), {}) for i in ids])
        expired += len(ids)
        if len(ids) < _CHUNK:
            return expired
