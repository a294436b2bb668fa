"""All SQL over charges that we make, and over refunds of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, PaymentId, RefundId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx


class NewCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that is about to be asked for."""

    id: PaymentId
    customer_id: str
    amount: Money
    payment_method: str
    provider: str
    debit_account_id: AccountId
    credit_account_id: AccountId
    reference: str | None
    description: str | None
    request_key: str
    created_at: datetime


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is about to be asked for."""

    id: RefundId
    payment_id: PaymentId
    amount: Money
    reason: str | None
    provider: str
    request_key: str
    created_by: str
    created_at: datetime


class Refundable(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as a refund sees it. reserved_minor: given back, or about to be"""

    id: PaymentId
    status: str
    amount: Money
    reserved_minor: int
    provider: str
    provider_reference: str | None
    debit_account_id: AccountId
    credit_account_id: AccountId


async def insert_charges(tx: Tx, charges: Sequence[NewCharge]) -> None:
    await tx.execute(
        """
        insert into payments (id, kind, status, customer_id, amount_minor, currency,
                              payment_method, provider, debit_account_id, credit_account_id,
                              reference, description, request_key, created_at, recorded_at)
        select id, 'charge', 'processing', customer_id, amount_minor, currency, payment_method,
               provider, debit_account_id, credit_account_id, reference, description, request_key,
               created_at, created_at
          from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                      $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[],
                      $12::timestamptz[])
            as new (id, customer_id, amount_minor, currency, payment_method, provider,
                    debit_account_id, credit_account_id, reference, description, request_key,
                    created_at)
        """,
        [it.id for it in charges],
        [it.customer_id for it in charges],
        [it.amount.minor for it in charges],
        [it.amount.currency for it in charges],
        [it.payment_method for it in charges],
        [it.provider for it in charges],
        [it.debit_account_id for it in charges],
        [it.credit_account_id for it in charges],
        [it.reference for it in charges],
        [it.description for it in charges],
        [it.request_key for it in charges],
        [it.created_at for it in charges],
    )


async def taken_references(tx: Tx, references: Sequence[str]) -> set[str]:
    """Those that are a payment's already."""
    rows = await tx.fetch(
        "select reference from payments where reference = any($1::text[])", references
    )
    return {row["reference"] for row in rows}


async def lock_refundable(tx: Tx, ids: Sequence[PaymentId]) -> dict[UUID, Refundable]:
    """Charges that we made, which nobody else refunds now."""
    rows = await tx.fetch(
        """
        select id, status, amount_minor, currency, provider, provider_reference,
               debit_account_id, credit_account_id
          from payments
         where id = any($1::uuid[]) and kind = 'charge' and payment_method is not null
         order by id
           for no key update
        """,
        ids,
    )
    # Asked only now: a statement that waits for a lock sees other tables as they were before.
    sums = await tx.fetch(
        """
        select payment_id, sum(amount_minor)::bigint as reserved_minor
          from refunds
         where payment_id = any($1::uuid[]) and status <> 'failed'
         group by payment_id
        """,
        ids,
    )
    reserved = {row["payment_id"]: row["reserved_minor"] for row in sums}
    return {
        row["id"]: Refundable(
            id=PaymentId.of(row["id"]),
            status=row["status"],
            amount=Money(row["amount_minor"], row["currency"]),
            reserved_minor=reserved.get(row["id"], 0),
            provider=row["provider"],
            provider_reference=row["provider_reference"],
            debit_account_id=AccountId.of(row["debit_account_id"]),
            credit_account_id=AccountId.of(row["credit_account_id"]),
        )
        for row in rows
    }


async def insert_refunds(tx: Tx, refunds: Sequence[NewRefund]) -> None:
    await tx.execute(
        """
        insert into refunds (id, payment_id, status, amount_minor, currency, reason, provider,
                             request_key, created_by, created_at)
        select id, payment_id, 'processing', amount_minor, currency, reason, provider, request_key,
               created_by, created_at
          from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                      $7::text[], $8::text[], $9::timestamptz[])
            as new (id, payment_id, amount_minor, currency, reason, provider, request_key,
                    created_by, created_at)
        """,
        [it.id for it in refunds],
        [it.payment_id for it in refunds],
        [it.amount.minor for it in refunds],
        [it.amount.currency for it in refunds],
        [it.reason for it in refunds],
        [it.provider for it in refunds],
        [it.request_key for it in refunds],
        [it.created_by for it in refunds],
        [it.created_at for it in refunds],
    )


async def charges(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    return await tx.fetch(
        """
        select id, status, customer_id, amount_minor, currency, credit_account_id, payment_method,
               provider, provider_reference, failure_code, reference, description, created_at,
               settled_at, request_key,
               (select coalesce(sum(refunds.amount_minor), 0)::bigint from refunds
                 where refunds.payment_id = payments.id and refunds.status = 'succeeded')
                 as refunded_minor
          from payments
         where id = any($1::uuid[]) and payment_method is not null
         order by id
        """,
        ids,
    )


async def newest_charges(
    tx: Tx, *, customer_id: str | None, before: PaymentId | None, limit: int
) -> list[Row]:
    return await tx.fetch(
        """
        select id, status, customer_id, amount_minor, currency, credit_account_id, payment_method,
               provider, provider_reference, failure_code, reference, description, created_at,
               settled_at, request_key,
               (select coalesce(sum(refunds.amount_minor), 0)::bigint from refunds
                 where refunds.payment_id = payments.id and refunds.status = 'succeeded')
                 as refunded_minor
          from payments
         where kind = 'charge' and request_key is not null
           and ($1::text is null or customer_id = $1) and ($2::uuid is null or id < $2)
         order by id desc
         limit $3
        """,
        customer_id,
        before,
        limit,
    )


async def refunds(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    return await tx.fetch(
        """
        select id, payment_id, status, amount_minor, currency, reason, provider,
               provider_reference, failure_code, created_at, settled_at, request_key
          from refunds
         where id = any($1::uuid[])
         order by id
        """,
        ids,
    )


async def refunds_of(tx: Tx, payment_id: PaymentId) -> list[Row]:
    """All refunds of one charge, the oldest first."""
    return await tx.fetch(
        """
        select id, payment_id, status, amount_minor, currency, reason, provider,
               provider_reference, failure_code, created_at, settled_at, request_key
          from refunds
         where payment_id = $1
         order by id
        """,
        payment_id,
    )
