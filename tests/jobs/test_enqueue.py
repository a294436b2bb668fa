"""Work gets into the queue with its transaction, once for a key, and in the right order."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from tests.jobs.working import Count, a_cause, drained, log_of, put, statuses, until, working

from paywright.core.ids import IssueId
from paywright.db.pool import Database
from paywright.jobs import JobRequest, Priority, Registry, Run, Task, enqueue, enqueue_all, missing


class DecideIssue(Task):
    issue_id: IssueId
    note: str = ""


def test_a_task_is_named_after_its_class() -> None:
    assert DecideIssue.job_name() == "decide_issue"


def test_a_task_survives_the_queue() -> None:
    task = DecideIssue(IssueId.new(datetime.now(UTC)), "zażółć")
    again = DecideIssue.decode(task.encode())
    assert again == task
    assert isinstance(again.issue_id, IssueId)


def test_a_field_of_a_newer_version_is_ignored_and_a_wrong_one_refused() -> None:
    assert Count.decode(b'{"n": 1, "new": true}') == Count(1)
    with pytest.raises(msgspec.ValidationError):
        Count.decode(b'{"n": "one"}')


async def test_work_is_queued_exactly_when_its_transaction_commits(db: Database) -> None:
    async def fail_after_enqueueing() -> None:
        async with db.transaction() as tx:
            await enqueue(tx, a_cause(), JobRequest(Count(1)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_enqueueing()
    assert await statuses(db) == {}
    [job_id] = await put(db, JobRequest(Count(2)))
    assert await statuses(db) == {job_id: "queued"}


async def test_nothing_is_asked_for_by_an_empty_list(db: Database) -> None:
    async with db.transaction() as tx:
        assert await enqueue(tx, a_cause()) == []


async def test_a_key_is_queued_once(db: Database) -> None:
    async with db.transaction() as tx:
        first, same, other = await enqueue(
            tx,
            a_cause(),
            JobRequest(Count(1), key="one"),
            JobRequest(Count(1), key="one"),
            JobRequest(Count(2), key="two"),
        )
    assert first
    assert same is None
    assert other
    async with db.transaction() as tx:
        assert await enqueue(tx, a_cause(), JobRequest(Count(1), key="one")) == [None]
        assert await missing(tx, ["two", "three", "one"]) == ["three"]


async def test_the_job_knows_the_request_that_asked_for_it(db: Database) -> None:
    async with db.transaction() as tx:
        await enqueue_all(tx, [(a_cause(f"req_{n}"), JobRequest(Count(n))) for n in (1, 2)])
    seen: dict[int, tuple[str, str]] = {}
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        seen[task.n] = (run.cause.request_id, run.cause.actor.id)

    async with working(db, registry):
        await until(lambda: drained(db))
    assert seen == {1: ("req_1", "system"), 2: ("req_2", "system")}


async def test_the_urgent_goes_first_and_equals_go_in_order(db: Database) -> None:
    order = [Priority.LOW, Priority.HIGH, Priority.NORMAL, Priority.CRITICAL, Priority.HIGH]
    await put(db, *(JobRequest(Count(n), priority=priority) for n, priority in enumerate(order)))
    seen: list[int] = []
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        seen.append(task.n)

    async with working(db, registry, concurrency=1):
        await until(lambda: drained(db))
    assert seen == [3, 1, 4, 2, 0]


async def test_work_for_later_waits(db: Database) -> None:
    cause = a_cause()
    started = datetime.now(UTC)
    async with db.transaction() as tx:
        await enqueue(
            tx,
            cause,
            JobRequest(Count(1), at=cause.at + timedelta(seconds=0.6)),
            JobRequest(Count(2), at=cause.at - timedelta(days=1)),
        )
    seen: dict[int, float] = {}
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        seen[task.n] = (datetime.now(UTC) - started).total_seconds()

    async with working(db, registry):
        await until(lambda: drained(db))
    assert seen[1] >= 0.6
    assert seen[2] < seen[1]


async def test_a_finished_job_leaves_only_its_history(db: Database) -> None:
    [job_id] = await put(db, JobRequest(Count(1)))
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None: ...

    async with working(db, registry):
        await until(lambda: drained(db))
    assert await statuses(db) == {}
    assert await log_of(db, job_id) == ["queued", "picked", "successful"]


async def test_our_migration_is_the_schema_of_the_library(db: Database) -> None:
    plan = await Queries(AsyncpgPoolDriver(db.pool)).plan_upgrade()
    assert not plan.statements


@pytest.mark.parametrize("name", ["CHANNEL", "PGQUEUER_CHANNEL", "QUEUE_TABLE", "PGQUEUER_PREFIX"])
def test_the_environment_does_not_rename_the_queue(name: str) -> None:
    script = (
        "from paywright.jobs.library import QUEUE, SETTINGS as s;"
        "print(s.channel, s.queue_table, 'elsewhere' in QUEUE.build_enqueue_query('skip'))"
    )
    environ: dict[str, Any] = {**os.environ, name: "elsewhere", "PYTHONPATH": "src"}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["ch_pgqueuer", "pgqueuer", "False"]


def test_a_kind_of_work_has_one_handler() -> None:
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None: ...

    with pytest.raises(ValueError, match="count"):
        registry.job(Count)(count)
