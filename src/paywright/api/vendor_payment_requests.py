"""What may be asked for: vendor payments, edits of them, and what approvers say."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paywright.api.problems import InvalidRequest
from paywright.api.requests import END, NO_NUL, IdempotencyKey, read_id
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import MINOR_MAX, Money
from paywright.payments.vendor.create import NewPayment, Override
from paywright.payments.vendor.edit import Changes
from paywright.payments.vendor.model import Line

APPROVALS_MAX = 200

AmountMinor = Annotated[int, Meta(description="Minor units; the sum of the lines.")]
Currency = Annotated[str, Meta(max_length=3, description="ISO 4217.")]
IdText = Annotated[str, Meta(max_length=64)]
Short = Annotated[str, Meta(max_length=64)]
Long = Annotated[str, Meta(max_length=500)]
ContentHash = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{64}" + END, description="`content_hash` of what you have looked at."),
]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]


class BillOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bill that this one was told to resemble, and why it is another one."""

    resembles: IdText
    reason: Long


class VendorPaymentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """1 to 200 lines, whose quantities times prices come to the amount. Without `debit_account_id`
    it is paid from `vendors:payable:{currency}`, without `due_date` it is due by the vendor's
    terms."""

    vendor_id: Short
    amount_minor: AmountMinor
    currency: Currency
    payer_type: Short
    lines: tuple[Line, ...]
    debit_account_id: IdText | None = None
    incident_id: Short | None = None
    work_order: Short | None = None
    bill_number: Short | None = None
    bill_date: date | None = None
    due_date: date | None = None
    reference: Short | None = None
    description: Long | None = None
    metadata: dict[str, str] = {}
    override: BillOverride | None = None
    idempotency_key: IdempotencyKey | None = None


class VendorPaymentPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is, `null` takes it away (RFC 7396). `metadata` is merged, pair
    by pair."""

    content_hash: ContentHash
    vendor_id: Short | UnsetType = UNSET
    amount_minor: AmountMinor | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    payer_type: Short | UnsetType = UNSET
    lines: tuple[Line, ...] | UnsetType = UNSET
    debit_account_id: IdText | UnsetType | None = UNSET
    incident_id: Short | UnsetType | None = UNSET
    work_order: Short | UnsetType | None = UNSET
    bill_number: Short | UnsetType | None = UNSET
    bill_date: date | UnsetType | None = UNSET
    due_date: date | UnsetType | None = UNSET
    reference: Short | UnsetType | None = UNSET
    description: Long | UnsetType | None = UNSET
    metadata: dict[str, str | None] | UnsetType | None = UNSET
    override: BillOverride | None = None


class PaymentApprovalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An approval is of what you have seen: if it has changed since, it is refused."""

    content_hash: ContentHash
    comment: Reason | None = None
    idempotency_key: IdempotencyKey | None = None


class ApprovalOfPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    payment_id: IdText
    content_hash: ContentHash
    comment: Reason | None = None


class ApprovalsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    approvals: Annotated[list[ApprovalOfPayment], Meta(min_length=1, max_length=APPROVALS_MAX)]


class PaymentRejectionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class PaymentCancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason | None = None


def new_payment(cause: Cause, body: VendorPaymentRequest, *, key: str) -> NewPayment:
    """Raises InvalidRequest for what is no currency, no amount or no id."""
    return NewPayment(
        cause=cause,
        key=key,
        vendor_id=body.vendor_id,
        amount=_amount(body.amount_minor, body.currency),
        payer_type=body.payer_type,
        lines=body.lines,
        debit_account_id=_account_id(body.debit_account_id),
        incident_id=body.incident_id,
        work_order=body.work_order,
        bill_number=body.bill_number,
        bill_date=body.bill_date,
        due_date=body.due_date,
        reference=body.reference,
        description=body.description,
        metadata=body.metadata,
        override=override_of(body.override),
    )


def changes_of(body: VendorPaymentPatch) -> Changes:
    account_id = body.debit_account_id
    return Changes(
        vendor_id=body.vendor_id,
        amount_minor=body.amount_minor,
        currency=body.currency,
        payer_type=body.payer_type,
        lines=body.lines,
        debit_account_id=UNSET if account_id is UNSET else _account_id(account_id),
        incident_id=body.incident_id,
        work_order=body.work_order,
        bill_number=body.bill_number,
        bill_date=body.bill_date,
        due_date=body.due_date,
        reference=body.reference,
        description=body.description,
        metadata=body.metadata,
    )


def override_of(body: BillOverride | None) -> Override | None:
    if body is None:
        return None
    return Override(read_id(PaymentId, body.resembles, field="override.resembles"), body.reason)


def _amount(minor: int, currency: str) -> Money:
    if currency not in EXPONENT:
        raise InvalidRequest.field("currency", f"{currency!r} is not a currency of ISO 4217")
    if not 0 < minor <= MINOR_MAX:
        raise InvalidRequest.field("amount_minor", "must be from 1 to 2^63 - 1")
    return Money(minor, currency)


def _account_id(text: str | None) -> AccountId | None:
    return None if text is None else read_id(AccountId, text, field="debit_account_id")
