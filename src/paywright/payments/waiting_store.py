"""All SQL over payments whose status changes, and over `payment_transitions`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.states import FIRST, may_follow


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that has not simply succeeded. beneficiary: encrypted"""

    id: PaymentId
    status: PaymentStatus
    amount_minor: int
    currency: str
    debit_account_id: UUID | None
    credit_account_id: UUID | None
    description: str | None
    created_at: datetime
    provider: str | None = None
    failure_code: str | None = None
    beneficiary: bytes | None = None

    def __post_init__(self) -> None:
        if self.status not in FIRST:
            raise AssertionError(f"no payment is made {self.status}")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A status that follows another. reason: in a word."""

    payment_id: PaymentId
    before: PaymentStatus
    after: PaymentStatus
    reason: str
    actor: str
    at: datetime
    failure_code: str | None = None

    def __post_init__(self) -> None:
        if not may_follow(self.before, self.after):
            raise AssertionError(f"{self.payment_id}: {self.after} cannot follow {self.before}")


async def insert(tx: Tx, payments: Sequence[Fresh]) -> None:
    await tx.execute(
        """
        insert into payments (id, kind, status, amount_minor, currency, debit_account_id,
                              credit_account_id, description, created_at, recorded_at, provider,
                              failure_code, beneficiary)
        select id, 'transfer', status, amount_minor, currency, debit_account_id,
               credit_account_id, description, created_at, created_at, provider, failure_code,
               beneficiary
          from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::uuid[],
                      $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::bytea[])
            as new (id, status, amount_minor, currency, debit_account_id, credit_account_id,
                    description, created_at, provider, failure_code, beneficiary)
        """,
        [it.id for it in payments],
        [it.status.value for it in payments],
        [it.amount_minor for it in payments],
        [it.currency for it in payments],
        [it.debit_account_id for it in payments],
        [it.credit_account_id for it in payments],
        [it.description for it in payments],
        [it.created_at for it in payments],
        [it.provider for it in payments],
        [it.failure_code for it in payments],
        [it.beneficiary for it in payments],
    )


class Locked(msgspec.Struct, frozen=True):
    """A payment that nobody else changes now. created_at: when it was first asked for"""

    status: PaymentStatus
    created_at: datetime


async def lock(tx: Tx, ids: Sequence[PaymentId]) -> dict[PaymentId, Locked]:
    rows = await tx.fetch(
        """
        select id, status, created_at
          from payments
         where id = any($1::uuid[])
         order by id
           for no key update
        """,
        ids,
    )
    return {
        PaymentId.of(row["id"]): Locked(PaymentStatus(row["status"]), row["created_at"])
        for row in rows
    }


async def sides(tx: Tx, payment_id: PaymentId) -> tuple[UUID, UUID] | None:
    """The accounts that are debited and credited."""
    row = await tx.fetchrow(
        "select debit_account_id, credit_account_id from payments where id = $1", payment_id
    )
    return None if row is None else (row["debit_account_id"], row["credit_account_id"])


async def lock_unconfirmed(tx: Tx, *, before: datetime, limit: int) -> list[PaymentId]:
    """Payments that have waited for a code since before then. Those under way are passed over."""
    rows = await tx.fetch(
        """
        select id
          from payments
         where status = 'requires_otp' and recorded_at < $1
         order by recorded_at, id
         limit $2
           for no key update skip locked
        """,
        before,
        limit,
    )
    return [PaymentId.of(row["id"]) for row in rows]


async def leaving(tx: Tx, ids: Sequence[PaymentId]) -> set[UUID]:
    """Those that are payments to other banks."""
    rows = await tx.fetch(
        "select id from payments where id = any($1::uuid[]) and beneficiary is not null", ids
    )
    return {row["id"] for row in rows}


async def change(tx: Tx, changes: Sequence[Change]) -> None:
    """New statuses of payments that the caller has locked, each with its transition."""
    if not changes:
        return
    await tx.execute(
        """
        update payments
           set status = new.status, failure_code = coalesce(new.failure_code, payments.failure_code)
          from unnest($1::uuid[], $2::text[], $3::text[]) as new (id, status, failure_code)
         where payments.id = new.id
        """,
        [it.payment_id for it in changes],
        [it.after.value for it in changes],
        [it.failure_code for it in changes],
    )
    await tx.execute(
        """
        insert into payment_transitions (payment_id, seq, before, after, reason, actor, at)
        select id, (select coalesce(max(seq), 0) + 1 from payment_transitions as earlier
                     where earlier.payment_id = new.id),
               before, after, reason, actor, at
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                      $6::timestamptz[])
            as new (id, before, after, reason, actor, at)
        """,
        [it.payment_id for it in changes],
        [it.before.value for it in changes],
        [it.after.value for it in changes],
        [it.reason for it in changes],
        [it.actor for it in changes],
        [it.at for it in changes],
    )
