"""Payment runs that are made later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.payment_runs.complete import complete_runs
from paywright.payment_runs.due import ask_for_due_runs, make_runs
from paywright.payment_runs.slots import parse_times
from paywright.payment_runs.tasks import MakePaymentRuns


@job(MakePaymentRuns)
async def run_make_payment_runs(run: Run, task: MakePaymentRuns) -> None:
    await make_runs(run.app.db, run.app.vendor_parts, run.cause, currency=task.currency)


@schedule("make_payment_runs", every=timedelta(minutes=1))
async def run_ask_for_due_runs(run: Run) -> None:
    times = parse_times(run.app.settings.payment_run_times)
    await ask_for_due_runs(run.app.db, run.cause, times=times)


@schedule("complete_payment_runs", every=timedelta(minutes=1))
async def run_complete_payment_runs(run: Run) -> None:
    await complete_runs(run.app.db, run.cause)
