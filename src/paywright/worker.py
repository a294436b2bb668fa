"""The worker process: everything that happens later."""

import asyncio
import signal
from datetime import timedelta

from paywright import housekeeping
from paywright.challenges import jobs as challenge_jobs
from paywright.identity import jobs as identity_jobs
from paywright.issues import jobs as issue_jobs
from paywright.jobs.registry import REGISTRY
from paywright.jobs.worker import Worker
from paywright.kyc import jobs as kyc_jobs
from paywright.ledger import jobs as ledger_jobs
from paywright.notifications import jobs as notification_jobs
from paywright.payment_runs import jobs as payment_run_jobs
from paywright.payments import jobs as payment_jobs
from paywright.payments.vendor import jobs as vendor_payment_jobs
from paywright.publishing import jobs as publishing_jobs
from paywright.reconciliation import jobs as reconciliation_jobs
from paywright.screening import jobs as screening_jobs
from paywright.settings import Settings
from paywright.vendors import jobs as vendor_jobs
from paywright.wiring import build_patiently, job_policy

# Importing them has put their jobs and schedules into the registry.
JOBS = (
    housekeeping,
    identity_jobs,
    challenge_jobs,
    issue_jobs,
    kyc_jobs,
    ledger_jobs,
    notification_jobs,
    payment_jobs,
    payment_run_jobs,
    vendor_payment_jobs,
    publishing_jobs,
    reconciliation_jobs,
    screening_jobs,
    vendor_jobs,
)


async def run_worker(settings: Settings, *, url: str) -> bool:
    """Work until SIGTERM or SIGINT; whether everything under way was finished in time."""
    app = await build_patiently(
        settings,
        url=url,
        application="paywright-worker",
        # What `Worker` needs at the least, whatever the pool of the API is sized for.
        connections_max=max(settings.database_pool_max, settings.queue_concurrency + 10),
    )
    worker = Worker(
        app.db,
        app,
        REGISTRY,
        concurrency=settings.queue_concurrency,
        calls_max=settings.payment_concurrency,
        policy=job_policy(settings),
        lease=timedelta(milliseconds=settings.queue_lease_ms),
    )
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    running = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finished = await worker.stop(timedelta(milliseconds=settings.shutdown_timeout_ms))
    await running
    await app.close()
    return finished
