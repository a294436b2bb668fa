"""KYC work that happens later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import GiveUp, Run
from paywright.jobs.registry import job, schedule
from paywright.kyc.ask import ask_due, ask_provider
from paywright.kyc.expire import expire_verifications
from paywright.kyc.tasks import AskKycProvider


@job(AskKycProvider, timeout=timedelta(minutes=1))
async def run_ask_kyc_provider(run: Run, task: AskKycProvider) -> None:
    app = run.app
    if app.kyc_provider is None:
        raise GiveUp("KYC_PROVIDER_URL is not set here, and a check waits for a provider")
    await ask_provider(app.db, app.keys, app.kyc_provider, run.cause, check_id=task.check_id)


@schedule("ask_due_kyc_checks", every=timedelta(seconds=5))
async def run_ask_due(run: Run) -> None:
    await ask_due(run.app.db, run.cause)


@schedule("expire_kyc_verifications", every=timedelta(minutes=1))
async def run_expire_verifications(run: Run) -> None:
    await expire_verifications(run.app.db, run.cause)
