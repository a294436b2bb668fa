"""The work that screening asks for later. `jobs` binds it to its use-case."""

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue

_KEY = "screening:rescreen"


class RescreenCustomers(Task, frozen=True):
    """Filed when a list changes. Goes on where it was left; finds nothing when all are screened."""


async def ask_for_rescreen(tx: Tx, cause: Cause) -> None:
    """One at a time: whoever runs it goes on until nobody is left."""
    await enqueue(tx, cause, JobRequest(RescreenCustomers(), priority=Priority.HIGH, key=_KEY))
