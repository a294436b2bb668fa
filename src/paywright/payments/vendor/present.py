"""What an approver has to look at, where the vendor's bank details have changed since. Pure."""

import msgspec

from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.model import VendorPayment
from paywright.vendors.model import Payable


def present(payment: VendorPayment, vendor: Payable) -> VendorPayment:
    """A payment with the hash that an approval of it is bound to now.

    What is on file is hashed anew with the next approval or edit: until then it has the hash of
    what it was, and votes that count for nothing any more.
    """
    version, revision = vendor.payout_version, payment.revision + 1
    if payment.status is not PaymentStatus.PENDING_APPROVAL or payment.payout_version == version:
        return payment
    return msgspec.structs.replace(
        payment,
        content_hash=content_hash(payment.contents, payout_version=version, revision=revision),
        payout_version=version,
        revision=revision,
        votes=(),
    )
