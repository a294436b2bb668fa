"""Screening that happens later."""

from datetime import timedelta

import structlog

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.screening.rescreen import rescreen, screen_changed
from paywright.screening.tasks import RescreenCustomers

log = structlog.get_logger()

_TOLD_EVERY = 20_000  # customers


# A million customers take a while. A run that is cut short goes on where it was.
@job(RescreenCustomers, timeout=timedelta(hours=2))
async def run_rescreen(run: Run, task: RescreenCustomers) -> None:
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done - told >= _TOLD_EVERY or done == total:
            log.info("screening.rescreened", done=done, total=total)
            told = done

    app = run.app
    await rescreen(app.db, app.keys, app.screener, run.cause, on_page=tell)


@schedule("screen_customers", every=timedelta(seconds=10))
async def run_screen_changed(run: Run) -> None:
    await screen_changed(run.app.db, run.app.keys, run.app.screener, run.cause)
