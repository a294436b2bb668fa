"""Cancel payments that nobody has approved for too long."""

from datetime import timedelta

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.payments.vendor import store, waiting_store
from paywright.payments.vendor.withdraw import Withdrawal, withdraw

_CHUNK = 200


async def expire_unapproved(db: Database, cause: Cause, *, after: timedelta | None) -> int:
    """What was looked at long ago is not approved by surprise; how many were canceled.

    after: of their creation; None: none is ever too old
    """
    if after is None:
        return 0
    expired = 0
    while True:
        async with db.transaction() as tx:
            ids = await waiting_store.lock_old(tx, before=cause.at - after, limit=_CHUNK)
            rows = (await store.lock(tx, ids)).values() if ids else ()
            await withdraw(tx, [Withdrawal(cause, row, "approval_expired") for row in rows])
        expired += len(ids)
        if len(ids) < _CHUNK:
            return expired
