"""Incidents are put on file by whoever names them first, and stay open while they are paid for."""

import asyncio
from datetime import timedelta

import pytest
from tests.builders import NOON, a_cause

from paywright.core.actor import PermissionMissing
from paywright.db.pool import Database
from paywright.events import history
from paywright.identity.permissions import Role
from paywright.incidents.model import IncidentStatus
from paywright.incidents.record import NoSuchIncident, get_incident, record_incident
from paywright.incidents.take_up import take_up

OPEN, CLOSED = IncidentStatus.OPEN, IncidentStatus.CLOSED


async def told(db: Database, incident_id: str) -> list[str]:
    async with db.snapshot() as tx:
        return [it.type for it in await history(tx, incident_id)]


async def test_what_nobody_has_told_of_is_open(db: Database) -> None:
    await record_incident(db, a_cause(), incident_id="inc-2", status=CLOSED)
    caused = [(a_cause(), it) for it in ("inc-3", "inc-1", "inc-2", "inc-1")]
    for _ in range(2):
        async with db.transaction() as tx:
            assert await take_up(tx, caused) == {"inc-2"}
            assert await take_up(tx, []) == set()
    assert (await get_incident(db, a_cause(), incident_id="inc-1")).status is OPEN
    assert await told(db, "inc-1") == ["incident.opened"]


async def test_an_incident_is_closed_and_opened_again(db: Database) -> None:
    async def becomes(status: IncidentStatus, hours: int) -> tuple[bool, object]:
        cause = a_cause(at=NOON + timedelta(hours=hours))
        incident, new = await record_incident(db, cause, incident_id="inc-1", status=status)
        return new, incident.closed_at

    assert await becomes(OPEN, 0) == (True, None)
    assert await becomes(CLOSED, 1) == (False, NOON + timedelta(hours=1))
    assert await becomes(CLOSED, 2) == (False, NOON + timedelta(hours=1))
    assert await becomes(OPEN, 3) == (False, None)
    assert await told(db, "inc-1") == [
        "incident.opened", "incident.closed", "incident.reopened",
    ]  # fmt: skip


async def test_an_incident_is_not_closed_while_somebody_enters_a_payment(db: Database) -> None:
    await record_incident(db, a_cause(), incident_id="inc-1", status=OPEN)
    async with db.transaction() as tx:
        assert await take_up(tx, [(a_cause(), "inc-1")]) == set()
        closing = asyncio.create_task(
            record_incident(db, a_cause(), incident_id="inc-1", status=CLOSED)
        )
        await asyncio.sleep(0.2)
        assert not closing.done()
    incident, _ = await closing
    assert incident.status is CLOSED


async def test_many_who_name_the_same_incidents_do_not_block_each_other(db: Database) -> None:
    ids = [f"inc-{n}" for n in range(40)]

    async def name(n: int) -> set[str]:
        turned = ids[n * 5 :] + ids[: n * 5]
        async with db.transaction() as tx:
            return await take_up(tx, [(a_cause(), it) for it in turned])

    assert await asyncio.gather(*(name(n) for n in range(8))) == [set()] * 8
    for incident_id in ids:
        assert await told(db, incident_id) == ["incident.opened"]


async def test_of_many_who_record_it_at_once_one_is_first(db: Database) -> None:
    outcomes = await asyncio.gather(
        *(record_incident(db, a_cause(), incident_id="inc-1", status=OPEN) for _ in range(8))
    )
    assert [new for _, new in outcomes].count(True) == 1


async def test_who_reads_does_not_write(db: Database) -> None:
    with pytest.raises(PermissionMissing):
        await record_incident(db, a_cause(Role.APPROVER), incident_id="inc-1", status=OPEN)
    with pytest.raises(NoSuchIncident):
        await get_incident(db, a_cause(Role.VIEWER), incident_id="inc-1")
