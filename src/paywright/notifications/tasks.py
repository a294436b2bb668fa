"""The work that messages ask for later. `jobs` binds it to its use-case."""

from collections.abc import Iterable

from paywright.core.cause import Cause
from paywright.core.ids import MessageId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue


class DeliverMessage(Task, frozen=True):
    """Filed with every message. Finds nothing to do when it was sent, or its time is over."""

    message_id: MessageId


async def ask_for_delivery(tx: Tx, cause: Cause, ids: Iterable[MessageId]) -> None:
    """Before other work: somebody waits for it."""
    requests = [
        JobRequest(DeliverMessage(message_id), priority=Priority.HIGH, key=str(message_id))
        for message_id in ids
    ]
    await enqueue(tx, cause, *requests)
