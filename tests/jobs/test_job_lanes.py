"""Calls wait for others' networks; they have a lane of their own, and hold up nobody."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from tests.jobs.doomed_caller import POISON
from tests.jobs.working import (
    LEASE,
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

from paywright.core.cause import Cause
from paywright.db.pool import Database, Tx
from paywright.jobs import JobRequest, Priority, Registry, Run, Task, list_dead
from paywright.jobs.lanes import lanes_of


class Ask(Task):
    """Call somebody outside."""

    n: int


class Calls:
    """A handler that counts who is under way, and lets nobody go before it is told to."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.now = 0
        self.most = 0
        self.may_end = asyncio.Event()

    async def ask(self, run: Run, task: Ask) -> None:
        self.began.append(task.n)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.may_end.wait()
        finally:
            self.now -= 1

    async def are_under_way(self, count: int) -> bool:
        return self.now == count


doomed = partial(doomed_process, "tests.jobs.doomed_caller")


async def test_hundreds_of_calls_are_under_way_at_once_and_no_more_than_allowed(
    db: Database,
) -> None:
    await put(db, *(JobRequest(Ask(n)) for n in range(700)))
    calls, registry = Calls(), Registry()
    registry.job(Ask, lane="calls")(calls.ask)
    async with working(db, registry):
        await until(lambda: calls.are_under_way(256), what="256 calls under way")
        await asyncio.sleep(0.5)
        assert calls.most == 256
        # What waits for a slot here is bounded, too: the rest is left to other workers.
        assert list((await statuses(db)).values()).count("queued") >= 700 - 256 - 128
        calls.may_end.set()
        await until(lambda: drained(db))
    assert calls.most == 256
    assert sorted(calls.began) == list(range(700))


async def test_a_flood_of_calls_holds_up_no_other_work(db: Database) -> None:
    await make_done(db)
    calls, registry = Calls(), Registry()
    registry.job(Ask, lane="calls")(calls.ask)

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        await db.pool.execute("insert into done (n) values ($1)", task.n)

    @registry.job(CountMany, batch_max=25)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        await db.pool.executemany("insert into done (n) values ($1)", [(it.n,) for it in tasks])
        return [None] * len(tasks)

    async with working(db, registry, calls_max=8):
        await put(db, *(JobRequest(Ask(n), priority=Priority.CRITICAL) for n in range(200)))
        await until(lambda: calls.are_under_way(8))
        await put(db, *(JobRequest(Count(n)) for n in range(10)))
        await put(db, *(JobRequest(CountMany(n)) for n in range(10, 60)))

        async def are_done() -> bool:
            return await done(db) == list(range(60))

        await until(are_done, what="the work beside the calls")
        assert calls.began == calls.began[:8]
        calls.may_end.set()
        await until(lambda: drained(db))


async def test_other_work_holds_up_no_call(db: Database) -> None:
    chores, calls, registry = Calls(), Calls(), Registry()
    calls.may_end.set()
    registry.job(Ask, lane="calls")(calls.ask)

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        await chores.ask(run, Ask(task.n))

    await put(db, *(JobRequest(Count(n), priority=Priority.CRITICAL) for n in range(20)))
    async with working(db, registry, concurrency=2):
        await until(lambda: chores.are_under_way(2))
        await put(db, *(JobRequest(Ask(n)) for n in range(100)))

        async def are_done() -> bool:
            return len(calls.began) == 100 and not calls.now

        await until(are_done, what="the calls beside the work")
        assert chores.most == 2
        chores.may_end.set()
        await until(lambda: drained(db))


