"""What our books say that a provider carried out, for comparing it with what the provider says."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import PaymentId, RefundId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.gateway.model import OrderKind
from paywright.payments import on_file_store


class OurLine(msgspec.Struct, frozen=True):
    """A payment or a refund that a provider carries out.

    key:        the idempotency key that the provider knows it by
    reference:  the provider's own name for it, once we know that
    status:     of the payment, or of the refund
    settled_at: when we learned that it had been carried out; None: it has not, as far as we know
    """

    operation_id: UUID
    payment_id: PaymentId
    kind: OrderKind
    key: str
    reference: str | None
    amount: Money
    status: str
    settled_at: datetime | None


async def provider_lines(
    tx: Tx, provider: str, *, since: datetime, until: datetime
) -> list[OurLine]:
    """What the provider carried out, as far as we know, and we learned in [since, until)."""
    rows = await on_file_store.settled(tx, provider, since=since, until=until)
    return [_line(row) for row in rows]


async def provider_lines_by_key(tx: Tx, keys: Sequence[UUID]) -> list[OurLine]:
    """Payments and refunds of these ids, whatever became of them."""
    return [_line(row) for row in await on_file_store.by_id(tx, keys)]


def _line(row: Row) -> OurLine:
    kind = OrderKind(row["kind"])
    is_refund = kind is OrderKind.REFUND
    own_id = RefundId.of(row["id"]) if is_refund else PaymentId.of(row["id"])
    return OurLine(
        operation_id=row["id"],
        payment_id=PaymentId.of(row["payment_id"]),
        kind=kind,
        key=str(own_id),
        reference=row["provider_reference"],
        amount=Money(row["amount_minor"], row["currency"]),
        status=row["status"],
        settled_at=row["settled_at"],
    )
