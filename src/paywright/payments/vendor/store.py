"""SQL over vendor payments that are approved, leave, or are taken back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, PaymentId, RunId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.payments.model import PaymentStatus


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor payment that nobody else changes now. has_bill: whether it has a bill number"""

    id: PaymentId
    status: PaymentStatus
    amount: Money
    vendor_id: str
    incident_id: str | None
    payer_type: str
    debit_account_id: AccountId
    credit_account_id: AccountId | None
    description: str | None
    created_at: datetime
    makers: tuple[str, ...]
    content_hash: bytes
    payout_version: int
    lines: int
    has_bill: bool
    bill_number: str | None
    resembles: PaymentId | None
    is_high_risk: bool
    approved_at: datetime | None
    release_at: datetime | None
    released_at: datetime | None
    run_id: RunId | None
    replaces: PaymentId | None
    attempt: int
    failure_code: str | None

    @property
    def has_left(self) -> bool:
        return self.released_at is not None


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Locked]:
    """Those of these payments that are vendor payments, locked in the order of their ids."""
    await tx.fetch(
        """
        select id
          from payments
         where id = any($1::uuid[]) and kind = 'vendor_payment'
         order by id
           for no key update
        """,
        ids,
    )
    # Only now: a statement that waits for a lock sees other tables as they were before.
    rows = await tx.fetch(
        """
        select payments.id, payments.status, payments.amount_minor, payments.currency,
               payments.vendor_id, payments.incident_id, payments.payer_type,
               payments.debit_account_id, payments.credit_account_id, payments.description,
               payments.created_at, payments.failure_code, bill.makers, bill.content_hash,
               bill.payout_version, jsonb_array_length(bill.lines) as lines, bill.bill_number,
               bill.resembles, bill.is_high_risk, bill.approved_at, bill.release_at,
               bill.released_at, bill.run_id, bill.replaces, bill.attempt
          from payments
          join vendor_payments as bill on bill.payment_id = payments.id
         where payments.id = any($1::uuid[])
         order by payments.id
        """,
        ids,
    )
    return {row["id"]: _locked(row) for row in rows}


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """What approvals have made of a payment. approved_at: None while more of them are needed.

    beneficiary: encrypted; release_at, released_at: see VendorPayment
    """

    id: PaymentId
    approvals_needed: int
    is_high_risk: bool
    approved_at: datetime | None = None
    release_at: datetime | None = None
    released_at: datetime | None = None
    provider: str | None = None
    credit_account_id: AccountId | None = None
    beneficiary: bytes | None = None


async def save_approved(tx: Tx, approved: Sequence[Approved]) -> None:
    await tx.execute(
        """
        update vendor_payments
           set approvals_needed = new.approvals_needed, is_high_risk = new.is_high_risk,
               approved_at = new.approved_at, release_at = new.release_at,
               released_at = new.released_at
          from unnest($1::uuid[], $2::smallint[], $3::boolean[], $4::timestamptz[],
                      $5::timestamptz[], $6::timestamptz[])
            as new (id, approvals_needed, is_high_risk, approved_at, release_at, released_at)
         where vendor_payments.payment_id = new.id
        """,
        [it.id for it in approved],
        [it.approvals_needed for it in approved],
        [it.is_high_risk for it in approved],
        [it.approved_at for it in approved],
        [it.release_at for it in approved],
        [it.released_at for it in approved],
    )
    leaving = [it for it in approved if it.provider is not None]
    if leaving:
        await tx.execute(
            """
            update payments
               set provider = new.provider, credit_account_id = new.credit_account_id,
                   beneficiary = new.beneficiary
              from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[])
                as new (id, provider, credit_account_id, beneficiary)
             where payments.id = new.id
            """,
            [it.id for it in leaving],
            [it.provider for it in leaving],
            [it.credit_account_id for it in leaving],
            [it.beneficiary for it in leaving],
        )


async def set_contents_hash(
    tx: Tx, payment_id: PaymentId, content_hash: bytes, *, payout_version: int
) -> None:
    """The contents are the same, and are paid to other bank details."""
    await tx.execute(
        """
        update vendor_payments
           set content_hash = $2, payout_version = $3, revision = revision + 1
         where payment_id = $1
        """,
        payment_id,
        content_hash,
        payout_version,
    )


