"""How lists of vendor payments are told: all of them, those that wait, and what was done to one."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from paywright.core.cause import Cause
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.audit_store import Audited
from paywright.payments.vendor.views import Listed, Queued


class VendorPaymentListed(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: PaymentStatus
    vendor_id: str
    incident_id: str | None
    payer_type: str
    amount_minor: int
    currency: str
    bill_number: str | None
    due_date: date | None
    reference: str | None
    created_by: str
    created_at: datetime
    approved_at: datetime | None
    release_at: datetime | None
    released_at: datetime | None
    settled_at: datetime | None
    run_id: str | None
    replaces: str | None
    attempt: int
    failure_code: str | None

    @classmethod
    def of(cls, it: Listed) -> "VendorPaymentListed":
        return cls(
            id=str(it.id),
            status=it.status,
            vendor_id=it.vendor_id,
            incident_id=it.incident_id,
            payer_type=it.payer_type,
            amount_minor=it.amount.minor,
            currency=it.amount.currency,
            bill_number=it.bill_number,
            due_date=it.due_date,
            reference=it.reference,
            created_by=it.created_by,
            created_at=it.created_at,
            approved_at=it.approved_at,
            release_at=it.release_at,
            released_at=it.released_at,
            settled_at=it.settled_at,
            run_id=None if it.run_id is None else str(it.run_id),
            replaces=None if it.replaces is None else str(it.replaces),
            attempt=it.attempt,
            failure_code=it.failure_code,
        )


class VendorPaymentPage(msgspec.Struct, frozen=True):
    items: Sequence[VendorPaymentListed]
    next_cursor: str | None


class PendingPayment(msgspec.Struct, frozen=True, kw_only=True):
    """`age_s`: seconds since it was entered. `is_maker`: you have made it, and may not approve."""

    id: str
    vendor_id: str
    incident_id: str | None
    payer_type: str
    amount_minor: int
    currency: str
    bill_number: str | None
    due_date: date | None
    created_by: str
    created_at: datetime
    age_s: int
    content_hash: str
    approvals_needed: int
    approvals_given: int
    is_high_risk: bool
    is_maker: bool

    @classmethod
    def of(cls, it: Queued, cause: Cause) -> "PendingPayment":
        return cls(
            id=str(it.id),
            vendor_id=it.vendor_id,
            incident_id=it.incident_id,
            payer_type=it.payer_type,
            amount_minor=it.amount.minor,
            currency=it.amount.currency,
            bill_number=it.bill_number,
            due_date=it.due_date,
            created_by=it.created_by,
            created_at=it.created_at,
            age_s=max(int((cause.at - it.created_at).total_seconds()), 0),
            content_hash=it.content_hash.hex(),
            approvals_needed=it.approvals_needed,
            approvals_given=it.approvals_given,
            is_high_risk=it.is_high_risk,
            is_maker=cause.actor.person in it.makers,
        )


class PendingPaymentPage(msgspec.Struct, frozen=True):
    items: Sequence[PendingPayment]
    next_cursor: str | None


class PaymentAuditEntry(Audited, frozen=True, kw_only=True):
    """One thing that was done: by whom (`actor`, by which credential), from where, and the fields
    that it changed."""


class PaymentAuditPage(msgspec.Struct, frozen=True):
    items: Sequence[PaymentAuditEntry]
    next_cursor: str | None


def audit_entry(it: Audited) -> PaymentAuditEntry:
    return PaymentAuditEntry(**msgspec.structs.asdict(it))
