"""Take a run back before anything of it has left."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import RunId
from paywright.db.pool import Database
from paywright.events import emit
from paywright.payment_runs import store
from paywright.payment_runs.collect import event_of
from paywright.payment_runs.model import PaymentRun, RunStatus
from paywright.payment_runs.state import check_collected, lock_run
from paywright.payments.vendor import leaving


async def cancel_run(db: Database, cause: Cause, *, run_id: RunId) -> PaymentRun:
    """Cancel a run; its payments wait for another one. Raises NoSuchRun, RunNotCollected."""
    cause.actor.require(Permission.MANAGE_RUNS)
    async with db.transaction() as tx:
        run = await lock_run(tx, run_id)
        check_collected(run)
        await leaving.unassign(tx, run.id)
        await store.set_canceled(tx, run.id)
        run = msgspec.structs.replace(run, status=RunStatus.CANCELED)
        await emit(tx, cause, event_of(run, "payment_run.canceled", reason="asked"))
    return run
