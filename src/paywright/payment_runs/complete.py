"""Runs of which nothing is open any more are done."""

import msgspec

from paywright.core.cause import Cause
from paywright.db.pool import Database, Tx
from paywright.events import emit
from paywright.payment_runs import store
from paywright.payment_runs.collect import event_of
from paywright.payment_runs.model import PaymentRun, RunStatus
from paywright.payment_runs.state import lock_run
from paywright.payments.model import PaymentStatus
from paywright.payments.states import is_final
from paywright.payments.vendor import leaving

_CHUNK = 100  # runs that are looked at in one transaction


async def complete_runs(db: Database, cause: Cause) -> None:
    """Complete the runs that have left and of which all payments have come to their end."""
    after = None
    while True:
        async with db.transaction() as tx:
            found = await store.released_runs(tx, after, limit=_CHUNK)
            for run_id in found:
                await complete_if_done(tx, cause, await lock_run(tx, run_id))
        if len(found) < _CHUNK:
            return
        after = found[-1]


async def complete_if_done(tx: Tx, cause: Cause, run: PaymentRun) -> PaymentRun:
    """The run as it is then. The caller has locked it."""
    if run.status is not RunStatus.RELEASED:
        return run
    payments = await leaving.of_run(tx, run.id)
    if not all(is_final(PaymentStatus(it.status)) for it in payments):
        return run
    run = msgspec.structs.replace(run, status=RunStatus.COMPLETED, completed_at=cause.at)
    await store.set_completed(tx, run.id, at=cause.at)
    succeeded = sum(it.status == PaymentStatus.SUCCEEDED for it in payments)
    await emit(tx, cause, event_of(run, "payment_run.completed", succeeded=succeeded))
    return run
