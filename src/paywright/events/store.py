"""All SQL over `events`."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.ids import EventId
from paywright.db.pool import Tx, from_jsonb, to_jsonb
from paywright.events.model import Event, Recorded


async def append(tx: Tx, rows: Sequence[tuple[EventId, Cause, Event]]) -> None:
    await tx.execute(
        """
        insert into events (id, at, type, subject, actor, ip, request_id, data, before, after)
        select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[],
                             $6::inet[], $7::text[], $8::jsonb[], $9::jsonb[], $10::jsonb[])
        """,
        [event_id for event_id, _, _ in rows],
        [cause.at for _, cause, _ in rows],
        [event.type for _, _, event in rows],
        [event.subject for _, _, event in rows],
        [cause.actor.id for _, cause, _ in rows],
        [cause.ip for _, cause, _ in rows],
        [cause.request_id for _, cause, _ in rows],
        [to_jsonb(event.data) for _, _, event in rows],
        [None if event.before is None else to_jsonb(event.before) for _, _, event in rows],
        [None if event.after is None else to_jsonb(event.after) for _, _, event in rows],
    )


async def history(tx: Tx, subject: str) -> list[Recorded]:
    """Everything that ever happened to a subject, oldest first."""
    rows = await tx.fetch(
        """
        select sequence, at, type, subject, actor, request_id, data, before, after
          from events
         where subject = $1
         order by sequence
        """,
        subject,
    )
    return [
        Recorded(
            sequence=row["sequence"],
            at=row["at"],
            type=row["type"],
            subject=row["subject"],
            actor=row["actor"],
            request_id=row["request_id"],
            data=from_jsonb(row["data"]),
            before=from_jsonb(row["before"]),
            after=from_jsonb(row["after"]),
        )
        for row in rows
    ]


async def ensure_partitions(tx: Tx, *, months_ahead: int) -> int:
    """Prepare the log for the months to come; how many partitions were made."""
    return await tx.fetchval("select events_ensure_partitions($1)", months_ahead)
