"""The nouns of vendor payments."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from paywright.approvals.model import Vote
from paywright.core.ids import AccountId, PaymentId, RunId
from paywright.core.money import Money
from paywright.payments.model import PaymentStatus


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a bill."""

    description: str
    quantity: int
    unit_price_minor: int


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid, to whom and for what: all that an approver looks at.

    debit_account_id: the account of our own that it is paid from
    """

    vendor_id: str
    amount: Money
    payer_type: str
    lines: tuple[Line, ...]
    debit_account_id: AccountId
    incident_id: str | None = None
    work_order: str | None = None
    bill_number: str | None = None
    bill_date: date | None = None
    due_date: date | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = {}


class VendorPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor payment as it is on file.

    content_hash:     what an approval is bound to
    makers:           persons who made it what it is
    payout_version:   of the vendor's bank details that it was last hashed with
    approvals_needed: in all; votes: those that count for the contents as they are now
    release_at:       it is approved and leaves then, unless it waits for a run
    released_at:      from then on it cannot be taken back
    replaces:         the payment that this one repeats; attempt: 1 for the first of them
    """

    id: PaymentId
    status: PaymentStatus
    contents: Contents
    content_hash: bytes
    revision: int
    created_by: str
    created_at: datetime
    makers: tuple[str, ...]
    payout_version: int
    approvals_needed: int
    votes: Sequence[Vote] = ()
    is_high_risk: bool = False
    resembles: PaymentId | None = None
    override_reason: str | None = None
    rejected_why: str | None = None
    approved_at: datetime | None = None
    release_at: datetime | None = None
    released_at: datetime | None = None
    run_id: RunId | None = None
    replaces: PaymentId | None = None
    attempt: int = 1
    provider: str | None = None
    provider_reference: str | None = None
    failure_code: str | None = None
    settled_at: datetime | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the queue of approvals."""

    id: PaymentId
    vendor_id: str
    incident_id: str | None
    payer_type: str
    amount: Money
    bill_number: str | None
    due_date: date | None
    created_by: str
    created_at: datetime
    content_hash: bytes
    approvals_needed: int
    approvals_given: int
    is_high_risk: bool


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How vendor payments are handled here, as settings say.

    payer_types:      who may be named as the payer
    duplicate_window: how far back a bill is compared with others
    remind_after, expires_after: of a payment that nobody approves; None: never
    retries:          of a payout that failed for a passing reason, each `retry_after` later
    """

    payer_types: tuple[str, ...]
    duplicate_window: timedelta
    remind_after: timedelta | None
    expires_after: timedelta | None
    retries: int
    retry_after: timedelta
