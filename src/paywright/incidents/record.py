"""Tell that an incident is open, or closed."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.incidents import store
from paywright.incidents.model import Incident, IncidentStatus


class NoSuchIncident(NotFound):
    """There is no such incident."""


async def record_incident(
    db: Database, cause: Cause, *, incident_id: str, status: IncidentStatus
) -> tuple[Incident, bool]:
    """The incident as it is then, and whether it was new. The same again changes nothing.

    Payments that were entered before it was closed go on.
    """
    cause.actor.require(Permission.CREATE_PAYMENTS)
    closed_at = cause.at if status is IncidentStatus.CLOSED else None
    async with db.transaction() as tx:
        known = await store.lock(tx, incident_id)
        if known is None:
            new = Incident(
                id=incident_id,
                status=status,
                opened_at=cause.at,
                closed_at=closed_at,
                updated_at=cause.at,
            )
            if await store.insert(tx, new):
                verb = "closed" if closed_at else "opened"
                await emit(tx, cause, Event(f"incident.{verb}", incident_id, {}))
                return new, True
            known = await store.lock(tx, incident_id)  # somebody was faster by a moment
        if known is None:
            raise AssertionError("an incident is never removed")
        if known.status is status:
            return known, False
        now = msgspec.structs.replace(
            known, status=status, closed_at=closed_at, updated_at=cause.at
        )
        await store.update(tx, now)
        states = {"before": {"status": known.status}, "after": {"status": status}}
        verb = "closed" if closed_at else "reopened"
        await emit(tx, cause, Event(f"incident.{verb}", incident_id, {}, **states))
    return now, False


async def get_incident(db: Database, cause: Cause, *, incident_id: str) -> Incident:
    """Raises NoSuchIncident."""
    cause.actor.require(Permission.READ_PAYMENTS)
    async with db.snapshot() as tx:
        found = await store.find(tx, incident_id)
    if found is None:
        raise NoSuchIncident(incident_id)
    return found
