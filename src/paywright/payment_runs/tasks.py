"""The work that payment runs ask for later. `jobs` binds it to its use-cases."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Task
from paywright.jobs.queue import enqueue


class MakePaymentRuns(Task, frozen=True):
    """Let all leave by its providers that waits for a run in a currency."""

    currency: str


async def ask_to_make_runs(tx: Tx, cause: Cause, slot: datetime, currencies: Sequence[str]) -> None:
    requests = [
        JobRequest(MakePaymentRuns(it), key=f"payment_runs:{slot.isoformat()}:{it}")
        for it in currencies
    ]
    await enqueue(tx, cause, *requests)
