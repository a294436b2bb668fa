"""The work that reconciliation asks for later. `jobs` binds it to its use-cases; what it needs of
issues is bound there."""

from collections.abc import Sequence
from typing import Literal

from paywright.core.cause import Cause
from paywright.core.ids import ReconciliationId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue

Reason = Literal["differences", "failed"]


class Reconcile(Task, frozen=True):
    """Read the statement of the provider and compare. Finds nothing to do once it has ended."""

    reconciliation_id: ReconciliationId


class ReviewReconciliation(Task, frozen=True):
    """A person is to look at a reconciliation: issues open one of their own about it."""

    reconciliation_id: ReconciliationId
    reason: Reason


async def ask_to_reconcile(tx: Tx, cause: Cause, ids: Sequence[ReconciliationId]) -> None:
    """Behind everything else: it takes a while, and nobody waits for it."""
    requests = [JobRequest(Reconcile(it), priority=Priority.LOW, key=f"rec:{it}") for it in ids]
    await enqueue(tx, cause, *requests)


async def ask_for_review(
    tx: Tx, cause: Cause, ids: Sequence[ReconciliationId], *, reason: Reason
) -> None:
    requests = [
        JobRequest(ReviewReconciliation(it, reason), key=f"review:{it}:{reason}") for it in ids
    ]
    await enqueue(tx, cause, *requests)
