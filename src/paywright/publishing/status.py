"""How far a receiver has been told."""

from datetime import datetime

import msgspec

from paywright.db.pool import Database
from paywright.events import store as events
from paywright.publishing import store
from paywright.publishing.publish import SINK
from paywright.publishing.store import Cursor


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """told, newest: sequence numbers; behind: at most so many events are still to be told"""

    told: int
    newest: int
    behind: int
    failures: int
    retry_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None


async def sink_status(db: Database) -> SinkStatus:
    async with db.snapshot() as tx:
        cursor = await store.find(tx, SINK) or Cursor(sequence=0)
        newest = await events.newest_sequence(tx)
    return SinkStatus(
        told=cursor.sequence,
        newest=newest,
        behind=newest - cursor.sequence,
        failures=cursor.failures,
        retry_at=cursor.retry_at,
        last_error=cursor.last_error,
        delivered_at=cursor.delivered_at,
    )
