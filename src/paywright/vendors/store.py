"""All SQL over `vendors`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.ids import VendorChangeId
from paywright.db.pool import Row, Tx
from paywright.vendors.model import Payable, PayoutMode, Vendor, VendorStatus


async def payables(tx: Tx, ids: Sequence[str]) -> dict[str, Payable]:
    """Those of these vendors that are on file, by id."""
    rows = await tx.fetch(
        """
        select id, name, status, payout, payout_masked, payout_version, payout_changed_at,
               payout_mode, paused_until, terms_days, created_at
          from vendors
         where id = any($1::text[])
        """,
        ids,
    )
    return {row["id"]: _payable(row) for row in rows}


async def lock_payables(tx: Tx, ids: Sequence[str]) -> dict[str, Payable]:
    """The same, which nobody else changes before this transaction ends."""
    rows = await tx.fetch(
        """
        select id, name, status, payout, payout_masked, payout_version, payout_changed_at,
               payout_mode, paused_until, terms_days, created_at
          from vendors
         where id = any($1::text[])
         order by id
           for share
        """,
        ids,
    )
    return {row["id"]: _payable(row) for row in rows}


async def find(tx: Tx, vendor_id: str) -> Vendor | None:
    row = await tx.fetchrow("select * from vendors where id = $1", vendor_id)
    return None if row is None else vendor_of_row(row)


async def lock(tx: Tx, vendor_id: str) -> Vendor | None:
    """Whoever changes anything about a vendor, or a change of it, holds this lock first."""
    row = await tx.fetchrow("select * from vendors where id = $1 for update", vendor_id)
    return None if row is None else vendor_of_row(row)


async def insert(tx: Tx, vendor: Vendor, *, payout_index: bytes) -> bool:
    """False: somebody else has put it on file first, and is waited for."""
    inserted = await tx.fetchval(
        """
        insert into vendors (id, name, status, payout, payout_masked, payout_index, payout_version,
                             payout_changed_at, payout_mode, terms_days, created_by, created_at,
                             updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            on conflict (id) do nothing
        returning true
        """,
        vendor.id,
        vendor.name,
        vendor.status,
        vendor.payout,
        vendor.payout_masked,
        payout_index,
        vendor.payout_version,
        vendor.payout_changed_at,
        vendor.payout_mode,
        vendor.terms_days,
        vendor.created_by,
        vendor.created_at,
        vendor.updated_at,
    )
    return bool(inserted)


async def set_terms(tx: Tx, vendor: Vendor) -> None:
    await tx.execute(
        """
        update vendors
           set name = $2, payout_mode = $3, terms_days = $4, updated_at = $5
         where id = $1
        """,
        vendor.id,
        vendor.name,
        vendor.payout_mode,
        vendor.terms_days,
        vendor.updated_at,
    )


async def set_status(tx: Tx, vendor: Vendor) -> None:
    await tx.execute(
        "update vendors set status = $2, status_reason = $3, updated_at = $4 where id = $1",
        vendor.id,
        vendor.status,
        vendor.status_reason,
        vendor.updated_at,
    )


async def set_pause(tx: Tx, vendor_id: str, until: datetime | None, *, at: datetime) -> None:
    await tx.execute(
        "update vendors set paused_until = $2, updated_at = $3 where id = $1",
        vendor_id,
        until,
        at,
    )


async def take_payout(
    tx: Tx, change_id: VendorChangeId, *, paused_until: datetime | None, at: datetime
) -> None:
    """Pay to the account of a change from now on."""
    await tx.execute(
        """
        update vendors
           set payout = change.payout, payout_masked = change.payout_masked,
               payout_index = change.payout_index, payout_version = vendors.payout_version + 1,
               payout_changed_at = $3, paused_until = $2, updated_at = $3
          from vendor_changes change
         where change.id = $1 and vendors.id = change.vendor_id
        """,
        change_id,
        paused_until,
        at,
    )


async def sharing(tx: Tx, indexes: Sequence[bytes], *, but: str, limit: int) -> tuple[str, ...]:
    """Other vendors with one of these accounts."""
    rows = await tx.fetch(
        """
        select id from vendors where payout_index = any($1::bytea[]) and id <> $2
         order by id limit $3
        """,
        indexes,
        but,
        limit,
    )
    return tuple(row["id"] for row in rows)


async def same_account(tx: Tx, ids: Sequence[str], *, limit: int) -> dict[str, list[str]]:
    """By vendor, others that are paid to the same account, `limit` of each; who has none is
    absent."""
    rows = await tx.fetch(
        """
        select mine.id, other.id as other_id
          from vendors as mine
         cross join lateral (
               select vendors.id from vendors
                where vendors.payout_index = mine.payout_index and vendors.id <> mine.id
                order by vendors.id
                limit $2) as other
         where mine.id = any($1::text[])
        """,
        ids,
        limit,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row["other_id"])
    return found


def vendor_of_row(row: Row) -> Vendor:
    return Vendor(
        id=row["id"],
        name=row["name"],
        status=VendorStatus(row["status"]),
        payout=row["payout"],
        payout_masked=row["payout_masked"],
        payout_version=row["payout_version"],
        payout_mode=PayoutMode(row["payout_mode"]),
        paused_until=row["paused_until"],
        terms_days=row["terms_days"],
        created_at=row["created_at"],
        status_reason=row["status_reason"],
        payout_changed_at=row["payout_changed_at"],
        created_by=row["created_by"],
        updated_at=row["updated_at"],
    )


def _payable(row: Row) -> Payable:
    return Payable(
        id=row["id"],
        name=row["name"],
        status=VendorStatus(row["status"]),
        payout=row["payout"],
        payout_masked=row["payout_masked"],
        payout_version=row["payout_version"],
        payout_changed_at=row["payout_changed_at"],
        payout_mode=PayoutMode(row["payout_mode"]),
        paused_until=row["paused_until"],
        terms_days=row["terms_days"],
        created_at=row["created_at"],
    )
