"""A worker may die, stall or be stopped at any moment; its jobs go on elsewhere."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from pgqueuer.domain.types import JobId
from tests.faults.stage import holding
from tests.jobs.doomed_worker import POISON
from tests.jobs.working import (
    LEASE,
    POLL,
    Count,
    CountMany,
    a_worker,
    deaths_of,
    done,
    doomed_process,
    drained,
    log_of,
    make_done,
    put,
    statuses,
    until,
    working,
)

from paywright.db.pool import Database
from paywright.events import history
from paywright.jobs import JobRequest, Registry, Run, list_dead, picks_store
from paywright.jobs.claims import Claims
from paywright.jobs.driver import QueueDriver
from paywright.jobs.outage import Outage
from paywright.jobs.picks_store import Pick

doomed = partial(doomed_process, "tests.jobs.doomed_worker")


async def test_the_job_of_a_killed_worker_is_taken_over_in_time(
    db: Database, database_url: str
) -> None:
    await make_done(db)
    taken: list[float] = []
    # A machine with much else to do may be late once; a worker that is, is so each time.
    while len(taken) < 4 and not (taken and min(taken) < (LEASE + POLL).total_seconds() + 1):
        taken.append(await taken_over(db, database_url))
    assert min(taken) < (LEASE + POLL).total_seconds() + 1, taken


async def taken_over(db: Database, database_url: str) -> float:
    """After how many seconds."""
    await db.pool.execute("truncate done")
    [job_id] = await put(db, JobRequest(Count(1)))
    process = await doomed(database_url, "hang")
    await until(lambda: done(db), what="the doomed worker's beginning")
    process.kill()
    killed_at = time.monotonic()
    await process.wait()
    attempts: list[int] = []
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)

    async with working(db, registry):
        await until(lambda: drained(db))
        taken = time.monotonic() - killed_at
    assert attempts == [2]
    assert await log_of(db, job_id) == ["queued", "picked", "picked", "successful"]
    return taken


async def test_a_job_that_kills_its_workers_dies_and_no_other_with_it(
    db: Database, database_url: str
) -> None:
    await make_done(db)
    ids = await put(db, *(JobRequest(CountMany(n)) for n in range(60)))
    poisoned = ids[POISON]
    deaths = await deaths_of(db, lambda: doomed(database_url, "poison"), poisoned=poisoned)
    assert deaths == 5
    assert sorted(set(await done(db))) == [n for n in range(60) if n != POISON]
    async with db.transaction() as tx:
        [letter] = (await list_dead(tx, limit=10)).items
        [event] = await history(tx, f"job_{poisoned}")
    assert letter.reason == "WorkerDied: its worker died 5 times"
    assert letter.attempts == 5
    assert event.type == "job.dead"


@pytest.mark.parametrize("task", [Count(1), CountMany(1)])
async def test_a_job_that_outlasts_the_shutdown_is_left_to_another_worker(
    db: Database, task: Count | CountMany
) -> None:
    [job_id] = await put(db, JobRequest(task))
    attempts: list[int] = []
    began = asyncio.Event()
    registry = Registry()

    async def work(run: Run) -> None:
        attempts.append(run.attempt)
        began.set()
        if run.attempt == 1:
            await asyncio.sleep(3600)

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        await work(run)

    @registry.job(CountMany, batch_max=10)
    async def count_many(run: Run, tasks: list[CountMany]) -> list[None]:
        await work(run)
        return [None]

    worker = a_worker(db, registry)
    running = asyncio.create_task(worker.run())
    await began.wait()
    assert not await worker.stop(timedelta(seconds=0.1))
    await running
    assert await statuses(db) == {job_id: "picked"}
    assert await log_of(db, job_id) == ["queued", "picked"]

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1, 2]
    assert await log_of(db, job_id) == ["queued", "picked", "picked", "successful"]


async def test_a_cancelled_worker_loses_no_job(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        began.set()
        if run.attempt == 1:
            await asyncio.sleep(3600)

    running = asyncio.create_task(a_worker(db, registry).run())
    await began.wait()
    running.cancel()
    await asyncio.wait({running})
    async with working(db, registry):
        await until(lambda: drained(db))
    assert await log_of(db, job_id) == ["queued", "picked", "picked", "successful"]


async def test_a_stopped_worker_finishes_what_it_began_and_takes_nothing_new(
    db: Database,
) -> None:
    ids = await put(db, *(JobRequest(Count(n)) for n in range(3)))
    began, finish = asyncio.Event(), asyncio.Event()
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        began.set()
        await finish.wait()

    worker = a_worker(db, registry, concurrency=2)
    running = asyncio.create_task(worker.run())
    await began.wait()
    stopping = asyncio.create_task(worker.stop(timedelta(seconds=10)))
    await asyncio.sleep(0)
    finish.set()
    assert await stopping
    await running
    left = await statuses(db)
    assert set(left.values()) == {"queued"}
    assert ids[2] in left


async def test_a_worker_shows_signs_of_life_for_as_long_as_a_job_takes(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        began.set()
        await asyncio.sleep(3 * LEASE.total_seconds())

    async with working(db, registry), working(db, registry):
        await until(lambda: drained(db))
    assert await log_of(db, job_id) == ["queued", "picked", "successful"]


async def test_a_sign_of_life_waits_for_nobody_who_ends_jobs(
    db: Database, database_url: str
) -> None:
    """Both name several jobs, each in an order of its own: they would wait for each other."""
    ids = await put(db, *(JobRequest(Count(n)) for n in range(3)))
    await db.pool.execute(
        "update pgqueuer set status = 'picked', heartbeat = now() - interval '1h'"
    )
    ended = "delete from pgqueuer where id = $1"
    async with holding(database_url, ended, ids[1]):
        claims = a_claims(db)
        async with asyncio.timeout(10):
            await claims.update_heartbeat([JobId(it) for it in reversed(ids)])
    late = await db.pool.fetch("select id from pgqueuer where heartbeat < now() - interval '1 min'")
    assert [row["id"] for row in late] == [ids[1]]


def a_claims(db: Database) -> Claims:
    outage = Outage(db, jitter=lambda: 0.5)
    driver = QueueDriver(db, outage, timeout=timedelta(seconds=30))
    return Claims(driver, queue=driver, policies={}, jitter=lambda: 0.5)


async def test_what_a_stalled_worker_says_about_a_job_of_another_is_ignored(
    db: Database,
) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    stale = Pick(job_id, datetime(2026, 1, 1, tzinfo=UTC))
    await db.pool.execute("update pgqueuer set status = 'picked', updated = now()")
    async with db.transaction() as tx:
        await picks_store.complete(tx, [stale])
        await picks_store.retry(tx, stale, attempts=1, delay=timedelta(0), traceback=None)
        await picks_store.release(tx, [stale], takeovers=[1], delay=timedelta(0))
        assert not await picks_store.hold(tx, [stale], attempts=[5], tracebacks=["{}"])
    assert await statuses(db) == {job_id: "picked"}
    assert await log_of(db, job_id) == ["queued"]


async def test_takeovers_are_counted_since_the_job_was_last_queued(db: Database) -> None:
    ids = await put(db, *(JobRequest(Count(n)) for n in range(3)))
    for job_id, history_of in zip(
        ids,
        (["picked"], ["picked"] * 3, ["picked", "picked", "queued", "picked", "picked"]),
        strict=True,
    ):
        for status in history_of:
            await db.pool.execute(
                "insert into pgqueuer_log (job_id, status, priority, entrypoint)"
                " values ($1, $2, 0, 'count')",
                job_id,
                status,
            )
    async with db.transaction() as tx:
        assert await picks_store.takeovers(tx, ids) == {ids[1]: 2, ids[2]: 1}
