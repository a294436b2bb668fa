"""The chores of challenges."""

from datetime import timedelta

from paywright.challenges.expire import sweep
from paywright.jobs.model import Run
from paywright.jobs.registry import schedule


@schedule("expire_challenges", every=timedelta(seconds=15))
async def expire_challenges(run: Run) -> None:
    await sweep(run.app.db, run.cause)
