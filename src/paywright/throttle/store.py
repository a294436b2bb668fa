"""All SQL over `rate_limits`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from paywright.db.pool import Row, Tx


async def take(
    tx: Tx, name: bytes, *, at: datetime, interval: timedelta, window: timedelta
) -> Row | None:
    """Take one request out of the bucket; `empty_at` and `is_allowed`.

    Whoever comes at the same time waits for the row, and sees what is left.
    """
    return await tx.fetchrow(
        """
        insert into rate_limits as known (name, empty_at, is_allowed)
        values ($1, $2::timestamptz + $3::interval, true)
            on conflict (name) do update
           set empty_at = case
                   when greatest(known.empty_at, $2) + $3 <= $2 + $4::interval
                   then greatest(known.empty_at, $2) + $3
                   else known.empty_at end,
               is_allowed = greatest(known.empty_at, $2) + $3 <= $2 + $4
        returning empty_at, is_allowed
        """,
        name,
        at,
        interval,
        window,
    )


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete buckets that were empty before that moment; how many."""
    rows: Sequence[Row] = await tx.fetch(
        """
        delete from rate_limits
         where name = any(array(select name
                                  from rate_limits
                                 where empty_at < $1
                                 limit $2
                                   for update skip locked))
        returning 1
        """,
        before,
        limit,
    )
    return len(rows)
