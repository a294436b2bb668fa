"""A verification does not outlive the name that it was about."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.kyc import rules, store, subject
from paywright.kyc.model import KycStatus


async def reconsider(db: Database, keys: KeyRing, cause: Cause, *, customer_id: str) -> bool:
    """After a customer was changed: end a verification under another name or another country;
    whether it did. A new check has to be asked for. Safe to repeat, and nothing for a customer who
    is not verified.
    """
    cause.actor.require(Permission.WRITE_CUSTOMERS)
    async with db.transaction() as tx:
        if (await store.standing(tx, customer_id)).status != KycStatus.VERIFIED:
            return False
        standing = await store.lock_standing(tx, customer_id, at=cause.at)
        customer = await customers.find(tx, keys, customer_id)
        if standing.status != KycStatus.VERIFIED or customer is None:
            return False
        if subject.is_about(keys, standing.subject_index, customer):
            return False
        is_open = await store.open_check(tx, customer_id) is not None
        status = KycStatus.PENDING if is_open else KycStatus.UNVERIFIED
        await store.set_standing(tx, rules.moved(standing, status, at=cause.at))
        change = {"before": {"status": standing.status}, "after": {"status": status}}
        await emit(tx, cause, Event("kyc.outdated", customer_id, {}, **change))
    return True
