"""Give up payments that nobody has confirmed."""

from datetime import timedelta

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events.emit import Event, emit_all
from paywright.payments import waiting_store
from paywright.payments.model import PaymentStatus
from paywright.payments.waiting_store import Change

# A code that is sent again lives for 15 minutes after the first one at most.
_PATIENCE = timedelta(minutes=20)
_CHUNK = 500


async def cancel_unconfirmed(db: Database, cause: Cause) -> int:
    """Cancel what has waited for a code for so long that none can be right any more; how many.

    No money is on hold for them.
    """
    canceled = 0
    while True:
        async with db.transaction() as tx:
            before = cause.at - _PATIENCE
            ids = await waiting_store.lock_unconfirmed(tx, before=before, limit=_CHUNK)
            changes = [
                Change(
                    payment_id=it,
                    before=PaymentStatus.REQUIRES_OTP,
                    after=PaymentStatus.CANCELED,
                    reason="not_confirmed",
                    actor=cause.actor.id,
                    at=cause.at,
                )
                for it in ids
            ]
            await waiting_store.change(tx, changes)
            facts = {"kind": "transfer", "status": "canceled", "reason": "not_confirmed"}
            await emit_all(tx, [(cause, Event("payment.canceled", str(it), facts)) for it in ids])
        canceled += len(ids)
        if len(ids) < _CHUNK:
            return canceled