async def test_the_urgent_call_goes_first_then_the_oldest_and_what_is_not_due_waits(
    db: Database,
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    await put(
        db,
        JobRequest(Ask(1)),
        JobRequest(Ask(2), priority=Priority.HIGH, at=later),
        JobRequest(Ask(3), priority=Priority.HIGH),
        JobRequest(Ask(4)),
        JobRequest(Ask(5), priority=Priority.CRITICAL),
    )
    calls, registry = Calls(), Registry()
    calls.may_end.set()
    registry.job(Ask, lane="calls")(calls.ask)
    async with working(db, registry, calls_max=1):

        async def are_done() -> bool:
            return len(calls.began) == 4 and not calls.now

        await until(are_done)
    assert calls.began == [5, 3, 1, 4]
    assert list((await statuses(db)).values()) == ["queued"]


async def test_a_call_that_fails_is_tried_again_and_dies_with_its_owner_told(db: Database) -> None:
    [flaky_id, doomed_id] = await put(db, JobRequest(Ask(1)), JobRequest(Ask(2)))
    attempts: list[tuple[int, int]] = []
    told: list[tuple[int, str]] = []
    registry = Registry()

    async def on_dead(tx: Tx, cause: Cause, tasks: Sequence[Ask], reasons: Sequence[str]) -> None:
        told.extend((it.n, reason) for it, reason in zip(tasks, reasons, strict=True))

    @registry.job(Ask, lane="calls", on_dead=on_dead)
    async def ask(run: Run, task: Ask) -> None:
        attempts.append((task.n, run.attempt))
        if task.n == 2 or run.attempt < 3:
            raise RuntimeError("no answer")

    async with working(db, registry):

        async def are_over() -> bool:
            return await statuses(db) == {doomed_id: "failed"}

        await until(are_over)
    assert sorted(attempts) == [*((1, n) for n in (1, 2, 3)), *((2, n) for n in (1, 2, 3, 4, 5))]
    assert told == [(2, "RuntimeError: no answer")]
    assert await log_of(db, flaky_id) == [*["queued", "picked"] * 3, "successful"]


async def test_calls_longer_than_the_lease_are_left_to_the_worker_that_lives(db: Database) -> None:
    ids = await put(db, *(JobRequest(Ask(n)) for n in range(150)))
    registry = Registry()

    @registry.job(Ask, lane="calls")
    async def ask(run: Run, task: Ask) -> None:
        await asyncio.sleep(2.5 * LEASE.total_seconds())

    async with working(db, registry, calls_max=100), working(db, registry, calls_max=100):
        await until(lambda: drained(db))
    for job_id in ids:
        assert await log_of(db, job_id) == ["queued", "picked", "successful"]


async def test_the_calls_of_a_killed_worker_are_taken_over(db: Database, database_url: str) -> None:
    await make_done(db)
    await put(db, *(JobRequest(Count(n)) for n in range(300)))
    process = await doomed(database_url, "hang")

    async def are_under_way() -> bool:
        return len(await done(db)) == 256

    await until(are_under_way, what="the doomed worker's calls")
    process.kill()
    await process.wait()
    attempts: dict[int, int] = {}
    registry = Registry()

    @registry.job(Count, lane="calls")
    async def call(run: Run, task: Count) -> None:
        assert task.n not in attempts
        attempts[task.n] = run.attempt
        await asyncio.sleep(0.01)

    async with working(db, registry):
        began = time.monotonic()
        await until(lambda: drained(db))
        taken = time.monotonic() - began
    # Those that were only held, and not yet begun, count as under way: they may have killed it.
    assert attempts == dict.fromkeys(range(300), 2)
    # They come back in groups, which wait for each other a second or so.
    assert taken < LEASE.total_seconds() + 15


async def test_a_call_that_kills_its_workers_dies_and_no_other_with_it(
    db: Database, database_url: str
) -> None:
    await make_done(db)
    ids = await put(db, *(JobRequest(Count(n)) for n in range(30)))
    poisoned = ids[POISON]
    deaths = await deaths_of(db, lambda: doomed(database_url, "poison"), poisoned=poisoned)
    assert deaths == 5
    assert sorted(set(await done(db))) == [n for n in range(30) if n != POISON]
    async with db.transaction() as tx:
        [letter] = (await list_dead(tx, limit=10)).items
    assert letter.reason == "WorkerDied: its worker died 5 times"


async def test_a_stopped_worker_ends_its_calls_and_takes_no_more(db: Database) -> None:
    await put(db, *(JobRequest(Ask(n)) for n in range(50)))
    calls, registry = Calls(), Registry()
    registry.job(Ask, lane="calls")(calls.ask)
    worker = a_worker(db, registry, calls_max=8)
    running = asyncio.create_task(worker.run())
    await until(lambda: calls.are_under_way(8))
    stopping = asyncio.create_task(worker.stop(timedelta(seconds=10)))
    await asyncio.sleep(0)
    calls.may_end.set()
    assert await stopping
    await running
    left = await statuses(db)
    assert set(left.values()) == {"queued"}
    assert len(left) == 50 - len(calls.began)


async def test_a_call_that_outlasts_the_shutdown_is_left_to_another_worker(db: Database) -> None:
    ids = await put(db, *(JobRequest(Ask(n)) for n in range(20)))
    calls, registry = Calls(), Registry()
    registry.job(Ask, lane="calls")(calls.ask)
    worker = a_worker(db, registry)
    running = asyncio.create_task(worker.run())
    await until(lambda: calls.are_under_way(20))
    assert not await worker.stop(timedelta(seconds=0.3))
    await running
    assert calls.now == 0
    assert await statuses(db) == dict.fromkeys(ids, "picked")


@pytest.mark.parametrize("calls_max", [1, 3, 256, 2000])
async def test_any_number_of_calls_works(db: Database, calls_max: int) -> None:
    await put(db, *(JobRequest(Ask(n)) for n in range(10)))
    calls, registry = Calls(), Registry()
    calls.may_end.set()
    registry.job(Ask, lane="calls")(calls.ask)
    async with working(db, registry, calls_max=calls_max):
        await until(lambda: drained(db))
    assert sorted(calls.began) == list(range(10))


def test_each_kind_of_work_is_in_one_lane_and_no_lane_is_empty() -> None:
    registry = Registry()
    calls = Calls()
    registry.job(Ask, lane="calls")(calls.ask)
    registry.job(Count)(calls.ask)
    jobs = registry.jobs.values()
    lanes = lanes_of(jobs, concurrency=5, calls_max=256)
    assert [(it.name, [job.name for job in it.jobs]) for it in lanes] == [
        ("single", ["count"]),
        ("calls", ["ask"]),
    ]
    assert all(2 * it.size <= it.held_max for it in lanes)


def test_batches_are_no_calls() -> None:
    with pytest.raises(ValueError, match="count_many: batches have a lane of their own"):
        Registry().job(CountMany, batch_max=2, lane="calls")
