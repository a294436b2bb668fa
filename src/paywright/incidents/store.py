"""All SQL over `incidents`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.db.pool import Row, Tx
from paywright.incidents.model import Incident, IncidentStatus


async def find(tx: Tx, incident_id: str) -> Incident | None:
    row = await tx.fetchrow("select * from incidents where id = $1", incident_id)
    return None if row is None else _incident(row)


async def lock(tx: Tx, incident_id: str) -> Incident | None:
    row = await tx.fetchrow("select * from incidents where id = $1 for update", incident_id)
    return None if row is None else _incident(row)


async def insert(tx: Tx, incident: Incident) -> bool:
    """False: somebody else has put it on file first, and is waited for."""
    inserted = await tx.fetchval(
        """
        insert into incidents (id, status, opened_at, closed_at, updated_at)
        values ($1, $2, $3, $4, $5)
            on conflict (id) do nothing
        returning true
        """,
        incident.id,
        incident.status,
        incident.opened_at,
        incident.closed_at,
        incident.updated_at,
    )
    return bool(inserted)


async def update(tx: Tx, incident: Incident) -> None:
    await tx.execute(
        "update incidents set status = $2, closed_at = $3, updated_at = $4 where id = $1",
        incident.id,
        incident.status,
        incident.closed_at,
        incident.updated_at,
    )


async def hold(tx: Tx, ids: Sequence[str]) -> dict[str, IncidentStatus]:
    """How those of them stand that are on file; nobody closes one before this transaction ends."""
    rows = await tx.fetch(
        """
        select id, status from incidents where id = any($1::text[]) order by id for share
        """,
        ids,
    )
    return {row["id"]: IncidentStatus(row["status"]) for row in rows}


async def hold_or_open(
    tx: Tx, wanted: Sequence[tuple[str, datetime]]
) -> tuple[dict[str, IncidentStatus], set[str]]:
    """As `hold`; those that are not on file are opened. Second: which were.

    Those are in neither that somebody else has put on file since the statement began.
    """
    rows = await tx.fetch(
        """
        with held as (
            select id, status from incidents where id = any($1::text[]) order by id for share
        ), opened as (
            insert into incidents (id, status, opened_at, updated_at)
            select id, 'open', at, at
              from unnest($1::text[], $2::timestamptz[]) as new (id, at)
             where id not in (select id from held)
             order by id
                on conflict (id) do nothing
            returning id, status
        )
        select id, status, false as is_new from held union all select id, status, true from opened
        """,
        [incident_id for incident_id, _ in wanted],
        [at for _, at in wanted],
    )
    status = {row["id"]: IncidentStatus(row["status"]) for row in rows}
    return status, {row["id"] for row in rows if row["is_new"]}


def _incident(row: Row) -> Incident:
    return Incident(
        id=row["id"],
        status=IncidentStatus(row["status"]),
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        updated_at=row["updated_at"],
    )
