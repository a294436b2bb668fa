"""All SQL over `events`."""

from collections.abc import Sequence

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import EventId
from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx, from_jsonb
from paywright.events.model import Event, Logged, Recorded

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
            copy.jsonb(_encode(event.data)),
            copy.NULL if event.before is None else copy.jsonb(_encode(event.before)),
            copy.NULL if event.after is None else copy.jsonb(_encode(event.after)),
        )
    )


_encode = msgspec.json.Encoder().encode


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


async def following(tx: Tx, *, after: int, limit: int) -> list[Logged]:
    """What the log has after a sequence number, in order. Numbers may be missing for now: see
    `stream`."""
    rows = await tx.fetch(
        """
        select sequence, id, at, type, subject, actor, request_id, data::text as data,
               before::text as before, after::text as after
          from events
         where sequence > $1
         order by sequence
         limit $2
        """,
        after,
        limit,
    )
    return [
        Logged(
            sequence=row["sequence"],
            id=EventId.of(row["id"]),
            at=row["at"],
            type=row["type"],
            subject=row["subject"],
            actor=row["actor"],
            request_id=row["request_id"],
            data=row["data"],
            before=row["before"],
            after=row["after"],
        )
        for row in rows
    ]


async def newest_sequence(tx: Tx) -> int:
    """Of the newest event; 0 for an empty log."""
    return await tx.fetchval("select coalesce(max(sequence), 0)::bigint from events")


async def transactions(tx: Tx) -> tuple[int, int]:
    """The oldest transaction that is under way, and the first that has not begun yet."""
    row = await tx.fetchrow(
        """
        select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest,
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
        """
    )
    if row is None:
        raise AssertionError("there is always a snapshot")
    return row["oldest"], row["next"]


async def ensure_partitions(tx: Tx, *, months_ahead: int) -> int:
    """Prepare the log for the months to come; how many partitions were made."""
    return await tx.fetchval("select events_ensure_partitions($1)", months_ahead)
