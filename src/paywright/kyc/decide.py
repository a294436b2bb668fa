"""A check is decided, by its provider or by a person, and the customer's standing with it."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import CheckId
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.kyc import rules, store, subject
from paywright.kyc.model import BY_HAND, Check, KycStatus, Standing


async def decide_by_hand(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    customer_id: str,
    status: KycStatus,
    reason: str,
) -> Standing:
    """A person verifies or rejects a customer, or takes a verification back.

    It is on file as a check of its own. One that is open ends with it, without a verdict; what its
    provider may say later counts for nothing.
    Raises NoSuchCustomer, NotDecidableByHand.
    """
    cause.actor.require(Permission.MANAGE_KYC)
    rules.check_by_hand(status, reason)
    async with db.transaction() as tx:
        customer = await customers.find(tx, keys, customer_id)
        if customer is None:
            raise NoSuchCustomer(customer_id)
        standing = await store.lock_standing(tx, customer_id, at=cause.at)
        if (open_check := await store.open_check(tx, customer_id)) is not None:
            given_up = _decided(cause, open_check, KycStatus.UNVERIFIED, "decided_by_hand")
            await store.set_decided(tx, given_up)
        blank = Check(
            id=CheckId.new(cause.at),
            customer_id=customer_id,
            provider=BY_HAND,
            status=KycStatus.PENDING,
            subject_index=subject.index_of(keys, customer),
            requested_at=cause.at,
            requested_by=cause.actor.id,
        )
        check = _decided(cause, blank, status, reason)
        await store.insert(tx, check, ask_at=None)
        after = rules.moved(standing, status, at=cause.at, check=check)
        return await _save(tx, cause, check, standing, after)


async def settle(
    tx: Tx, cause: Cause, standing: Standing, check: Check, *, status: KycStatus, reason: str | None
) -> Standing:
    """An open check ends with what its provider says. `standing` is locked, `check` is pending.

    status: `unverified` when the provider would not say anything
    """
    decided = _decided(cause, check, status, reason)
    await store.set_decided(tx, decided)
    if status == KycStatus.UNVERIFIED:  # what an earlier check has said still counts
        after = rules.moved(standing, rules.status_without_verdict(standing.status), at=cause.at)
    else:
        after = rules.moved(standing, status, at=cause.at, check=decided)
    return await _save(tx, cause, decided, standing, after)


def _decided(cause: Cause, check: Check, status: KycStatus, reason: str | None) -> Check:
    return msgspec.structs.replace(
        check,
        status=status,
        reason=reason,
        decided_at=cause.at,
        decided_by=cause.actor.id,
        expires_at=rules.expiry_of(status, decided_at=cause.at),
    )


async def _save(tx: Tx, cause: Cause, check: Check, before: Standing, after: Standing) -> Standing:
    await store.set_standing(tx, after)
    # Not the reason: a person may have written anything there, and the log outlives it.
    facts = {"check_id": str(check.id), "provider": check.provider, "outcome": check.status}
    change = {"before": {"status": before.status}, "after": {"status": after.status}}
    await emit(tx, cause, Event("kyc.decided", check.customer_id, facts, **change))
    return after
