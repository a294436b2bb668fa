"""Cancel a vendor payment that has not left yet."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import store
from paywright.payments.vendor.model import VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.refusals import (
    NoSuchVendorPayment,
    PaymentLeft,
    PaymentNotPending,
)
from paywright.payments.vendor.store import Locked
from paywright.payments.vendor.withdraw import Withdrawal, withdraw


async def cancel_payment(
    db: Database, cause: Cause, *, payment_id: PaymentId, reason: str | None = None
) -> VendorPayment:
    """Pending ones, and approved ones until they are handed over; what is held for one is given
    back.

    Raises NoSuchVendorPayment, PaymentLeft and, for one that has ended, PaymentNotPending.
    """
    cause.actor.require(Permission.CREATE_PAYMENTS)
    async with db.transaction() as tx:
        row = (await store.lock(tx, [payment_id])).get(payment_id)
        if row is None:
            raise NoSuchVendorPayment(str(payment_id))
        check_withdrawable(row)
        await withdraw(tx, [Withdrawal(cause, row, "canceled", reason)])
        return (await on_file(tx, [payment_id]))[payment_id]


def check_withdrawable(row: Locked) -> None:
    """Raises PaymentLeft, PaymentNotPending."""
    status = row.status.value
    if row.status is PaymentStatus.PENDING_APPROVAL:
        return
    if row.status not in (PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN):
        raise PaymentNotPending(f"it is {status}", payment_status=status)
    if row.has_left or row.status is PaymentStatus.UNKNOWN:
        raise PaymentLeft("it is with the provider", payment_status=status)
    if row.run_id is not None:
        raise PaymentLeft(f"it is in {row.run_id}; cancel that first", payment_status=status)
