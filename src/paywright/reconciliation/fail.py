"""Give a comparison up: it says nothing about the books."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.ids import ReconciliationId
from paywright.db.pool import Tx
from paywright.events import Event, emit
from paywright.reconciliation import lines_store, store
from paywright.reconciliation.model import Reconciliation, RunState
from paywright.reconciliation.tasks import Reconcile, ask_for_review


async def fail(
    tx: Tx, cause: Cause, ids: Sequence[ReconciliationId], reasons: Sequence[str]
) -> list[Reconciliation]:
    """Those that had not ended. `reasons`: for an operator, one for each."""
    failed = await store.set_failed(tx, ids, reasons, at=cause.at)
    for run in failed:
        await lines_store.clear(tx, run.id)
    await emit(tx, cause, *[_failed(run) for run in failed])
    return failed


async def fail_reconciliations(
    tx: Tx, cause: Cause, tasks: Sequence[Reconcile], reasons: Sequence[str]
) -> None:
    """Together with the death of their jobs. A person is to look why."""
    failed = await fail(tx, cause, [task.reconciliation_id for task in tasks], reasons)
    await ask_for_review(tx, cause, [run.id for run in failed], reason="failed")


def _failed(run: Reconciliation) -> Event:
    facts = {"provider": run.provider, "day": run.day.isoformat(), "reason": run.failure}
    before = {"state": RunState.RUNNING.value}
    return Event("reconciliation.failed", str(run.id), facts, before, {"state": run.state.value})
