"""A chore is done by one process of the fleet, every so often."""

import asyncio
from datetime import timedelta
from itertools import pairwise

from structlog.testing import capture_logs
from tests.jobs.working import LEASE, until, working

from paywright.db.pool import Database
from paywright.jobs import Registry, Run


async def test_a_fleet_does_a_chore_once_a_period(db: Database) -> None:
    starts: list[float] = []
    running = most = 0
    registry = Registry()
    loop = asyncio.get_running_loop()

    @registry.schedule("tidy", every=timedelta(seconds=0.5))
    async def tidy(run: Run) -> None:
        nonlocal running, most
        starts.append(loop.time())
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.1)
        running -= 1

    async def enough() -> bool:
        return len(starts) >= 4

    async with working(db, registry), working(db, registry), working(db, registry):
        await until(enough)
    assert most == 1
    gaps = [after - before for before, after in pairwise(starts)]
    assert min(gaps) > 0.4


async def test_a_chore_that_fails_is_done_again_the_next_time(db: Database) -> None:
    runs: list[str] = []
    registry = Registry()

    @registry.schedule("tidy", every=timedelta(seconds=0.2))
    async def tidy(run: Run) -> None:
        runs.append(run.cause.actor.id)
        if len(runs) == 1:
            raise ZeroDivisionError

    async def twice() -> bool:
        return len(runs) >= 2

    with capture_logs() as logs:
        async with working(db, registry):
            await until(twice)
    assert set(runs) == {"system"}
    assert "jobs.schedule_failed" in [entry["event"] for entry in logs]


async def test_a_long_chore_is_left_alone_and_that_of_a_dead_process_is_not(db: Database) -> None:
    starts = 0
    finish = asyncio.Event()
    registry = Registry()

    @registry.schedule("tidy", every=timedelta(seconds=0.2))
    async def tidy(run: Run) -> None:
        nonlocal starts
        starts += 1
        await finish.wait()

    async def started() -> bool:
        return starts > 0

    # As a process that died in the middle of it would have left it.
    await db.pool.execute(
        "insert into pgqueuer_schedules (expression, entrypoint, status, heartbeat, next_run)"
        " values ('every', 'tidy', 'picked', now(), now() + interval '1 hour')"
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with working(db, registry), working(db, registry):
        await until(started)
        assert loop.time() - began > LEASE.total_seconds() * 0.8
        await asyncio.sleep(LEASE.total_seconds() * 1.5)
        assert starts == 1
        finish.set()
    status = await db.pool.fetchval("select status::text from pgqueuer_schedules")
    assert status == "queued"
