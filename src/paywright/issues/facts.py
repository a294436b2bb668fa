"""The evidence that a decision is made on: everything a rule may ask about."""

from typing import Any

import msgspec


class CustomerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts are as of the decision; an issue never counts itself."""

    tenure_days: int
    country: str  # ISO 3166 alpha-2, empty when unknown
    payments_succeeded: int
    payments_failed: int
    refunds_90d: int  # refunds decided on in the last 90 days
    disputes_365d: int  # disputes opened in the last 365 days
    open_issues: int


class TransactionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """With `known` false the transaction is not on our books and the rest is empty."""

    known: bool
    status: str
    amount_minor: int
    currency: str
    age_days: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    priority: str
    details: dict[str, Any]
    customer: CustomerFacts
    transaction: TransactionFacts
