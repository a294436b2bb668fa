"""Reject a vendor payment, with a reason."""

from paywright.approvals.voters import voter_of
from paywright.core.actor import Permission, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.payments import waiting_store
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import store
from paywright.payments.vendor.model import VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.refusals import NoSuchVendorPayment, PaymentNotPending
from paywright.payments.waiting_store import Change
from paywright.telemetry.patterns import scrub


async def reject_payment(
    db: Database, cause: Cause, *, payment_id: PaymentId, reason: str
) -> VendorPayment:
    """One rejection ends it, however many have approved. Whoever may approve may reject, what they
    have made themselves, too: nothing is paid by it.

    Raises PermissionMissing, NoSuchVendorPayment, PaymentNotPending.
    """
    async with db.transaction() as tx:
        if not (await voter_of(tx, cause.actor, at=cause.at)).rights:
            permission = Permission.APPROVE
            raise PermissionMissing(f"needs {permission}", permission=permission.value)
        row = (await store.lock(tx, [payment_id])).get(payment_id)
        if row is None:
            raise NoSuchVendorPayment(str(payment_id))
        if row.status is not PaymentStatus.PENDING_APPROVAL:
            raise PaymentNotPending(f"it is {row.status.value}", payment_status=row.status.value)
        change = Change(
            payment_id=payment_id,
            before=row.status,
            after=PaymentStatus.REJECTED,
            reason="rejected",
            actor=cause.actor.id,
            at=cause.at,
        )
        await waiting_store.change(tx, [change])
        await store.set_rejected(tx, payment_id, reason)
        await emit(
            tx,
            cause,
            Event(
                "payment.rejected",
                str(payment_id),
                {
                    "kind": "vendor_payment",
                    "vendor_id": row.vendor_id,
                    "incident_id": row.incident_id,
                    "amount_minor": row.amount.minor,
                    "currency": row.amount.currency,
                    "reason": scrub(reason),
                    "content_hash": row.content_hash.hex(),
                },
                before={"status": row.status.value},
                after={"status": change.after.value},
            ),
        )
        return (await on_file(tx, [payment_id]))[payment_id]
