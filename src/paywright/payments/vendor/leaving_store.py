"""SQL over vendor payments that leave with a run."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from paywright.core.ids import PaymentId, RunId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.payments.model import PaymentStatus


class Collectable(msgspec.Struct, frozen=True):
    """A payment that waits for a run."""

    id: PaymentId
    vendor_id: str
    amount: Money
    provider: str


class RunPayment(msgspec.Struct, frozen=True):
    """A payment of a run, as it stands."""

    id: PaymentId
    vendor_id: str
    status: PaymentStatus
    amount: Money
    failure_code: str | None


async def collectable(tx: Tx, *, currency: str, in_files: bool, limit: int) -> list[Collectable]:
    rows = await tx.fetch(
        """
        select payments.id, payments.vendor_id, payments.amount_minor, payments.currency,
               payments.provider
          from vendor_payments as bill
          join payments on payments.id = bill.payment_id
         where bill.approved_at is not null and bill.released_at is null
           and bill.run_id is null and bill.release_at is null
           and payments.status = 'processing' and payments.currency = $1
           and (payments.provider = 'bank_files') = $2
         order by payments.id
         limit $3
           for no key update of payments, bill skip locked
        """,
        currency,
        in_files,
        limit,
    )
    return [
        Collectable(
            PaymentId.of(row["id"]),
            row["vendor_id"],
            Money(row["amount_minor"], row["currency"]),
            row["provider"],
        )
        for row in rows
    ]


async def waiting_currencies(tx: Tx) -> list[str]:
    """Currencies in which payments wait for a run that no file is needed for."""
    rows = await tx.fetch(
        """
        select distinct payments.currency
          from vendor_payments as bill
          join payments on payments.id = bill.payment_id
         where bill.approved_at is not null and bill.released_at is null
           and bill.run_id is null and bill.release_at is null
           and payments.status = 'processing' and payments.provider <> 'bank_files'
         order by payments.currency
        """
    )
    return [row["currency"] for row in rows]


async def assign(tx: Tx, ids: Sequence[UUID], run_id: RunId) -> None:
    await tx.execute(
        "update vendor_payments set run_id = $2 where payment_id = any($1::uuid[])", ids, run_id
    )


async def unassign(tx: Tx, run_id: RunId) -> None:
    await tx.execute(
        "update vendor_payments set run_id = null where run_id = $1 and released_at is null", run_id
    )


async def take_out_of_run(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.execute(
        "update vendor_payments set run_id = null where payment_id = any($1::uuid[])", ids
    )


async def of_run(tx: Tx, run_id: RunId) -> list[RunPayment]:
    rows = await tx.fetch(
        """
        select payments.id, payments.vendor_id, payments.status, payments.amount_minor,
               payments.currency, payments.failure_code
          from vendor_payments as bill
          join payments on payments.id = bill.payment_id
         where bill.run_id = $1
         order by payments.id
        """,
        run_id,
    )
    return [
        RunPayment(
            PaymentId.of(row["id"]),
            row["vendor_id"],
            PaymentStatus(row["status"]),
            Money(row["amount_minor"], row["currency"]),
            row["failure_code"],
        )
        for row in rows
    ]


async def released_of(tx: Tx, run_id: RunId) -> list[Row]:
    return await tx.fetch(
        """
        select payments.id, payments.amount_minor, payments.currency, payments.beneficiary,
               payments.description, bill.bill_number
          from vendor_payments as bill
          join payments on payments.id = bill.payment_id
         where bill.run_id = $1 and bill.released_at is not null
         order by payments.id
        """,
        run_id,
    )
