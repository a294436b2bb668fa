"""Vendor work that happens later. A schedule names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import schedule
from paywright.vendors.expire_changes import expire_changes


@schedule("expire_vendor_changes", every=timedelta(minutes=1))
async def run_expire_changes(run: Run) -> None:
    await expire_changes(run.app.db, run.cause)
