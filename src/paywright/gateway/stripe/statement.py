"""Stripe's statement: the transactions of our balance."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from paywright.gateway.model import Lost, OrderKind, StatementLine, StatementUnavailable
from paywright.gateway.stripe.amounts import told
from paywright.gateway.stripe.answers import KEY, Named, Page
from paywright.gateway.stripe.listing import collect

if TYPE_CHECKING:  # it imports the SDK
    from paywright.gateway.stripe.client import Api

# Source: https://docs.stripe.com/reports/balance-transaction-types. All others are nothing that we
# asked for: fees, payouts to our own bank, adjustments, what came back of something that failed.
_KINDS = {
    "charge": OrderKind.CHARGE,
    "payment": OrderKind.CHARGE,
    "refund": OrderKind.REFUND,
    "payment_refund": OrderKind.REFUND,
    "transfer": OrderKind.PAYOUT,
}
# Stripe lists the newest first, a statement begins with the oldest: so much is held at a time.
_WINDOW_S = 3600
_PAGE = 50


class _Source(msgspec.Struct, frozen=True):
    """A charge, a refund or a transfer, as it stands when we ask."""

    id: str
    amount: int
    currency: str
    metadata: dict[str, str] = {}
    payment_intent: str | None = None
    status: str | None = None
    reversed: bool = False


class _Transaction(Named, frozen=True):
    type: str
    created: int
    fee: int
    currency: str
    source: _Source | str | None = None


async def lines(api: "Api", since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
    """What was booked in [since, until). Raises StatementUnavailable."""
    # Stripe's times are whole seconds: those in [since, until) are those in [ceil, ceil).
    first, last = ceil(since.timestamp()), ceil(until.timestamp())
    for start in range(first, last, _WINDOW_S):
        found = await collect(
            api,
            "/v1/balance_transactions",
            {
                "created": {"gte": start, "lt": min(start + _WINDOW_S, last)},
                "expand": ["data.source"],
            },
            Page[_Transaction],
            limit=_PAGE,
        )
        if isinstance(found, Lost):
            raise StatementUnavailable(f"Stripe: {found.why.value} {found.detail}".rstrip())
        for transaction in reversed(found):
            if (line := _line(transaction)) is not None:
                yield line


def _line(transaction: _Transaction) -> StatementLine | None:
    """None: nothing that we asked for, or nothing that has stayed."""
    kind = _KINDS.get(transaction.type)
    if kind is None:
        return None
    source = transaction.source
    if not isinstance(source, _Source):
        raise StatementUnavailable(f"Stripe: {transaction.id} does not say what it is of")
    if source.reversed or (kind is OrderKind.REFUND and source.status in ("failed", "canceled")):
        return None  # came back; we call it declined
    try:
        return StatementLine(
            reference=source.payment_intent or source.id if kind is OrderKind.CHARGE else source.id,
            key=source.metadata.get(KEY),
            kind=kind,
            # As it was asked for: the balance may be kept in another currency.
            amount=told(source.amount, source.currency),
            fee=told(transaction.fee, transaction.currency),
            booked_at=datetime.fromtimestamp(transaction.created, UTC),
        )
    except ValueError:
        raise StatementUnavailable(f"Stripe: {transaction.id} has no amount to go by") from None
