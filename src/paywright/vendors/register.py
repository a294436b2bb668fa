"""Register a vendor, or correct what is known of one."""

from collections.abc import Mapping

import msgspec

from paywright.core.actor import Permission
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.gateway.model import Provider
from paywright.vendors import rules, sealing, store
from paywright.vendors.model import Registration, Vendor, VendorStatus
from paywright.vendors.refusals import PayoutDiffers, PayoutMissing

_FIELDS = ("name", "payout_mode", "terms_days")


async def register_vendor(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    registration: Registration,
    providers: Mapping[str, Provider],
) -> tuple[Vendor, bool]:
    """Put a vendor on file under its id; the vendor, and whether it was new. The same again changes
    nothing.

    providers: that money may leave by
    Raises VendorNameInvalid, PayoutInvalid, PayoutMissing, PayoutDiffers.
    """
    cause.actor.require(Permission.MANAGE_VENDORS)
    told = msgspec.structs.replace(registration, name=rules.checked_name(registration.name))
    payout = None if told.payout is None else rules.checked_payout(told.payout, providers)
    async with db.transaction() as tx:
        known = await store.lock(tx, told.id)
        if known is None:
            if payout is None:
                raise PayoutMissing.field("payout", f"{told.id} is not on file, and needs it")
            vendor = _new(keys, cause, told, payout)
            index = sealing.account_index(keys, payout)
            if await store.insert(tx, vendor, payout_index=index):
                facts = {"payout_mode": vendor.payout_mode, "terms_days": vendor.terms_days}
                await emit(tx, cause, Event("vendor.registered", vendor.id, facts))
                return vendor, True
            known = await store.lock(tx, told.id)  # somebody was faster by a moment
        if known is None:
            raise AssertionError("a vendor is never removed")
        _check_same(keys, known, payout)
        now = _changed(cause, known, told)
        if now is not known:
            await store.set_terms(tx, now)
            changed = [it for it in _FIELDS if getattr(known, it) != getattr(now, it)]
            before = {it: getattr(known, it) for it in changed}
            after = {it: getattr(now, it) for it in changed}
            change = Event("vendor.changed", now.id, {"fields": changed}, before, after)
            await emit(tx, cause, change)
    return now, False


def _new(keys: KeyRing, cause: Cause, told: Registration, payout: Beneficiary) -> Vendor:
    return Vendor(
        id=told.id,
        name=told.name,
        status=VendorStatus.ACTIVE,
        payout=sealing.seal(keys, told.id, payout),
        payout_masked=rules.masked_account(payout),
        payout_version=1,
        payout_mode=told.payout_mode,
        paused_until=None,
        terms_days=told.terms_days,
        created_at=cause.at,
        status_reason=None,
        payout_changed_at=cause.at,
        created_by=cause.actor.person,
        updated_at=cause.at,
    )


def _check_same(keys: KeyRing, known: Vendor, payout: Beneficiary | None) -> None:
    if payout is None:
        return
    fields = rules.differing(sealing.unseal(keys, known.id, known.payout), payout)
    if fields:
        raise PayoutDiffers(
            f"{', '.join(fields)} not as on file; ask for the change with POST "
            f"/api/v1/vendors/{known.id}/payout-changes",
            fields=fields,
        )


def _changed(cause: Cause, known: Vendor, told: Registration) -> Vendor:
    """`known` itself where nothing is new."""
    if all(getattr(known, it) == getattr(told, it) for it in _FIELDS):
        return known
    fields = {it: getattr(told, it) for it in _FIELDS}
    return msgspec.structs.replace(known, **fields, updated_at=cause.at)
