"""What is told about an issue, by type. Amounts are in minor units of the payment's currency."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paywright.core.money import MINOR_MAX

Days = Annotated[int, Meta(ge=0, le=36_500, description="Whole days.")]
AmountMinor = Annotated[
    int,
    Meta(gt=0, le=MINOR_MAX, description="Minor units of the transaction's currency (cents)."),
]

DeclineCode = Literal[
    "insufficient_funds",
    "card_expired",
    "card_declined",
    "do_not_honor",
    "authentication_required",
    "incorrect_cvc",
    "limit_exceeded",
    "lost_card",
    "stolen_card",
    "fraud_suspected",
    "invalid_account",
    "issuer_unavailable",
    "processing_error",
    "unknown",
]


class DeclineDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A charge was declined. `auto_retry_count`: retries already made by machine."""

    error_code: DeclineCode
    auto_retry_count: Annotated[int, Meta(ge=0, le=1000)] = 0


class MissedInstallmentDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An installment was not paid when it was due."""

    installment_number: Annotated[int, Meta(ge=1, le=1000)]
    total_installments: Annotated[int, Meta(ge=1, le=1000)]
    amount_due: AmountMinor
    days_overdue: Days


class DisputeDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payer contests the payment with the bank."""

    reason: Literal["item_not_received", "unauthorized", "product_issue"]
    days_since_purchase: Days


class RefundRequestDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer wants money back. `partial_amount` null: all of it."""

    reason: Literal["changed_mind", "defective", "wrong_item"]
    days_since_purchase: Days
    partial_amount: AmountMinor | None = None


class PaymentReviewDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment of ours that a person has to look at.

    reason: `declined` for its risk; `unsettled`: no bank could tell what became of it;
            `payout_failed`: a vendor was not paid; `contradicted`: the provider says now that
            it was otherwise
    score:  of the risk assessment, with the rules that fired
    """

    reason: Literal["declined", "unsettled", "payout_failed", "contradicted"]
    score: int | None = None
    rules: list[str] = []


class ReconciliationItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that our books and a provider's do not agree on. Amounts with their currency."""

    outcome: Literal["duplicate_there", "different_amount", "missing_here", "missing_there"]
    kind: Literal["payout", "charge", "refund"]
    key: str | None
    payment_id: str | None
    our_status: str | None
    our_amount: str | None
    their_reference: str | None
    their_amount: str | None


class ReconciliationDetails(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A day of a provider that a person has to look at.

    reason:      `differences`, or `failed`: it could not be compared at all
    day:         of UTC, `2026-11-20`
    differences: how many; `items` are the first of them, the gravest before the others
    outcomes:    how often each outcome was found
    """

    reason: Literal["differences", "failed"]
    provider: str
    day: str
    failure: str | None = None
    differences: int = 0
    outcomes: dict[str, int] = {}
    items: list[ReconciliationItem] = []


Details = DeclineDetails | MissedInstallmentDetails | DisputeDetails | RefundRequestDetails
