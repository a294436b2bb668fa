"""All SQL over `publishing_cursors`."""

from datetime import datetime

import msgspec

from paywright.db.pool import Tx


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a receiver has been told. sequence: the last event that it has taken"""

    sequence: int
    failures: int = 0
    retry_at: datetime | None = None
    last_error: str | None = None
    delivered_at: datetime | None = None


async def find(tx: Tx, sink: str) -> Cursor | None:
    row = await tx.fetchrow(
        """
        select sequence, failures, retry_at, last_error, delivered_at
          from publishing_cursors
         where sink = $1
        """,
        sink,
    )
    return None if row is None else Cursor(**dict(row))


async def save(tx: Tx, sink: str, cursor: Cursor, *, at: datetime) -> None:
    """A cursor never goes back: two that tell at once lose nothing, and tell some events twice."""
    await tx.execute(
        """
        insert into publishing_cursors as known
               (sink, sequence, failures, retry_at, last_error, delivered_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (sink) do update
           set sequence = greatest(known.sequence, excluded.sequence),
               failures = excluded.failures, retry_at = excluded.retry_at,
               last_error = excluded.last_error,
               delivered_at = coalesce(excluded.delivered_at, known.delivered_at),
               updated_at = excluded.updated_at
        """,
        sink,
        cursor.sequence,
        cursor.failures,
        cursor.retry_at,
        cursor.last_error,
        cursor.delivered_at,
        at,
    )
