"""Challenges end at their time. Who answers later is refused in any case; the sweep tells of those
that nobody answers."""

from uuid import UUID

from paywright.challenges import store
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Database, Tx
from paywright.events.emit import Event, emit

_CHUNK = 500  # challenges in one transaction


async def expire_due(tx: Tx, cause: Cause, *, limit: int = _CHUNK) -> list[UUID]:
    """Close the open challenges whose time is over; the payments that they were for.

    Emits challenge.expired for each.
    """
    ended = await store.set_expired(tx, at=cause.at, limit=limit)
    told = [
        Event("challenge.expired", str(it), {"payment_id": str(PaymentId.of(payment_id))})
        for payment_id, it in ended
    ]
    await emit(tx, cause, *told)
    return [payment_id for payment_id, _ in ended]


async def sweep(db: Database, cause: Cause) -> int:
    """Close every challenge that is due; how many were."""
    expired = 0
    while True:
        async with db.transaction() as tx:
            now = len(await expire_due(tx, cause))
        expired += now
        if now < _CHUNK:
            return expired
