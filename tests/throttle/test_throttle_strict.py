"""The strict limits: PostgreSQL counts, for all who ask."""

import asyncio
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.db.pool import Database
from paywright.throttle.model import spend
from paywright.throttle.strict import forget_recovered, take_strict


async def test_exactly_the_limit_passes_of_many_who_ask_at_once(
    db: Database, database_url: str
) -> None:
    other = await Database.connect(database_url, connections_max=10)
    asked = [
        take_strict(each, "login:a", limit=5, window_s=60, at=NOON)
        for each in (db, other)
        for _ in range(40)
    ]
    answers = await asyncio.gather(*asked)
    await other.close()
    allowed = [it for it in answers if it.retry_after_s == 0]
    assert sorted(it.remaining for it in allowed) == [0, 1, 2, 3, 4]
    assert {it.retry_after_s for it in answers} == {0.0, 12.0}


async def test_an_attempt_comes_back_with_time(db: Database) -> None:
    async def take(seconds: float) -> float:
        at = NOON + timedelta(seconds=seconds)
        return (await take_strict(db, "otp", limit=5, window_s=60, at=at)).retry_after_s

    assert [await take(0) for _ in range(6)] == [0, 0, 0, 0, 0, 12]
    assert await take(11.9) > 0
    assert await take(12) == 0
    assert await take(12) == 12


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limit=st.integers(1, 9),
    window_s=st.integers(1, 90),
    pauses=st.lists(st.integers(0, 20), min_size=1, max_size=25),
)
async def test_the_statement_says_what_the_arithmetic_says(
    db: Database, limit: int, window_s: int, pauses: list[int]
) -> None:
    name, now, empty_at = f"{limit}/{window_s}/{pauses}", 0.0, 0.0
    async with db.transaction() as tx:
        await tx.execute("delete from rate_limits")
    for pause in pauses:
        now += pause + 0.25  # never at the very moment when a share comes back
        expected = spend(empty_at, now=now, limit=limit, window_s=window_s)
        empty_at = expected[0]
        at = NOON + timedelta(seconds=now)
        answer = await take_strict(db, name, limit=limit, window_s=window_s, at=at)
        assert answer.remaining == expected[1].remaining
        assert abs(answer.retry_after_s - expected[1].retry_after_s) < 0.01
        assert abs(answer.reset_s - expected[1].reset_s) < 0.01


async def test_who_is_counted_is_not_on_file(db: Database) -> None:
    names = ["login:anna@example.com", "x" * 10_000, "\ud800\0'; drop table rate_limits"]
    for name in names:
        await take_strict(db, name, limit=5, window_s=60, at=NOON)
    rows = await db.pool.fetch("select name from rate_limits")
    assert {len(row["name"]) for row in rows} == {32}
    assert len(rows) == 3


async def test_the_recovered_are_forgotten_and_nobody_else(db: Database) -> None:
    for n in range(20):
        await take_strict(db, f"n{n}", limit=5, window_s=60, at=NOON)
    late = NOON + timedelta(seconds=10)
    await take_strict(db, "late", limit=5, window_s=60, at=late)
    assert await forget_recovered(db, at=NOON + timedelta(seconds=13)) == 20
    assert await db.pool.fetchval("select count(*) from rate_limits") == 1
