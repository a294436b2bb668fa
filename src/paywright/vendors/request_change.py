"""Ask for a change of where a vendor's money goes. From then on nothing leaves for the vendor."""

from collections.abc import Mapping

import msgspec

from paywright.core.actor import Permission
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import VendorChangeId
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.gateway.model import Provider
from paywright.idempotency import Answer, Claim, claim, fingerprint
from paywright.vendors import changes_store, rules, sealing, store
from paywright.vendors.model import ChangeSeen, ChangeStatus, Vendor, VendorChange, VendorStatus
from paywright.vendors.refusals import (
    ChangePending,
    NoSuchVendor,
    PayoutUnchanged,
    VendorNotActive,
)
from paywright.vendors.seeing import change_seen

_SCOPE = "vendors.payout_changes"
_ACCEPTED = 202


class Requested(msgspec.Struct, frozen=True):
    """The change as it was asked for. replayed: by an earlier request with the same key"""

    seen: ChangeSeen
    replayed: bool


async def request_change(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    key: str,
    vendor_id: str,
    payout: Beneficiary,
    reason: str,
    providers: Mapping[str, Provider],
) -> Requested:
    """Put the change on file, for somebody else to approve, and pause the vendor.

    providers: that money may leave by
    Raises NoSuchVendor, PayoutInvalid, VendorNotActive, PayoutUnchanged, ChangePending, KeyReused.
    """
    cause.actor.require(Permission.MANAGE_VENDORS)
    sound = rules.checked_payout(payout, providers)
    async with db.transaction() as tx:
        vendor = await store.lock(tx, vendor_id)
        if vendor is None:
            raise NoSuchVendor(vendor_id)
        change = _change(keys, cause, vendor, sound, reason)
        earlier = (await claim(tx, [_claim(keys, key, change, sound)], at=cause.at))[0]
        if isinstance(earlier, Problem):
            raise earlier
        if earlier is not None:
            return Requested(await _as_asked(tx, keys, earlier), replayed=True)
        seen = change_seen(keys, change)
        await _check_may(tx, vendor, seen)
        index = sealing.account_index(keys, sound)
        await changes_store.insert(tx, change, payout_index=index)
        until = rules.paused_by_request(vendor.paused_until, expires_at=change.expires_at)
        await store.set_pause(tx, vendor.id, until, at=cause.at)
        facts = {
            "vendor_id": vendor.id,
            "payout_version": change.payout_version,
            "differs_in": seen.differs_in,
            "content_hash": change.content_hash.hex(),
            "expires_at": change.expires_at,
        }
        await emit(tx, cause, Event("vendor_change.requested", str(change.id), facts))
    return Requested(seen, replayed=False)


def _change(
    keys: KeyRing, cause: Cause, vendor: Vendor, payout: Beneficiary, reason: str
) -> VendorChange:
    change_id = VendorChangeId.new(cause.at)
    before = sealing.unseal(keys, vendor.id, vendor.payout)
    return VendorChange(
        id=change_id,
        vendor_id=vendor.id,
        status=ChangeStatus.PENDING,
        payout=sealing.seal(keys, vendor.id, payout),
        payout_masked=rules.masked_account(payout),
        payout_before=vendor.payout,
        payout_version=vendor.payout_version,
        paused_before=vendor.paused_until,
        content_hash=sealing.content_hash(keys, change_id, vendor.id, before=before, after=payout),
        reason=reason,
        requested_by=cause.actor.person,
        requested_as=cause.actor.id,
        requested_at=cause.at,
        expires_at=cause.at + rules.CHANGE_LIFE,
    )


def _claim(keys: KeyRing, key: str, change: VendorChange, payout: Beneficiary) -> Claim:
    """The answer is only the id: what people may see of accounts is kept nowhere but encrypted."""
    request = {
        "vendor_id": change.vendor_id,
        # Keyed: a digest of an account number could be tried out.
        "payout": sealing.payout_index(keys, payout).hex(),
        "reason": change.reason,
    }
    return Claim(_SCOPE, key, *fingerprint(request), Answer(_ACCEPTED, str(change.id).encode()))


async def _as_asked(tx: Tx, keys: KeyRing, earlier: Answer) -> ChangeSeen:
    """What was answered then, whatever has become of it since."""
    change = await changes_store.find(tx, VendorChangeId.parse(earlier.body.decode()))
    if change is None:
        raise AssertionError("a change is never removed")
    asked = msgspec.structs.replace(
        change,
        status=ChangeStatus.PENDING,
        decided_by=None,
        decided_at=None,
        decided_why=None,
    )
    return change_seen(keys, asked)


async def _check_may(tx: Tx, vendor: Vendor, seen: ChangeSeen) -> None:
    if vendor.status is not VendorStatus.ACTIVE:
        raise VendorNotActive(vendor.id)
    if (other := await changes_store.pending_of(tx, vendor.id)) is not None:
        raise ChangePending(f"{other.id} waits for approval", change_id=str(other.id))
    if not seen.differs_in:
        raise PayoutUnchanged.field("payout", f"is what is on file of {vendor.id}")
