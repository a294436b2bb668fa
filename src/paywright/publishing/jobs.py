"""Publishing, again and again. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import schedule
from paywright.publishing.publish import publish


@schedule("publish_events", every=timedelta(seconds=1))
async def run_publish_events(run: Run) -> None:
    if run.app.sink is not None:
        await publish(run.app.db, run.app.sink, run.cause)
