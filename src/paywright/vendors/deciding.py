"""What all have in common who end a change of where a vendor's money goes."""

from datetime import datetime

import msgspec

from paywright.approvals.model import Subject, SubjectKind, Voter
from paywright.approvals.voters import voter_of
from paywright.core.actor import Permission, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.db.pool import Tx
from paywright.vendors import changes_store, store
from paywright.vendors.model import ChangeStatus, Vendor, VendorChange
from paywright.vendors.refusals import ChangeNotPending, NoSuchVendorChange


async def voter_behind(tx: Tx, cause: Cause) -> Voter:
    """Who decides, with a right of their own or a delegated one. Raises PermissionMissing."""
    voter = await voter_of(tx, cause.actor, at=cause.at)
    if not voter.rights:
        permission = Permission.APPROVE
        raise PermissionMissing(f"needs {permission}", permission=permission.value)
    return voter


async def lock_pending(
    tx: Tx, change_id: VendorChangeId, *, at: datetime
) -> tuple[Vendor, VendorChange]:
    """The change and its vendor, which nobody else decides about before this transaction ends.

    Raises NoSuchVendorChange, ChangeNotPending.
    """
    found = await changes_store.find(tx, change_id)
    if found is None:
        raise NoSuchVendorChange(str(change_id))
    vendor = await store.lock(tx, found.vendor_id)
    change = await changes_store.find(tx, change_id)  # what it is now that nobody changes it
    if vendor is None or change is None:
        raise AssertionError("neither vendors nor changes are ever removed")
    if change.status is not ChangeStatus.PENDING:
        raise ChangeNotPending(f"it is {change.status.value}", change_status=change.status.value)
    if change.expires_at <= at:
        expired = ChangeStatus.EXPIRED.value
        raise ChangeNotPending("its time is over", change_status=expired)
    return vendor, change


def subject_of(change: VendorChange) -> Subject:
    """What is approved, and by whom not."""
    return Subject(
        kind=SubjectKind.VENDOR_CHANGE,
        id=change.id,
        content_hash=change.content_hash,
        makers=(change.requested_by,),
    )


async def end(
    tx: Tx, cause: Cause, change: VendorChange, status: ChangeStatus, *, why: str | None
) -> VendorChange:
    """Write down how the change ended."""
    ended = msgspec.structs.replace(
        change,
        status=status,
        decided_by=cause.actor.person,
        decided_at=cause.at,
        decided_why=why,
    )
    await changes_store.set_decided(tx, ended)
    return ended


async def drop(
    tx: Tx, cause: Cause, change: VendorChange, status: ChangeStatus, *, why: str | None
) -> VendorChange:
    """End a change that comes to nothing, and the pause that it made."""
    await store.set_pause(tx, change.vendor_id, change.paused_before, at=cause.at)
    return await end(tx, cause, change, status, why=why)
