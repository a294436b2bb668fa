"""All SQL over `events`."""

from collections.abc import Sequence

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import EventId
from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx, from_jsonb
from paywright.events.model import Event, Recorded

_COLUMNS = ("id", "at", "type", "subject", "actor", "ip", "request_id", "data", "before", "after")


async def append(tx: Tx, rows: Sequence[tuple[EventId, Cause, Event]]) -> None:
    await copy_rows(tx, "events", _COLUMNS, [_row(*it) for it in rows])


def _row(event_id: EventId, cause: Cause, event: Event) -> bytes:
    return b"".join(
        (
            copy.row(10),
            copy.uuid(event_id),
            copy.timestamptz(cause.at),
            copy.word(event.type),
            copy.text(event.subject),
            copy.word(cause.actor.id),
            copy.NULL if cause.ip is None else copy.inet(cause.ip),
            copy.text(cause.request_id),
            copy.jsonb(msgspec.json.encode(event.data)),
            copy.NULL if event.before is None else copy.jsonb(msgspec.json.encode(event.before)),
            copy.NULL if event.after is None else copy.jsonb(msgspec.json.encode(event.after)),
        )
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
