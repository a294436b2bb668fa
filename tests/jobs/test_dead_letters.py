"""Dead jobs can be seen and put back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.jobs.working import (
    Count,
    CountMany,
    a_cause,
    done,
    drained,
    log_of,
    make_done,
    put,
    statuses,
    until,
    working,
)

from paywright.core.actor import Actor, PermissionMissing
from paywright.core.page import BadCursor, encode_cursor
from paywright.db.pool import Database
from paywright.events import history
from paywright.jobs import (
    Depth,
    GiveUp,
    JobNotDead,
    JobRequest,
    Registry,
    Run,
    depth,
    list_dead,
    missing,
    requeue_dead,
)
from paywright.jobs.retention import prune_log


async def kill(db: Database, *requests: JobRequest) -> list[int]:
    """Enqueue jobs that all die."""
    ids = await put(db, *requests)
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        raise GiveUp(f"not {task.n}")

    @registry.job(CountMany, batch_max=10)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[Exception]:
        return [GiveUp("none of them") for _ in tasks]

    async with working(db, registry):
        await until(lambda: drained(db))
    return ids


async def test_dead_jobs_are_listed_newest_first_a_page_at_a_time(db: Database) -> None:
    ids = await kill(db, *(JobRequest(Count(n), priority=20) for n in range(5)))
    [other] = await kill(db, JobRequest(CountMany(9)))
    async with db.transaction() as tx:
        first = await list_dead(tx, limit=4)
        second = await list_dead(tx, limit=4, cursor=first.next_cursor)
        counted = await list_dead(tx, limit=10, task="count_many")
    assert [letter.id for letter in first.items] == [other, *ids[:1:-1]]
    assert [letter.id for letter in second.items] == ids[1::-1]
    assert second.next_cursor is None
    assert [letter.id for letter in counted.items] == [other]
    letter = second.items[-1]
    assert (letter.payload, letter.reason) == ({"n": 0}, "GiveUp: not 0")
    assert (letter.priority, letter.attempts) == (20, 1)
    assert (letter.requested_by, letter.request_id) == ("system", "req_test")
    assert letter.queued_at <= letter.died_at


@pytest.mark.parametrize("position", ["x", "-1", "9" * 30, "1; drop table events"])
async def test_a_made_up_cursor_is_refused(db: Database, position: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(BadCursor):
            await list_dead(tx, limit=1, cursor=encode_cursor(position))


async def test_a_dead_job_put_back_starts_anew(db: Database) -> None:
    await make_done(db)
    ids = await kill(db, JobRequest(Count(1)), JobRequest(Count(2)))
    cause = msgspec.structs.replace(a_cause("req_again"), actor=operator())
    assert await requeue_dead(db, cause, ids=[ids[0], ids[0]]) == [ids[0]]
    assert await statuses(db) == {ids[0]: "queued", ids[1]: "failed"}
    attempts: list[int] = []
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None:
        attempts.append(run.attempt)

    async with working(db, registry):
        await until(lambda: drained(db))
    assert attempts == [1]
    async with db.transaction() as tx:
        events = await history(tx, f"job_{ids[0]}")
    assert [event.type for event in events] == ["job.dead", "job.requeued"]
    assert (events[1].actor, events[1].request_id) == ("usr_operator", "req_again")


def operator() -> Actor:
    return msgspec.structs.replace(a_cause().actor, id="usr_operator")


async def test_a_waiting_worker_notices_what_was_put_back(db: Database) -> None:
    [job_id] = await kill(db, JobRequest(Count(1)))
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None: ...

    async with working(db, registry, poll=timedelta(seconds=120)):
        await until(lambda: listens(db))
        assert await requeue_dead(db, a_cause(), ids=[job_id])
        await until(lambda: drained(db), seconds=60)


async def listens(db: Database) -> bool:
    return await db.pool.fetchval(
        "select exists (select from pg_stat_activity where query ilike 'listen %'"
        " and datname = current_database())"
    )


async def test_all_dead_jobs_can_be_put_back_a_number_at_a_time(db: Database) -> None:
    ids = await kill(db, *(JobRequest(Count(n)) for n in range(5)))
    assert await requeue_dead(db, a_cause(), limit=3) == ids[:3]
    assert await requeue_dead(db, a_cause()) == ids[3:]
    assert await requeue_dead(db, a_cause()) == []


async def test_an_unknown_id_puts_nothing_back(db: Database) -> None:
    ids = await kill(db, JobRequest(Count(1)))
    [queued] = await put(db, JobRequest(Count(2)))
    with pytest.raises(JobNotDead, match=f"{queued}, 999999") as refusal:
        await requeue_dead(db, a_cause(), ids=[ids[0], 999_999, queued])
    assert refusal.value.extra["ids"] == [queued, 999_999]
    assert await statuses(db) == {ids[0]: "failed", queued: "queued"}


async def test_putting_back_needs_a_permission(db: Database) -> None:
    nobody = msgspec.structs.replace(a_cause(), actor=Actor("usr_1", frozenset()))
    with pytest.raises(PermissionMissing):
        await requeue_dead(db, nobody)


async def test_a_key_that_was_given_away_meanwhile_does_not_stand_in_the_way(
    db: Database,
) -> None:
    first = await kill(db, JobRequest(Count(1), key="same"))
    second = await kill(db, JobRequest(Count(1), key="same"))
    third = await kill(db, JobRequest(Count(1), key="other"))
    await put(db, JobRequest(Count(1), key="other"))
    assert await requeue_dead(db, a_cause()) == [*first, *second, *third]
    rows = await db.pool.fetch("select dedupe_key from pgqueuer order by id")
    assert [row["dedupe_key"] for row in rows] == [None, "same", None, "other"]


async def test_a_dead_job_keeps_its_key_from_counting_as_missing(db: Database) -> None:
    await kill(db, JobRequest(Count(1), key="dead"))
    async with db.transaction() as tx:
        assert await missing(tx, ["dead", "gone"]) == ["gone"]


async def test_depth_counts_by_task_and_tells_how_long_work_waits(db: Database) -> None:
    await kill(db, JobRequest(Count(1)))
    cause = a_cause()
    await put(db, JobRequest(Count(2)), JobRequest(CountMany(1), at=cause.at + timedelta(hours=1)))
    await db.pool.execute(
        "update pgqueuer set execute_after = now() - interval '90 s'"
        " where status = 'queued' and entrypoint = 'count'"
    )
    async with db.transaction() as tx:
        count, many = await depth(tx)
    assert (count.task, count.queued, count.picked, count.failed) == ("count", 1, 0, 1)
    assert 90 <= count.oldest_age_seconds < 100
    assert many == Depth("count_many", queued=1, picked=0, failed=0, oldest_age_seconds=0)


async def test_the_log_forgets_what_is_over_and_keeps_what_is_needed(db: Database) -> None:
    [dead] = await kill(db, JobRequest(Count(1)))
    registry = Registry()

    @registry.job(Count)
    async def count(run: Run, task: Count) -> None: ...

    finished = await put(db, *(JobRequest(Count(n)) for n in range(10)))
    async with working(db, registry):
        await until(lambda: drained(db))
    now = datetime.now(UTC)
    assert await prune_log(db, before=now - timedelta(hours=1)) == 0
    assert await prune_log(db, before=now + timedelta(hours=1), chunk=7, chunks_max=2) == 14
    assert await prune_log(db, before=now + timedelta(hours=1), chunk=7) == 16
    assert await log_of(db, finished[0]) == []
    assert await log_of(db, dead) == ["queued", "picked", "failed"]
    async with db.transaction() as tx:
        [letter] = (await list_dead(tx, limit=2)).items
    assert letter.reason == "GiveUp: not 1"


async def test_nothing_is_done_by_reading(db: Database) -> None:
    await make_done(db)
    async with db.snapshot() as tx:
        assert (await list_dead(tx, limit=10)).items == []
        assert await depth(tx) == []
        assert await missing(tx, []) == []
    assert await done(db) == []
