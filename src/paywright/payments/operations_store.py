"""All SQL over payments and refunds that providers carry out, as operations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.gateway.model import OrderKind
from paywright.payments.operations import Operation


async def lock_payments(tx: Tx, ids: Sequence[UUID]) -> list[Operation]:
    """Payouts and charges, which nobody else settles now. Those that no provider carries out, or
    that were put on file from elsewhere, are left out."""
    rows = await tx.fetch(
        """
        select id, kind, status, amount_minor, currency, description, provider, beneficiary,
               debit_account_id, credit_account_id, customer_id, payment_method, created_at
          from payments
         where id = any($1::uuid[]) and (beneficiary is not null or payment_method is not null)
         order by id
           for no key update
        """,
        ids,
    )
    return [_payment(row) for row in rows]


async def payments_of(tx: Tx, refund_ids: Sequence[UUID]) -> list[PaymentId]:
    """The charges that these refunds give back."""
    rows = await tx.fetch("select payment_id from refunds where id = any($1::uuid[])", refund_ids)
    return [PaymentId.of(row["payment_id"]) for row in rows]


async def lock_refunds(tx: Tx, ids: Sequence[UUID]) -> list[Operation]:
    """Refunds, which nobody else settles now. The caller has locked their payments."""
    rows = await tx.fetch(
        """
        select refunds.id, refunds.payment_id, refunds.status, refunds.amount_minor,
               refunds.currency, refunds.provider, refunds.created_at,
               payments.credit_account_id as debit_account_id,
               payments.debit_account_id as credit_account_id,
               payments.provider_reference as charge_reference, payments.customer_id
          from refunds
          join payments on payments.id = refunds.payment_id
         where refunds.id = any($1::uuid[])
         order by refunds.id
           for no key update of refunds
        """,
        ids,
    )
    return [_refund(row) for row in rows]


async def reroute(tx: Tx, ids: Sequence[UUID], providers: Sequence[str]) -> None:
    """Have other providers carry out these payments."""
    await tx.execute(
        """
        update payments set provider = new.provider
          from unnest($1::uuid[], $2::text[]) as new (id, provider)
         where payments.id = new.id
        """,
        ids,
        providers,
    )


class Settled(msgspec.Struct, frozen=True):
    """What a provider told of an operation. at: when we learned that it had been
    carried out; None: it was not, yet"""

    id: UUID
    reference: str | None
    at: datetime | None


async def tell_payments(tx: Tx, told: Sequence[Settled]) -> None:
    """Keep what the provider calls each payment, and when we learned that it was carried out."""
    await tx.execute(
        """
        update payments
           set provider_reference = coalesce(new.reference, payments.provider_reference),
               settled_at = coalesce(payments.settled_at, new.at)
          from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as new (id, reference, at)
         where payments.id = new.id
        """,
        [it.id for it in told],
        [it.reference for it in told],
        [it.at for it in told],
    )


class RefundChange(msgspec.Struct, frozen=True):
    """A refund's new status and what the provider told of it."""

    id: UUID
    status: str
    failure_code: str | None
    reference: str | None
    at: datetime | None


async def change_refunds(tx: Tx, changes: Sequence[RefundChange]) -> None:
    await tx.execute(
        """
        update refunds
           set status = new.status,
               failure_code = coalesce(new.failure_code, refunds.failure_code),
               provider_reference = coalesce(new.reference, refunds.provider_reference),
               settled_at = coalesce(refunds.settled_at, new.at)
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
            as new (id, status, failure_code, reference, at)
         where refunds.id = new.id
        """,
        [it.id for it in changes],
        [it.status for it in changes],
        [it.failure_code for it in changes],
        [it.reference for it in changes],
        [it.at for it in changes],
    )


class Refunded(msgspec.Struct, frozen=True):
    """Of one charge: its amount, what has been given back of it, and its own status."""

    status: str
    amount_minor: int
    refunded_minor: int


async def refunded(tx: Tx, payment_ids: Sequence[UUID]) -> dict[UUID, Refunded]:
    """How much of each charge has been given back by now. The caller holds their locks."""
    rows = await tx.fetch(
        """
        select payments.id, payments.status, payments.amount_minor,
               coalesce(sum(refunds.amount_minor), 0)::bigint as refunded_minor
          from payments
          left join refunds on refunds.payment_id = payments.id and refunds.status = 'succeeded'
         where payments.id = any($1::uuid[])
         group by payments.id
        """,
        payment_ids,
    )
    return {
        row["id"]: Refunded(row["status"], row["amount_minor"], row["refunded_minor"])
        for row in rows
    }


def _payment(row: Row) -> Operation:
    is_charge = row["kind"] == "charge"
    return Operation(
        id=row["id"],
        payment_id=PaymentId.of(row["id"]),
        kind=OrderKind.CHARGE if is_charge else OrderKind.PAYOUT,
        status=row["status"],
        provider=row["provider"],
        amount=Money(row["amount_minor"], row["currency"]),
        asked_at=row["created_at"],
        debit_account_id=AccountId.of(row["debit_account_id"]),
        credit_account_id=AccountId.of(row["credit_account_id"]),
        description=row["description"],
        beneficiary=row["beneficiary"],
        customer_id=row["customer_id"],
        payment_method=row["payment_method"],
        is_vendor_payment=row["kind"] == "vendor_payment",
    )


def _refund(row: Row) -> Operation:
    return Operation(
        id=row["id"],
        payment_id=PaymentId.of(row["payment_id"]),
        kind=OrderKind.REFUND,
        status=row["status"],
        provider=row["provider"],
        amount=Money(row["amount_minor"], row["currency"]),
        asked_at=row["created_at"],
        debit_account_id=AccountId.of(row["debit_account_id"]),
        credit_account_id=AccountId.of(row["credit_account_id"]),
        customer_id=row["customer_id"],
        charge_reference=row["charge_reference"],
    )
