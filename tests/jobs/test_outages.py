"""The database goes away; no job is lost, none dies of it, none is charged for it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.jobs.working import (
    LEASE,
    QUICK,
    Count,
    CountMany,
    Proxy,
    done,
    drained,
    log_of,
    make_done,
    put,
    statuses,
    through_proxy,
    until,
    working,
)

from paywright.db.pool import Database, DatabaseUnavailable
from paywright.jobs import JobRequest, Registry, Run

LONGER_THAN_LEASE = LEASE.total_seconds() * 1.5


def counting(db: Database) -> Registry:
    """Handlers that write numbers down, in a transaction, many of them in a batch."""
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        async with db.transaction() as tx:
            await tx.execute("insert into done (n, attempt) values ($1, $2)", task.n, run.attempt)

    @registry.job(CountMany, batch_max=20)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        async with db.transaction() as tx:
            await tx.execute(
                "insert into done (n, attempt) select unnest($1::bigint[]), $2",
                [task.n for task in tasks],
                run.attempt,
            )
        return [None] * len(tasks)

    return registry


async def charged(db: Database) -> list[int]:
    """The jobs that were tried again as failed, or died."""
    rows = await db.pool.fetch(
        "select distinct job_id from pgqueuer_log where traceback is not null"
    )
    return [row["job_id"] for row in rows]


async def test_connections_killed_under_load_cost_no_job(db: Database, database_url: str) -> None:
    await make_done(db)
    worker_db = await Database.connect(database_url, connections_max=12, application="victim")
    await put(db, *(JobRequest(CountMany(n)) for n in range(1500)))
    await put(db, *(JobRequest(Count(n)) for n in range(1500, 1700)))
    try:
        async with working(worker_db, counting(worker_db)):
            for _ in range(15):
                await db.pool.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'victim' and datname = current_database()"
                )
                await asyncio.sleep(0.1)
            await until(lambda: drained(db))
    finally:
        await worker_db.close()
    assert await statuses(db) == {}
    assert sorted(set(await done(db))) == list(range(1700))
    assert await charged(db) == []


async def test_an_outage_longer_than_the_lease_costs_no_attempt(
    db: Database, database_url: str
) -> None:
    await make_done(db)
    ids = await put(db, *(JobRequest(CountMany(n)) for n in range(500)))
    ids += await put(db, *(JobRequest(Count(n)) for n in range(500, 600)))
    async with through_proxy(database_url) as (proxy, worker_db):
        with capture_logs() as logs:
            async with working(worker_db, counting(worker_db)):
                await until(lambda: done(db), what="the first jobs")
                proxy.cut()
                await asyncio.sleep(LONGER_THAN_LEASE)
                proxy.mend()
                await until(lambda: drained(db), what="the jobs after the outage")
    assert await statuses(db) == {}
    assert sorted(set(await done(db))) == list(range(600))
    assert await charged(db) == []
    attempts = await db.pool.fetch("select distinct attempt from done")
    assert max(row["attempt"] for row in attempts) <= 2  # a pick whose answer was lost
    told = [entry["event"] for entry in logs if entry["event"].startswith("jobs.database")]
    assert told == ["jobs.database_lost", "jobs.database_back"]


async def hold_through_outage(
    db: Database, proxy: Proxy, registry: Registry, began: asyncio.Event, worker_db: Database
) -> None:
    async with working(worker_db, registry):
        await began.wait()
        proxy.cut()
        await asyncio.sleep(LONGER_THAN_LEASE)
        proxy.mend()
        await until(lambda: drained(db))


async def test_a_failure_that_cannot_be_written_down_is_written_down_later(
    db: Database, database_url: str
) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    attempts: list[int] = []
    registry = Registry()
    async with through_proxy(database_url) as (proxy, worker_db):

        @registry.job(Count)
        async def count(run: Run, task: Count) -> None:
            attempts.append(run.attempt)
            began.set()
            if run.attempt == 1:
                await asyncio.sleep(0.3)
                raise ValueError("its own fault")

        await hold_through_outage(db, proxy, registry, began, worker_db)
    assert attempts == [1, 2]
    assert await log_of(db, job_id) == ["queued", "picked", "queued", "picked", "successful"]


async def test_a_completion_that_cannot_be_written_down_is_written_down_later(
    db: Database, database_url: str
) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    attempts: list[int] = []
    registry = Registry()
    async with through_proxy(database_url) as (proxy, worker_db):

        @registry.job(Count)
        async def count(run: Run, task: Count) -> None:
            attempts.append(run.attempt)
            began.set()
            await asyncio.sleep(0.3)

        await hold_through_outage(db, proxy, registry, began, worker_db)
    assert attempts == [1]
    assert await log_of(db, job_id) == ["queued", "picked", "successful"]


async def test_nobody_takes_over_a_job_whose_worker_only_lost_the_database(
    db: Database, database_url: str
) -> None:
    """Both workers lose it, for longer than the lease, while one of them is busy with a job."""
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    attempts: list[int] = []
    registry = Registry()
    async with through_proxy(database_url) as (proxy, worker_db):

        @registry.job(Count)
        async def count(run: Run, task: Count) -> None:
            attempts.append(run.attempt)
            began.set()
            await asyncio.sleep(LONGER_THAN_LEASE + 1)

        async with working(worker_db, registry):
            await hold_through_outage(db, proxy, registry, began, worker_db)
    assert attempts == [1]
    assert await log_of(db, job_id) == ["queued", "picked", "successful"]


async def test_new_work_is_noticed_at_once_after_an_outage(db: Database, database_url: str) -> None:
    await make_done(db)
    async with through_proxy(database_url) as (proxy, worker_db):
        registry = counting(worker_db)
        async with working(worker_db, registry, poll=timedelta(seconds=2)):
            await put(db, JobRequest(Count(1)))
            await until(lambda: done(db))
            proxy.cut()
            await asyncio.sleep(0.5)
            proxy.mend()
            listening = "select count(*) from pg_stat_activity where query ilike 'listen %'"
            await until(lambda: db.pool.fetchval(f"{listening} and state = 'idle'"))
            # With nothing but the poll, ten in a row would take twenty seconds.
            for n in range(2, 12):
                await put(db, JobRequest(Count(n)))
                await until(lambda n=n: noted(db, n))


async def noted(db: Database, n: int) -> bool:
    return await db.pool.fetchval("select exists (select from done where n = $1)", n)


async def test_a_provider_that_refuses_connections_is_the_jobs_own_failure(db: Database) -> None:
    """It looks just like a database that does."""
    ids = await put(db, JobRequest(Count(1)), JobRequest(CountMany(2)))
    attempts: list[int] = []
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)
        raise ConnectionRefusedError("the provider is down")

    @registry.job(CountMany, batch_max=10)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        raise TimeoutError("the provider is slow")

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1, 2, 3, 4, 5]
    assert await statuses(db) == dict.fromkeys(ids, "failed")


async def test_a_job_that_brings_the_database_down_each_time_dies_in_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paywright.jobs.attempt._RERUNS_MAX", 2)
    [job_id] = await put(db, JobRequest(Count(1)))
    calls = 0
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        nonlocal calls
        calls += 1
        raise DatabaseUnavailable("by way of this very job")

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == {job_id: "failed"}
    assert calls == 3 * QUICK.attempts_max


async def test_a_lane_that_breaks_begins_anew_and_says_so_once(db: Database) -> None:
    await make_done(db)
    await db.pool.execute("alter table pgqueuer rename to hidden")

    async def broken() -> list[str]:
        return [entry["lane"] for entry in logs if entry["event"] == "jobs.lane_failed"]

    with capture_logs() as logs:
        async with working(db, counting(db), jitter=lambda: 0.0):
            await until(broken)
            await asyncio.sleep(1)  # time for more failures, about which nothing is to be said
            await db.pool.execute("alter table hidden rename to pgqueuer")
            await put(db, JobRequest(Count(1)))
            await until(lambda: done(db))
    assert sorted(await broken()) == ["batch", "single"]


async def test_a_worker_stops_in_the_middle_of_an_outage(db: Database, database_url: str) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    began = asyncio.Event()
    registry = Registry()
    async with through_proxy(database_url) as (proxy, worker_db):

        @registry.job(Count)
        async def count(run: Run, task: Count) -> None:
            began.set()
            await worker_db.pool.fetchval("select pg_sleep(60)")

        async with asyncio.timeout(45):
            async with working(worker_db, registry) as worker:
                await began.wait()
                proxy.cut()
                await asyncio.sleep(0.2)
                assert not await worker.stop(timedelta(seconds=0.3))
    assert await statuses(db) == {job_id: "picked"}


async def test_a_worker_gets_on_with_two_connections(db: Database, database_url: str) -> None:
    await make_done(db)
    small = await Database.connect(database_url, connections_max=2)
    await put(db, *(JobRequest(Count(n)) for n in range(20)))
    await put(db, *(JobRequest(CountMany(n)) for n in range(20, 100)))
    try:
        async with working(small, counting(small)):
            await until(lambda: drained(db))
    finally:
        await small.close()
    assert await done(db) == list(range(100))
