"""The ledger's chores."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import schedule
from paywright.ledger.expire import sweep


@schedule("expire_holds", every=timedelta(seconds=5))
async def expire_holds(run: Run) -> None:
    await sweep(run.app.db, run.cause)
