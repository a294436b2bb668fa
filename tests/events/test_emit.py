"""Events commit with their change, keep their order, and are never lost to a calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.builders import a_cause

from paywright.db.pool import Database
from paywright.events import Event, emit, history
from paywright.events.store import ensure_partitions


async def test_an_event_keeps_who_when_and_why(db: Database) -> None:
    at = datetime.now(UTC)
    async with db.transaction() as tx:
        cause = a_cause(at=at, ip="192.0.2.7", request_id="req_1")
        await emit(tx, cause, Event("thing.made", "x_1", {"n": 1}, before={}, after={"n": 1}))
        await emit(tx, cause, Event("thing.used", "x_1", {}), Event("thing.made", "x_2", {}))
    async with db.snapshot() as tx:
        told = await history(tx, "x_1")
        ip = await tx.fetchval("select host(ip) from audit_log where subject = 'x_1' limit 1")
    assert [event.type for event in told] == ["thing.made", "thing.used"]
    assert told[0].sequence < told[1].sequence
    assert (told[0].at, told[0].actor, told[0].request_id) == (at, "system", "req_1")
    assert (told[0].before, told[0].after) == ({}, {"n": 1})
    assert ip == "192.0.2.7"


async def test_an_event_of_a_change_that_failed_did_not_happen(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await emit(tx, a_cause(), Event("thing.made", "x_1", {}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with db.snapshot() as tx:
        assert await history(tx, "x_1") == []


async def test_months_without_a_partition_are_caught_and_the_next_are_prepared(
    db: Database,
) -> None:
    far = datetime.now(UTC) + timedelta(days=150)
    async with db.transaction() as tx:
        await emit(tx, a_cause(at=far), Event("thing.made", "x_1", {}))
    async with db.transaction() as tx:
        made = await ensure_partitions(tx, months_ahead=8)
        assert await ensure_partitions(tx, months_ahead=8) == 0
        kept = await tx.fetchval(
            "select tableoid::regclass::text from events where subject = 'x_1'"
        )
    # Three months ahead were there; of the other five one cannot be made any more.
    assert (made, kept) == (4, "events_default")
    async with db.transaction() as tx:
        await emit(tx, a_cause(at=far + timedelta(days=60)), Event("thing.made", "x_2", {}))
        where = await tx.fetchval(
            "select tableoid::regclass::text from events where subject = 'x_2'"
        )
    assert where != "events_default"
