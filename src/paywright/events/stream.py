"""Read the log in its order, without passing an event that is still on its way.

A sequence number is given out before its event commits: the one after it may be seen first. A
number that is missing is therefore waited for until every transaction that was under way has
ended; one that is missing then will never come.
"""

import asyncio
import time
from collections.abc import Sequence

from paywright.db.pool import Database
from paywright.events import store
from paywright.events.model import Logged

_PAUSE_S = 0.02


async def read_stream(db: Database, *, after: int, limit: int, patience_s: float) -> list[Logged]:
    """Events of a higher sequence, in order, without gaps that may still be filled.

    patience_s: for transactions under way; what comes before the first such gap is returned when
                it has run out
    """
    async with db.snapshot() as tx:
        rows = await store.following(tx, after=after, limit=limit)
        _, under_way = await store.transactions(tx)
    whole = _before_gap(rows, after)
    if len(whole) == len(rows):
        return rows
    last = rows[-1].sequence
    deadline = time.monotonic() + patience_s
    while True:
        async with db.snapshot() as tx:
            oldest, _ = await store.transactions(tx)
            if oldest >= under_way:
                again = await store.following(tx, after=after, limit=limit)
                return [it for it in again if it.sequence <= last]
        if time.monotonic() >= deadline:
            return whole
        await asyncio.sleep(_PAUSE_S)


def _before_gap(rows: Sequence[Logged], after: int) -> list[Logged]:
    found = []
    for expected, it in enumerate(rows, start=after + 1):
        if it.sequence != expected:
            break
        found.append(it)
    return found
