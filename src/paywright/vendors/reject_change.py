"""Reject a change of where a vendor's money goes."""

from paywright.approvals.decide import FourEyes
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.vendors.deciding import drop, lock_pending, voter_behind
from paywright.vendors.model import ChangeStatus, VendorChange


async def reject_change(
    db: Database, cause: Cause, *, change_id: VendorChangeId, reason: str
) -> VendorChange:
    """End the change and the pause that it made. Whoever may approve may reject, even where their
    approval alone would not be enough; who asked for it withdraws it instead.

    Raises NoSuchVendorChange, ChangeNotPending, FourEyes.
    """
    async with db.transaction() as tx:
        voter = await voter_behind(tx, cause)
        _, change = await lock_pending(tx, change_id, at=cause.at)
        if voter.person == change.requested_by:
            raise FourEyes("you have asked for this change; withdraw it instead")
        rejected = await drop(tx, cause, change, ChangeStatus.REJECTED, why=reason)
        facts = {"vendor_id": change.vendor_id}
        await emit(tx, cause, Event("vendor_change.rejected", str(change_id), facts))
    return rejected
