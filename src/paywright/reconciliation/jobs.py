"""Reconciliation that happens later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.core.backoff import RetryPolicy
from paywright.jobs.model import GiveUp, Run
from paywright.jobs.registry import job, schedule
from paywright.reconciliation.ask import ask_for_daily
from paywright.reconciliation.fail import fail_reconciliations
from paywright.reconciliation.run import TakenOver, carry_out
from paywright.reconciliation.tasks import Reconcile
from paywright.reconciliation.views import provider_of

# A statement that is late, or a provider that is away, is waited for: five to ten hours in all.
_PATIENT = RetryPolicy(
    attempts_max=12, delay_first=timedelta(minutes=1), delay_max=timedelta(hours=2)
)


@job(Reconcile, timeout=timedelta(hours=2), policy=_PATIENT, on_dead=fail_reconciliations)
async def run_reconcile(run: Run, task: Reconcile) -> None:
    app = run.app
    name = await provider_of(app.db, run.cause, reconciliation_id=task.reconciliation_id)
    provider = app.gateway.providers.get(name)
    if provider is None:
        raise GiveUp(f"the provider {name} is not set up here any more")
    try:
        await carry_out(
            app.db,
            run.cause,
            reconciliation_id=task.reconciliation_id,
            statement=provider.statement,
        )
    except TakenOver:
        return  # it is done, or another is at it


@schedule("reconcile_daily", every=timedelta(minutes=10))
async def run_reconcile_daily(run: Run) -> None:
    await ask_for_daily(run.app.db, run.cause, providers=run.app.gateway.providers)
