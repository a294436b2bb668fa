"""Make runs by themselves, at the times of day that settings name."""

from collections.abc import Collection
from datetime import time

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.payment_runs import store
from paywright.payment_runs.collect import RUN_MAX, collect
from paywright.payment_runs.model import RunMethod, RunStatus
from paywright.payment_runs.release import release
from paywright.payment_runs.slots import due_slots
from paywright.payment_runs.tasks import ask_to_make_runs
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.leaving import waiting_currencies


async def ask_for_due_runs(db: Database, cause: Cause, *, times: Collection[time]) -> None:
    """Ask for runs in every currency in which something waits, once for each moment.

    Of moments that were missed together, the last one is enough.
    """
    cause.actor.require(Permission.MANAGE_RUNS)
    due = due_slots(times, at=cause.at)
    if not due:
        return
    async with db.transaction() as tx:
        taken = await store.take_slots(tx, due)
        if taken:
            await ask_to_make_runs(tx, cause, max(taken), await waiting_currencies(tx))


async def make_runs(db: Database, parts: ApproveParts, cause: Cause, *, currency: str) -> None:
    """Collect and release runs by providers until nothing waits in the currency. Each is made and
    released at once, or not at all."""
    cause.actor.require(Permission.MANAGE_RUNS)
    more = True
    while more:
        async with db.transaction() as tx:
            await store.collect_alone(tx, currency, RunMethod.PROVIDER)
            run = await collect(
                tx,
                cause,
                currency=currency,
                method=RunMethod.PROVIDER,
                day=cause.at.date(),
                debtor=None,
                limit=RUN_MAX,
            )
            if run is None:
                return
            departure = await release(tx, parts, cause, run)
        # What is held back may wait again at once: where all of it is, there is no more to be done.
        more = run.payments == RUN_MAX and departure.run.status is RunStatus.RELEASED
