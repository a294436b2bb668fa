"""The queue's log grows by three rows a job. Forget the old ones, a chunk at a time."""

from datetime import datetime

from paywright.db.pool import Database
from paywright.jobs import store


async def prune_log(
    db: Database, *, before: datetime, chunk: int = 5_000, chunks_max: int = 200
) -> int:
    """Delete what the log says from before that moment about jobs that are gone.

    Rows of jobs that still exist stay: they say why a dead job died, and how often the worker of
    a living one did. Each chunk is a transaction of its own, so that no lock is held for long.
    Returns the number of rows; at most `chunk` * `chunks_max`, the rest is for the next call.
    """
    pruned = 0
    for _ in range(chunks_max):
        async with db.transaction() as tx:
            count = await store.prune_log(tx, before=before, limit=chunk)
        pruned += count
        if count < chunk:
            break
    return pruned
