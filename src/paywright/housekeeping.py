"""Chores that keep the database in shape. Each is done by one process of the fleet at a time."""

from datetime import timedelta

from paywright.events.store import ensure_partitions
from paywright.idempotency.store import forget
from paywright.jobs.model import Run
from paywright.jobs.registry import schedule
from paywright.jobs.retention import prune_log
from paywright.throttle.strict import forget_recovered

_CHUNK = 5_000  # rows in one transaction, so that no sweep holds locks for long


@schedule("prepare_event_partitions", every=timedelta(days=1))
async def prepare_event_partitions(run: Run) -> None:
    async with run.app.db.transaction() as tx:
        await ensure_partitions(tx, months_ahead=3)


@schedule("forget_idempotency_keys", every=timedelta(hours=1))
async def forget_idempotency_keys(run: Run) -> None:
    age = timedelta(hours=run.app.settings.idempotency_retention_hours)
    gone = _CHUNK
    while gone == _CHUNK:
        async with run.app.db.transaction() as tx:
            gone = await forget(tx, before=run.cause.at - age, limit=_CHUNK)


@schedule("prune_job_log", every=timedelta(hours=1))
async def prune_job_log(run: Run) -> None:
    await prune_log(run.app.db, before=run.cause.at - timedelta(days=7))


@schedule("forget_rate_limits", every=timedelta(minutes=1))
async def forget_rate_limits(run: Run) -> None:
    await forget_recovered(run.app.db, at=run.cause.at)
