"""Withdraw a change of where a vendor's money goes."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.vendors.deciding import drop, lock_pending
from paywright.vendors.model import ChangeStatus, VendorChange


async def withdraw_change(db: Database, cause: Cause, *, change_id: VendorChangeId) -> VendorChange:
    """End the change and the pause that it made. Anybody may who may ask for one.

    Raises NoSuchVendorChange, ChangeNotPending.
    """
    cause.actor.require(Permission.MANAGE_VENDORS)
    async with db.transaction() as tx:
        _, change = await lock_pending(tx, change_id, at=cause.at)
        withdrawn = await drop(tx, cause, change, ChangeStatus.WITHDRAWN, why=None)
        facts = {"vendor_id": change.vendor_id}
        await emit(tx, cause, Event("vendor_change.withdrawn", str(change_id), facts))
    return withdrawn
