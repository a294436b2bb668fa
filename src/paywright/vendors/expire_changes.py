"""Changes that nobody approves end by themselves."""

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.vendors import changes_store

_CHUNK = 1_000  # in one transaction, so that no sweep holds locks for long


async def expire_changes(db: Database, cause: Cause) -> int:
    """End those whose time is over, and the pauses that they made; how many there were."""
    count = 0
    while True:
        async with db.transaction() as tx:
            ended = await changes_store.expire(tx, at=cause.at, by=cause.actor.person, limit=_CHUNK)
            await emit_all(
                tx,
                [
                    (cause, Event("vendor_change.expired", str(it.id), {"vendor_id": it.vendor_id}))
                    for it in ended
                ],
            )
        count += len(ended)
        if len(ended) < _CHUNK:
            return count
