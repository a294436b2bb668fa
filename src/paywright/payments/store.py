"""All SQL over `payments`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.payments.model import Charge, PaymentStatus


class CustomerCounts(msgspec.Struct, frozen=True):
    succeeded: int
    failed: int


async def charges_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, Charge]:
    """The charges on file under these references, by reference."""
    rows = await tx.fetch(
        """
        select id, reference, status, customer_id, amount_minor, currency, provider, failure_code,
               description, created_at
          from payments
         where reference = any($1::text[]) and kind = 'charge'
        """,
        references,
    )
    return {row["reference"]: _charge(row) for row in rows}


async def lock_charge(tx: Tx, reference: str) -> Charge | None:
    row = await tx.fetchrow(
        """
        select id, reference, status, customer_id, amount_minor, currency, provider, failure_code,
               description, created_at
          from payments
         where reference = $1 and kind = 'charge'
           for update
        """,
        reference,
    )
    return None if row is None else _charge(row)


async def save_charge(tx: Tx, charge: Charge, *, at: datetime) -> PaymentId | None:
    """Insert, or replace what stands under the reference; the id that it has.

    None, and nothing changed, when the reference is another customer's.
    """
    uuid = await tx.fetchval(
        """
        insert into payments (id, kind, status, reference, customer_id, amount_minor, currency,
                              provider, failure_code, description, created_at, recorded_at)
        values ($1, 'charge', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (reference) where reference is not null do update
           set status = excluded.status, amount_minor = excluded.amount_minor,
               currency = excluded.currency, provider = excluded.provider,
               failure_code = excluded.failure_code, description = excluded.description,
               created_at = excluded.created_at
         where payments.customer_id = excluded.customer_id
        returning id
        """,
        charge.id,
        charge.status,
        charge.reference,
        charge.customer_id,
        charge.amount.minor,
        charge.amount.currency,
        charge.provider,
        charge.failure_code,
        charge.description,
        charge.created_at,
        at,
    )
    return None if uuid is None else PaymentId.of(uuid)


async def customer_counts(tx: Tx, customer_ids: Sequence[str]) -> dict[str, CustomerCounts]:
    """How many payments of each customer succeeded and failed; customers with none are absent.

    Looks at a customer's newest 1,000 payments: counts saturate there.
    """
    rows = await tx.fetch(
        """
        select customer_id,
               count(*) filter (where status in ('succeeded', 'refunded', 'partially_refunded',
                                                 'disputed')) as succeeded,
               count(*) filter (where status in ('failed', 'declined')) as failed
          from unnest($1::text[]) as wanted (customer_id)
         cross join lateral (
               select status from payments
                where payments.customer_id = wanted.customer_id
                order by created_at desc
                limit 1000) as recent
         group by customer_id
        """,
        customer_ids,
    )
    return {row["customer_id"]: CustomerCounts(row["succeeded"], row["failed"]) for row in rows}


def _charge(row: Row) -> Charge:
    return Charge(
        id=PaymentId.of(row["id"]),
        reference=row["reference"],
        status=PaymentStatus(row["status"]),
        customer_id=row["customer_id"],
        amount=Money(row["amount_minor"], row["currency"]),
        provider=row["provider"],
        failure_code=row["failure_code"],
        description=row["description"],
        created_at=row["created_at"],
    )
