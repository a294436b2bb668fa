"""Put work into the queue, with the transaction of the change that asks for it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.jobs import store
from paywright.jobs.library import QUEUE
from paywright.jobs.model import JobRequest

# The library's own statement, so that its schema and its enqueueing stay in step.
_ENQUEUE = QUEUE.build_enqueue_query("skip")


async def enqueue(tx: Tx, cause: Cause, *requests: JobRequest) -> list[int | None]:
    """Put work that shares one cause into the queue, in one statement.

    Returns the job's id for each request, None where a job of the same key is queued already.
    """
    return await enqueue_all(tx, [(cause, request) for request in requests])


async def enqueue_all(tx: Tx, caused: Iterable[tuple[Cause, JobRequest]]) -> list[int | None]:
    """`enqueue`, each request with its own cause."""
    rows = list(caused)
    if not rows:
        return []
    inserted = await tx.fetch(
        _ENQUEUE,
        [request.priority for _, request in rows],
        [request.task.job_name() for _, request in rows],
        [request.task.encode() for _, request in rows],
        [_delay(cause, request) for cause, request in rows],
        [request.key for _, request in rows],
        [_headers(cause) for cause, _ in rows],
    )
    ids: list[int | None] = [None] * len(rows)
    for row in inserted:
        ids[row["ord"] - 1] = row["id"]
    return ids


async def missing(tx: Tx, keys: Sequence[str]) -> list[str]:
    """Those of the keys for which no job is queued, under way or dead."""
    return await store.missing(tx, keys)


async def withdraw(tx: Tx, keys: Sequence[str]) -> None:
    """Take back work that is not needed any more. What somebody has begun goes on."""
    await store.withdraw(tx, keys)


def _delay(cause: Cause, request: JobRequest) -> timedelta:
    # Relative, so that a clock that differs from the database's shifts nothing.
    return timedelta(0) if request.at is None else max(timedelta(0), request.at - cause.at)


def _headers(cause: Cause) -> str:
    return msgspec.json.encode(
        {"request_id": cause.request_id, "requested_by": cause.actor.id}
    ).decode()
