"""Why a vendor payment is not approved, taken back or repeated."""

from paywright.core.errors import Conflict, NotFound


class NoSuchVendorPayment(NotFound):
    """There is no vendor payment of this id."""


class PaymentNotPending(Conflict):
    """The payment does not wait for approval.

    Somebody else has decided it meanwhile, or it never did. `payment_status` says how it stands.
    """


class PaymentChanged(Conflict):
    """The payment is not what was looked at.

    It was edited, or the bank details of its vendor have changed. Approvals of what it was count
    for nothing. Look at it again: `content_hash` is that of what it is now.
    """


class PaymentLeft(Conflict):
    """The payment has left, and cannot be taken back.

    It has been handed to the provider, or to a payment run. `payment_status` says how it stands.
    """


class VendorBlocked(Conflict):
    """Nothing is paid to this vendor at the moment.

    Somebody has blocked it; why is in the audit trail of the vendor.
    """


class PaymentNotRepeatable(Conflict):
    """The payment cannot be repeated.

    Only one that has failed, or was canceled before it left, can, and only while no other payment
    is open for its incident, and nobody has entered the same bill anew: `resembles` names that one.
    """
