"""Read vendors, and changes of where their money goes."""

from collections.abc import Sequence

import msgspec

from paywright.approvals import decide, policy
from paywright.approvals import store as approvals
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.rulesets.cache import RuleSetCache
from paywright.vendors import changes_store, rules, sealing, store
from paywright.vendors.changes_store import change_of_row
from paywright.vendors.deciding import subject_of
from paywright.vendors.model import (
    ChangeSeen,
    ChangeStatus,
    ChangeWeighed,
    Vendor,
    VendorChange,
    VendorSeen,
    VendorStatus,
)
from paywright.vendors.refusals import NoSuchVendor, NoSuchVendorChange
from paywright.vendors.seeing import change_seen, opened
from paywright.vendors.store import vendor_of_row

_SHARING_MAX = 20


async def list_vendors(
    db: Database,
    cause: Cause,
    *,
    status: VendorStatus | None = None,
    name: str | None = None,
    cursor: str | None = None,
    limit: int,
) -> Page[Vendor]:
    """By id. Raises BadCursor.

    name: a part of the vendor's, in any case
    """
    cause.actor.require(Permission.READ_VENDORS)
    after = "" if cursor is None else decode_cursor(cursor)
    if "\0" in after:  # which PostgreSQL has no place for
        raise BadCursor.field("cursor", "not a cursor of this list")
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select *
              from vendors
             where id > $1
               and ($2::text is null or status = $2)
               and ($3::text is null or position(lower($3) in lower(name)) > 0)
             order by id
             limit $4
            """,
            after,
            status,
            name,
            limit + 1,
        )
    return page_of([vendor_of_row(row) for row in rows], limit=limit, position=lambda it: it.id)


async def get_vendor(db: Database, keys: KeyRing, cause: Cause, *, vendor_id: str) -> VendorSeen:
    """Raises NoSuchVendor."""
    cause.actor.require(Permission.READ_VENDORS)
    async with db.snapshot() as tx:
        vendor = await store.find(tx, vendor_id)
        if vendor is None:
            raise NoSuchVendor(vendor_id)
        payout = sealing.unseal(keys, vendor.id, vendor.payout)
        indexes = sealing.account_indexes(keys, payout)
        return VendorSeen(
            vendor=vendor,
            payout=rules.seen(payout),
            pending_change=await changes_store.pending_of(tx, vendor.id),
            shares_account_with=await store.sharing(tx, indexes, but=vendor.id, limit=_SHARING_MAX),
        )


async def list_changes(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    status: ChangeStatus = ChangeStatus.PENDING,
    vendor_id: str | None = None,
    cursor: str | None = None,
    limit: int,
) -> Page[ChangeSeen]:
    """Those that wait: the oldest first. Those that have ended: the newest first. Raises BadCursor.

    vendor_id: only those of this vendor
    """
    cause.actor.require(Permission.READ_VENDORS)
    position = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        if status is ChangeStatus.PENDING:
            changes = await _waiting(tx, vendor_id, after=position, limit=limit + 1)
        else:
            changes = await _ended(tx, status, vendor_id, before=position, limit=limit + 1)
    page = page_of(changes, limit=limit, position=lambda it: str(it.id))
    return Page([change_seen(keys, it) for it in page.items], page.next_cursor)


async def get_change(
    db: Database,
    keys: KeyRing,
    policies: RuleSetCache,
    cause: Cause,
    *,
    change_id: VendorChangeId,
) -> ChangeWeighed:
    """Raises NoSuchVendorChange."""
    cause.actor.require(Permission.READ_VENDORS)
    async with db.snapshot() as tx:
        change = await changes_store.find(tx, change_id)
        vendor = None if change is None else await store.find(tx, change.vendor_id)
        if change is None or vendor is None:
            raise NoSuchVendorChange(str(change_id))
        known_for = policy.change_facts(vendor_days=(cause.at - vendor.created_at).days)
        required = policy.requirements(await policies.current(tx), policy.VENDOR_CHANGE, known_for)
        cast = await approvals.votes_of(tx, [change.id])
        votes = decide.counting(subject_of(change), cast.get(change.id, ()))
        indexes = sealing.account_indexes(keys, opened(keys, change)[1])
        sharing = await store.sharing(tx, indexes, but=vendor.id, limit=_SHARING_MAX)
    is_pending = change.status is ChangeStatus.PENDING
    return ChangeWeighed(
        **msgspec.structs.asdict(change_seen(keys, change)),
        votes=votes,
        approvals_needed=decide.needed(required),
        approvals_missing=decide.missing(required, votes) if is_pending else 0,
        shares_account_with=sharing,
    )


async def _waiting(
    tx: Tx, vendor_id: str | None, *, after: VendorChangeId | None, limit: int
) -> Sequence[VendorChange]:
    rows = await tx.fetch(
        """
        select *
          from vendor_changes
         where status = 'pending'
           and ($1::text is null or vendor_id = $1)
           and ($2::uuid is null or id > $2)
         order by id
         limit $3
        """,
        vendor_id,
        after,
        limit,
    )
    return [change_of_row(row) for row in rows]


async def _ended(
    tx: Tx,
    status: ChangeStatus,
    vendor_id: str | None,
    *,
    before: VendorChangeId | None,
    limit: int,
) -> Sequence[VendorChange]:
    rows = await tx.fetch(
        """
        select *
          from vendor_changes
         where status = $1
           and ($2::text is null or vendor_id = $2)
           and ($3::uuid is null or id < $3)
         order by id desc
         limit $4
        """,
        status,
        vendor_id,
        before,
        limit,
    )
    return [change_of_row(row) for row in rows]


def _position(cursor: str) -> VendorChangeId:
    try:
        return VendorChangeId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
