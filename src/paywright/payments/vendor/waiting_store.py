"""SQL over vendor payments that wait for approval for a long time."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from paywright.db.pool import Row, Tx


async def lock_old(tx: Tx, *, before: datetime, limit: int) -> list[UUID]:
    """Payments that were entered before then and still wait, the oldest first. Those that somebody
    decides at the moment are left out."""
    rows = await tx.fetch(
        """
        select id
          from payments
         where status = 'pending_approval' and kind = 'vendor_payment' and created_at < $1
         order by id
         limit $2
           for no key update skip locked
        """,
        before,
        limit,
    )
    return [row["id"] for row in rows]


async def unreminded(tx: Tx, *, before: datetime, limit: int) -> list[Row]:
    """Payments of which nobody was reminded since then, the oldest first. Locked."""
    return await tx.fetch(
        """
        select payments.id, payments.vendor_id, payments.amount_minor, payments.currency,
               payments.created_at, bill.makers, bill.content_hash
          from payments
         cross join lateral (select makers, content_hash, reminded_at from vendor_payments
                              where payment_id = payments.id limit 1) as bill
         where payments.status = 'pending_approval' and payments.kind = 'vendor_payment'
           and payments.created_at < $1
           and (bill.reminded_at is null or bill.reminded_at < $1)
         order by payments.id
         limit $2
           for no key update of payments skip locked
        """,
        before,
        limit,
    )


async def set_reminded(tx: Tx, ids: Sequence[UUID], *, at: datetime) -> None:
    await tx.execute(
        "update vendor_payments set reminded_at = $2 where payment_id = any($1::uuid[])", ids, at
    )


async def put_off(tx: Tx, *, after: UUID, limit: int) -> list[Row]:
    """Approved payments that leave at a later time, in the order of their ids."""
    return await tx.fetch(
        """
        select payments.id, payments.vendor_id, bill.payout_version
          from vendor_payments as bill
          join payments on payments.id = bill.payment_id
         where bill.approved_at is not null and bill.released_at is null
           and bill.run_id is null and bill.release_at is not null
           and payments.status = 'processing' and payments.id > $1
         order by payments.id
         limit $2
        """,
        after,
        limit,
    )
