"""A failing job is tried again, then given up where everybody can see it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.jobs.working import (
    QUICK,
    Count,
    CountMany,
    done,
    drained,
    log_of,
    make_done,
    put,
    statuses,
    until,
    working,
)

from paywright.core.backoff import RetryPolicy
from paywright.core.cause import Cause
from paywright.core.errors import Conflict
from paywright.db.pool import Database, Tx
from paywright.events import history
from paywright.jobs import GiveUp, JobRequest, Registry, Run, list_dead


class Refused(Conflict):
    """It may not be done."""


async def test_a_failing_job_is_tried_again_until_it_succeeds(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    attempts: list[int] = []
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)
        if run.attempt < 3:
            raise ValueError("not yet")

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1, 2, 3]
    assert await log_of(db, job_id) == ["queued", "picked"] * 3 + ["successful"]


@pytest.mark.parametrize("error", [ValueError("no \0 way \udcff"), Refused("not so"), OSError(2)])
async def test_a_job_that_never_succeeds_dies_after_the_last_attempt(
    db: Database, error: Exception
) -> None:
    [job_id] = await put(db, JobRequest(Count(7)), request_id="req_dead")
    attempts: list[int] = []
    told: list[tuple[str, list[Count], list[str]]] = []
    registry = Registry()

    async def mark(tx: Tx, cause: Cause, tasks: Sequence[Count], reasons: Sequence[str]) -> None:
        told.append((cause.request_id, list(tasks), list(reasons)))

    @registry.job(Count, on_dead=mark)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)
        raise error

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1, 2, 3, 4, 5]
    assert await statuses(db) == {job_id: "failed"}
    [(request_id, tasks, [reason])] = told
    assert (request_id, tasks) == ("req_dead", [Count(7)])
    assert reason.startswith(type(error).__name__)
    async with db.transaction() as tx:
        [event] = await history(tx, f"job_{job_id}")
        [letter] = (await list_dead(tx, limit=10)).items
    assert (event.type, event.request_id) == ("job.dead", "req_dead")
    assert event.data == {"task": "count", "reason": reason, "attempts": 5}
    assert (letter.id, letter.task, letter.payload) == (job_id, "count", {"n": 7})
    assert (letter.attempts, letter.request_id) == (5, "req_dead")
    assert letter.reason == reason


async def test_a_handler_may_give_up_at_once(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        raise GiveUp("the customer is gone")

    async with working(db, registry):
        await until(lambda: drained(db))
    async with db.transaction() as tx:
        [letter] = (await list_dead(tx, limit=10)).items
    assert (letter.id, letter.attempts) == (job_id, 1)
    assert letter.reason == "GiveUp: the customer is gone"


async def test_a_job_may_have_a_policy_of_its_own(db: Database) -> None:
    await put(db, JobRequest(Count(1)))
    attempts: list[int] = []
    registry = Registry()
    once = RetryPolicy(attempts_max=1, delay_first=QUICK.delay_first, delay_max=QUICK.delay_max)

    @registry.job(Count, policy=once)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)
        raise ValueError

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1]


async def test_a_payload_that_cannot_be_read_dies_with_a_reason(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    await db.pool.execute("update pgqueuer set payload = '[]' where id = $1", job_id)
    told: list[Any] = []
    registry = Registry()

    async def mark(tx: Tx, cause: Cause, tasks: Sequence[Count], reasons: Sequence[str]) -> None:
        told.extend(tasks)

    @registry.job(Count, on_dead=mark)
    async def count(run: Run, task: Count) -> None: ...

    async with working(db, registry):
        await until(lambda: drained(db))
    async with db.transaction() as tx:
        [letter] = (await list_dead(tx, limit=10)).items
    assert letter.reason.startswith("ValidationError: Expected `object`")
    assert told == []


async def test_death_and_what_its_owner_writes_are_one_transaction(db: Database) -> None:
    """A failing `on_dead` leaves nothing behind, and yet the job ends."""
    await make_done(db)
    ids = await put(db, *(JobRequest(Count(n)) for n in (1, 2, 3)))
    registry = Registry()

    async def mark(tx: Tx, cause: Cause, tasks: Sequence[Count], reasons: Sequence[str]) -> None:
        for task in tasks:
            await tx.execute("insert into done (n) values ($1)", task.n)
        if any(task.n == 2 for task in tasks):
            raise ZeroDivisionError

    @registry.job(Count, on_dead=mark)
    async def count(run: Run, task: Count) -> None:
        raise GiveUp

    async with working(db, registry):
        await until(lambda: drained(db))
    assert set((await statuses(db)).values()) == {"failed"}
    assert await done(db) == [1, 3]
    async with db.transaction() as tx:
        for job_id in ids:
            assert [event.type for event in await history(tx, f"job_{job_id}")] == ["job.dead"]


async def test_a_handler_that_takes_too_long_is_stopped_and_tried_again(db: Database) -> None:
    await put(db, JobRequest(Count(1)), JobRequest(CountMany(2)), JobRequest(CountMany(3)))
    calls: Counter[str] = Counter()
    registry = Registry()

    @registry.job(Count, timeout=timedelta(seconds=0.2))
    async def count(run: Run, task: Count) -> None:
        calls["single"] += 1
        if run.attempt == 1:
            await asyncio.sleep(60)

    @registry.job(CountMany, batch_max=10, timeout=timedelta(seconds=0.2))
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        calls["batch"] += 1
        if run.attempt == 1:
            await asyncio.sleep(60)
        return [None] * len(tasks)

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == {}
    assert calls["single"] == 2
    # Not one by one after the first: each would take as long.
    assert 2 <= calls["batch"] <= 3


async def test_a_batch_is_one_call_and_each_of_its_jobs_has_its_own_end(db: Database) -> None:
    ids = await put(db, *(JobRequest(CountMany(n)) for n in range(100)))
    sizes: list[int] = []
    registry = Registry()

    @registry.job(CountMany, batch_max=200)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[Exception | None]:
        assert len(run.causes) == len(tasks)
        sizes.append(len(tasks))
        return [GiveUp("odd one out") if task.n == 50 else None for task in tasks]

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == {ids[50]: "failed"}
    assert max(sizes) > 50


async def test_a_job_that_breaks_its_batch_fails_alone(db: Database) -> None:
    ids = await put(db, *(JobRequest(CountMany(n)) for n in range(20)))
    registry = Registry()

    @registry.job(CountMany, batch_max=200)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        if any(task.n == 3 for task in tasks):
            raise ZeroDivisionError
        return [None] * len(tasks)

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == {ids[3]: "failed"}


async def test_a_batch_handler_that_miscounts_fails_instead_of_hanging(db: Database) -> None:
    ids = await put(db, *(JobRequest(CountMany(n)) for n in range(3)))
    registry = Registry()

    @registry.job(CountMany, batch_max=200)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        return []

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == dict.fromkeys(ids, "failed")


async def test_no_more_single_jobs_run_at_once_than_allowed(db: Database) -> None:
    await put(db, *(JobRequest(Count(n)) for n in range(12)))
    now, most = 0, 0
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    async with working(db, registry, concurrency=3):
        await until(lambda: drained(db))
    assert most == 3
