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

    reason: `declined` for its risk, or `unsettled`: no bank could tell what became of it
    score:  of the risk assessment, with the rules that fired
    """

    reason: Literal["declined", "unsettled"]
    score: int | None = None
    rules: list[str] = []


Details = DeclineDetails | MissedInstallmentDetails | DisputeDetails | RefundRequestDetails
