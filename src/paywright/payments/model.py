"""The nouns of payments."""

from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money


class Kind(StrEnum):
    TRANSFER = "transfer"
    VENDOR_PAYMENT = "vendor_payment"
    CHARGE = "charge"


class PaymentStatus(StrEnum):
    PENDING_APPROVAL = "pending_approval"
    REQUIRES_OTP = "requires_otp"
    PROCESSING = "processing"
    UNKNOWN = "unknown"  # we asked the provider and do not know what it did
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DECLINED = "declined"
    REJECTED = "rejected"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that was made elsewhere and is on file here, so that issues can refer to it."""

    id: PaymentId
    reference: str
    status: PaymentStatus
    customer_id: str
    amount: Money
    created_at: datetime
    provider: str | None = None
    failure_code: str | None = None
    description: str | None = None