async def set_released(tx: Tx, ids: Sequence[UUID], *, at: datetime) -> None:
    await tx.execute(
        """
        update vendor_payments set released_at = $2
         where payment_id = any($1::uuid[]) and released_at is null
        """,
        ids,
        at,
    )


async def set_release_at(tx: Tx, payment_id: PaymentId, at: datetime) -> None:
    await tx.execute(
        "update vendor_payments set release_at = $2 where payment_id = $1", payment_id, at
    )


async def set_rejected(tx: Tx, payment_id: PaymentId, why: str) -> None:
    await tx.execute(
        "update vendor_payments set rejected_why = $2 where payment_id = $1", payment_id, why
    )


class Successor(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that repeats another: the same contents under a new id."""

    id: PaymentId
    replaces: PaymentId
    makers: tuple[str, ...]
    content_hash: bytes
    payout_version: int
    approvals_needed: int
    created_at: datetime


async def insert_successor(tx: Tx, new: Successor) -> None:
    """Raises a duplicate where that payment has a successor, or its incident another payment."""
    # A reference is one payment's: it goes with the contents.
    reference = await tx.fetchval("select reference from payments where id = $1", new.replaces)
    if reference is not None:
        await tx.execute("update payments set reference = null where id = $1", new.replaces)
    await tx.execute(
        """
        insert into payments (id, kind, status, reference, amount_minor, currency,
                              description, created_at, recorded_at, debit_account_id, vendor_id,
                              incident_id, payer_type)
        select $1, kind, 'pending_approval', $4, amount_minor, currency, description,
               $3, $3, debit_account_id, vendor_id, incident_id, payer_type
          from payments
         where id = $2
        """,
        new.id,
        new.replaces,
        new.created_at,
        reference,
    )
    await tx.execute(
        """
        insert into vendor_payments (payment_id, created_by, makers, lines, metadata, work_order,
                                     bill_number, family_key, bill_date, due_date, content_hash,
                                     revision, payout_version, resembles, override_reason,
                                     approvals_needed, replaces, attempt)
        select $1, created_by, $6, lines, metadata, work_order, bill_number, family_key,
               bill_date, due_date, $3, revision, $4, resembles, override_reason, $5,
               payment_id, attempt + 1
          from vendor_payments
         where payment_id = $2
        """,
        new.id,
        new.replaces,
        new.content_hash,
        new.payout_version,
        new.approvals_needed,
        list(new.makers),
    )


async def successor_of(tx: Tx, payment_id: PaymentId) -> PaymentId | None:
    found = await tx.fetchval(
        "select payment_id from vendor_payments where replaces = $1", payment_id
    )
    return None if found is None else PaymentId.of(found)


def _locked(row: Row) -> Locked:
    credit, run_id = row["credit_account_id"], row["run_id"]
    return Locked(
        id=PaymentId.of(row["id"]),
        status=PaymentStatus(row["status"]),
        amount=Money(row["amount_minor"], row["currency"]),
        vendor_id=row["vendor_id"],
        incident_id=row["incident_id"],
        payer_type=row["payer_type"],
        debit_account_id=AccountId.of(row["debit_account_id"]),
        credit_account_id=None if credit is None else AccountId.of(credit),
        description=row["description"],
        created_at=row["created_at"],
        makers=tuple(row["makers"]),
        content_hash=row["content_hash"],
        payout_version=row["payout_version"],
        lines=row["lines"],
        has_bill=row["bill_number"] is not None,
        bill_number=row["bill_number"],
        resembles=None if row["resembles"] is None else PaymentId.of(row["resembles"]),
        is_high_risk=row["is_high_risk"],
        approved_at=row["approved_at"],
        release_at=row["release_at"],
        released_at=row["released_at"],
        run_id=None if run_id is None else RunId.of(run_id),
        replaces=None if row["replaces"] is None else PaymentId.of(row["replaces"]),
        attempt=row["attempt"],
        failure_code=row["failure_code"],
    )
