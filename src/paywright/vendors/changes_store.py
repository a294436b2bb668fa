"""All SQL over `vendor_changes`, but lists for people."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import VendorChangeId
from paywright.db.pool import Row, Tx
from paywright.vendors.model import ChangeStatus, VendorChange


class Ended(msgspec.Struct, frozen=True):
    """A change whose time was over."""

    id: VendorChangeId
    vendor_id: str


async def insert(tx: Tx, change: VendorChange, *, payout_index: bytes) -> None:
    await tx.execute(
        """
        insert into vendor_changes (id, vendor_id, status, payout, payout_masked, payout_index,
                                    payout_before, payout_version, paused_before, content_hash,
                                    reason, requested_by, requested_as, requested_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        change.id,
        change.vendor_id,
        change.status,
        change.payout,
        change.payout_masked,
        payout_index,
        change.payout_before,
        change.payout_version,
        change.paused_before,
        change.content_hash,
        change.reason,
        change.requested_by,
        change.requested_as,
        change.requested_at,
        change.expires_at,
    )


async def find(tx: Tx, change_id: VendorChangeId) -> VendorChange | None:
    row = await tx.fetchrow("select * from vendor_changes where id = $1", change_id)
    return None if row is None else change_of_row(row)


async def pending_of(tx: Tx, vendor_id: str) -> VendorChange | None:
    row = await tx.fetchrow(
        "select * from vendor_changes where vendor_id = $1 and status = 'pending'", vendor_id
    )
    return None if row is None else change_of_row(row)


async def set_decided(tx: Tx, change: VendorChange) -> None:
    await tx.execute(
        """
        update vendor_changes
           set status = $2, decided_by = $3, decided_at = $4, decided_why = $5
         where id = $1
        """,
        change.id,
        change.status,
        change.decided_by,
        change.decided_at,
        change.decided_why,
    )


async def expire(tx: Tx, *, at: datetime, by: str, limit: int) -> Sequence[Ended]:
    """End changes whose time is over, and the pauses that they made.

    A vendor that somebody is just deciding about is left for the next time.
    """
    rows = await tx.fetch(
        """
        with due as materialized (
            select vendors.id
              from vendor_changes change
              join vendors on vendors.id = change.vendor_id
             where change.status = 'pending' and change.expires_at <= $1
             limit $3
               for update of vendors skip locked
        ), ended as (
            update vendor_changes change
               set status = 'expired', decided_at = $1, decided_by = $2
              from due
             where change.vendor_id = due.id
               and change.status = 'pending' and change.expires_at <= $1
            returning change.id, change.vendor_id, change.paused_before
        )
        update vendors
           set paused_until = ended.paused_before, updated_at = $1
          from ended
         where vendors.id = ended.vendor_id
        returning ended.id as change_id, ended.vendor_id
        """,
        at,
        by,
        limit,
    )
    return [Ended(VendorChangeId.of(row["change_id"]), row["vendor_id"]) for row in rows]


def change_of_row(row: Row) -> VendorChange:
    return VendorChange(
        id=VendorChangeId.of(row["id"]),
        vendor_id=row["vendor_id"],
        status=ChangeStatus(row["status"]),
        payout=row["payout"],
        payout_masked=row["payout_masked"],
        payout_before=row["payout_before"],
        payout_version=row["payout_version"],
        paused_before=row["paused_before"],
        content_hash=row["content_hash"],
        reason=row["reason"],
        requested_by=row["requested_by"],
        requested_as=row["requested_as"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decided_why=row["decided_why"],
    )
