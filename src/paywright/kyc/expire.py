"""Verifications end by themselves."""

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.kyc import store

_CHUNK = 1000  # in one transaction, so that no sweep holds locks for long


async def expire_verifications(db: Database, cause: Cause) -> int:
    """End those whose time is over; how many there were. No new check is asked for by itself: each
    has its price, and some customers are gone."""
    ended = 0
    while True:
        async with db.transaction() as tx:
            over = await store.expire(tx, at=cause.at, limit=_CHUNK)
            await emit_all(
                tx,
                [
                    (cause, Event("kyc.expired", customer_id, {}, after={"status": status}))
                    for customer_id, status in over
                ],
            )
        ended += len(over)
        if len(over) < _CHUNK:
            return ended
