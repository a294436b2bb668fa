"""Block a vendor, or let it be paid again."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.vendors import store
from paywright.vendors.model import Vendor, VendorStatus
from paywright.vendors.refusals import NoSuchVendor

_VERBS = {VendorStatus.BLOCKED: "blocked", VendorStatus.ACTIVE: "unblocked"}


async def set_vendor_status(
    db: Database, cause: Cause, *, vendor_id: str, status: VendorStatus, reason: str
) -> Vendor:
    """The vendor as it is then. Safe to repeat: a vendor that is so already keeps its first reason.

    Raises NoSuchVendor.
    """
    cause.actor.require(Permission.MANAGE_VENDORS)
    async with db.transaction() as tx:
        known = await store.lock(tx, vendor_id)
        if known is None:
            raise NoSuchVendor(vendor_id)
        if known.status is status:
            return known
        now = msgspec.structs.replace(
            known, status=status, status_reason=reason, updated_at=cause.at
        )
        await store.set_status(tx, now)
        # The reason stays in the table: what people write may be personal.
        states = {"before": {"status": known.status}, "after": {"status": status}}
        await emit(tx, cause, Event(f"vendor.{_VERBS[status]}", vendor_id, {}, **states))
    return now
