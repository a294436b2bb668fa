"""Tell a receiver what the log has that it was not told yet."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events.model import Logged
from paywright.events.stream import read_stream
from paywright.publishing import store
from paywright.publishing.cloud_event import CloudEvent, cloud_event
from paywright.publishing.sink import NotAccepted, Sink
from paywright.publishing.store import Cursor

log = structlog.get_logger()

SINK = "http"
_PAGE = 200
_ABREAST = 16  # subjects that are told of at a time
_PATIENCE_S = 1.0
_RUN_S = 20.0  # then somebody else may have a turn
_DELAY_MAX = timedelta(minutes=5)


async def publish(db: Database, sink: Sink, cause: Cause) -> int:
    """Hand events over, in order for each subject, at least once; how many were taken.

    One that is not taken is tried again, later and later, up to every five minutes, and what comes
    after it waits.
    """
    async with db.snapshot() as tx:
        cursor = await store.find(tx, SINK) or Cursor(sequence=0)
    if cursor.retry_at is not None and cursor.retry_at > cause.at:
        return 0
    taken = 0
    deadline = time.monotonic() + _RUN_S
    while time.monotonic() < deadline:
        rows = await read_stream(db, after=cursor.sequence, limit=_PAGE, patience_s=_PATIENCE_S)
        if not rows:
            return taken
        refused = await _tell(sink, rows)
        reached = [it for it in rows if not refused or it.sequence < min(refused)]
        taken += len(reached)
        cursor = _moved(cursor, reached, refused, cause)
        async with db.transaction() as tx:
            await store.save(tx, SINK, cursor, at=cause.at)
        if refused:
            log.warning("events.not_taken", why=cursor.last_error, failures=cursor.failures)
            return taken
    return taken


async def _tell(sink: Sink, rows: Sequence[Logged]) -> dict[int, str]:
    """Those that were not taken, and why. Behind one of these its subject waits."""
    subjects: dict[str, list[Logged]] = {}
    for it in rows:
        subjects.setdefault(it.subject, []).append(it)
    places = asyncio.Semaphore(_ABREAST)
    refused: dict[int, str] = {}

    async def tell(events: Sequence[Logged]) -> None:
        async with places:
            for it in events:
                if refused and it.sequence > min(refused):
                    return  # it will be told again in any case
                told: CloudEvent = cloud_event(it)
                if not sink.wants(told):
                    continue
                try:
                    await sink.send(told)
                except NotAccepted as error:
                    refused[it.sequence] = str(error)
                    return

    await asyncio.gather(*(tell(events) for events in subjects.values()))
    return refused


def _moved(
    cursor: Cursor, reached: Sequence[Logged], refused: dict[int, str], cause: Cause
) -> Cursor:
    sequence = reached[-1].sequence if reached else cursor.sequence
    delivered_at = cause.at if reached else cursor.delivered_at
    if not refused:
        return Cursor(sequence=sequence, delivered_at=delivered_at)
    failures = 1 if reached else cursor.failures + 1
    delay = min(timedelta(seconds=2 ** min(failures, 12)), _DELAY_MAX)
    return Cursor(
        sequence=sequence,
        failures=failures,
        retry_at=cause.at + delay,
        last_error=refused[min(refused)],
        delivered_at=delivered_at,
    )
