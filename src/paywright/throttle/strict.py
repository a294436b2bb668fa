"""The strict limits, for guesses at secrets: PostgreSQL is the arbiter, for all processes."""

import hashlib
from datetime import datetime, timedelta

from paywright.db.pool import Database
from paywright.throttle import store
from paywright.throttle.model import Allowance, told

_CHUNK = 5_000  # rows in one transaction, so that no sweep holds locks for long


async def take_strict(
    db: Database, name: str, *, limit: int, window_s: float, at: datetime
) -> Allowance:
    """Count one request of `name`, of `limit` in `window_s`; exact however many ask at once.

    It is counted even if what it was asked for is rolled back: a transaction of its own, made of
    one statement.

    name:  what is counted, `login:…`, of any length. Only its digest is stored: it may be personal
    limit: 1 to 1000
    """
    window = timedelta(seconds=window_s)
    # In whole microseconds, rounded down: `limit` of them always fit into the window.
    interval = window // limit
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    async with db.pool.acquire() as connection:
        row = await store.take(connection, digest, at=at, interval=interval, window=window)
    if row is None:
        raise AssertionError("an upsert returns its row")
    return told(
        (row["empty_at"] - at).total_seconds(),
        limit=limit,
        window_s=window_s,
        is_allowed=row["is_allowed"],
    )


async def forget_recovered(db: Database, *, at: datetime) -> int:
    """Drop the names whose share is whole again; how many. An unknown name has a whole share."""
    forgotten, gone = 0, _CHUNK
    while gone == _CHUNK:
        async with db.transaction() as tx:
            gone = await store.forget(tx, before=at, limit=_CHUNK)
        forgotten += gone
    return forgotten
