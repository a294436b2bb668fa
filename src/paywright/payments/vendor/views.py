"""Vendor payments as people look at them: one, lists, the queue of approvals, the audit trail."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.ids import PaymentId, RunId
from paywright.core.money import Money
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Row, Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.transitions_store import Transition, transitions_of
from paywright.payments.vendor.audit_store import Audited, audit_of
from paywright.payments.vendor.model import VendorPayment, Waiting
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.present import present
from paywright.payments.vendor.refusals import NoSuchVendorPayment
from paywright.risk.model import Assessment
from paywright.risk.views import assessment_of
from paywright.vendors import store as vendors
from paywright.vendors.model import Payable


class FilterIncomplete(Invalid):
    """Amounts of different currencies cannot be compared.

    With `amount_min_minor` or `amount_max_minor`, name the `currency`, too.
    """


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor payment with all that belongs to it.

    payout_masked: the vendor's account as it is now, as far as people need it to compare
    assessment:    None where it has not been weighed, or for who may not read risks
    resembled:     the bill that it resembles
    """

    payment: VendorPayment
    payout_masked: str
    transitions: list[Transition]
    assessment: Assessment | None
    resembled: VendorPayment | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor payment in a list."""

    id: PaymentId
    status: PaymentStatus
    vendor_id: str
    incident_id: str | None
    payer_type: str
    amount: Money
    bill_number: str | None
    due_date: date | None
    reference: str | None
    created_by: str
    created_at: datetime
    approved_at: datetime | None
    release_at: datetime | None
    released_at: datetime | None
    settled_at: datetime | None
    run_id: RunId | None
    replaces: PaymentId | None
    attempt: int
    failure_code: str | None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """created_after: then or later; created_before: earlier. Amounts in minor units, inclusive"""

    status: PaymentStatus | None = None
    vendor_id: str | None = None
    incident_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    currency: str | None = None
    amount_min_minor: int | None = None
    amount_max_minor: int | None = None


class Queued(Waiting, frozen=True, kw_only=True):
    """A row of the queue. makers: who may not approve it"""

    makers: tuple[str, ...]


async def get_details(db: Database, cause: Cause, *, payment_id: PaymentId) -> Details:
    """Raises NoSuchVendorPayment."""
    cause.actor.require(Permission.READ_PAYMENTS)
    async with db.snapshot() as tx:
        payment, vendor = await _one_now(tx, payment_id)
        assessment = None
        if Permission.READ_RISK in cause.actor.permissions:
            assessment = await assessment_of(tx, payment_id)
        resembled = None
        if payment.resembles is not None:
            resembled = await _one(tx, payment.resembles)
        return Details(
            payment=payment,
            payout_masked=vendor.payout_masked,
            transitions=await transitions_of(tx, payment_id),
            assessment=assessment,
            resembled=resembled,
        )


async def _one(tx: Tx, payment_id: PaymentId) -> VendorPayment:
    found = (await on_file(tx, [payment_id])).get(payment_id)
    if found is None:
        raise NoSuchVendorPayment(str(payment_id))
    return found


async def _one_now(tx: Tx, payment_id: PaymentId) -> tuple[VendorPayment, Payable]:
    """With the hash that an approval is bound to now, and its vendor."""
    payment = await _one(tx, payment_id)
    vendor_id = payment.contents.vendor_id
    vendor = (await vendors.payables(tx, [vendor_id]))[vendor_id]
    return present(payment, vendor), vendor


async def list_vendor_payments(
    db: Database, cause: Cause, *, filters: Filters, cursor: str | None, limit: int
) -> Page[Listed]:
    """Newest first. Raises BadCursor, FilterIncomplete."""
    cause.actor.require(Permission.READ_PAYMENTS)
    it = filters
    if it.currency is None and (it.amount_min_minor, it.amount_max_minor) != (None, None):
        raise FilterIncomplete.field("currency", "is needed with an amount")
    before = None if cursor is None else _id_of(cursor)
    async with db.snapshot(has_fresh_plans=True) as tx:
        rows = await tx.fetch(
            """
            select newest.*, bill_number, due_date, created_by, approved_at, release_at,
                   released_at, run_id, replaces, attempt
              from (select id, status, vendor_id, incident_id, payer_type, amount_minor, currency,
                           reference, created_at, settled_at, failure_code
                      from payments
                     where vendor_id is not null
                       and ($1::uuid is null or id < $1)
                       and ($2::text is null or status = $2)
                       and ($3::text is null or vendor_id = $3)
                       and ($4::text is null or incident_id = $4)
                       and ($5::timestamptz is null or (created_at >= $5 and id >= $6::uuid))
                       and ($7::timestamptz is null or (created_at < $7 and id < $8::uuid))
                       and ($9::text is null or currency = $9)
                       and ($10::bigint is null or amount_minor >= $10)
                       and ($11::bigint is null or amount_minor <= $11)
                     order by id desc
                     limit $12) as newest
             -- Not a join: a merge of both would read every payment that is newer.
             cross join lateral (
                   select bill_number, due_date, created_by, approved_at, release_at, released_at,
                          run_id, replaces, attempt
                     from vendor_payments where payment_id = newest.id limit 1) as bill
             order by id desc
            """,
            before,
            it.status,
            it.vendor_id,
            it.incident_id,
            it.created_after,
            None if it.created_after is None else _first_id(it.created_after),
            it.created_before,
            None if it.created_before is None else _first_id(it.created_before, later_ms=1),
            it.currency,
            it.amount_min_minor,
            it.amount_max_minor,
            limit + 1,
        )
    return page_of([_listed(row) for row in rows], limit=limit, position=lambda row: str(row.id))


async def list_pending(
    db: Database, cause: Cause, *, cursor: str | None, limit: int
) -> Page[Queued]:
    """What waits for approval, the oldest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_PAYMENTS)
    after = PaymentId(int=0) if cursor is None else _id_of(cursor)
    async with db.snapshot(has_fresh_plans=True) as tx:
        rows = await tx.fetch(
            """
            select id, vendor_id, incident_id, payer_type, amount_minor, currency, bill_number,
                   due_date, created_by, created_at, content_hash, approvals_needed,
                   approvals_given, is_high_risk, makers, is_stale
              from pending_approvals
             where id > $1
             order by id
             limit $2
            """,
            after,
            limit + 1,
        )
        hashes = await _hashes(tx, [row["id"] for row in rows if row["is_stale"]])
    found = [_queued(row, hashes.get(row["id"], row["content_hash"])) for row in rows]
    return page_of(found, limit=limit, position=lambda it: str(it.id))


async def _hashes(tx: Tx, stale: Sequence[UUID]) -> dict[UUID, bytes]:
    """What approvals of payments are bound to now, whose vendors' bank details have changed."""
    if not stale:
        return {}
    found = await on_file(tx, stale)
    known = await vendors.payables(tx, list({it.contents.vendor_id for it in found.values()}))
    return {id: present(it, known[it.contents.vendor_id]).content_hash for id, it in found.items()}


async def list_audit(
    db: Database, cause: Cause, *, payment_id: PaymentId, cursor: str | None, limit: int
) -> Page[Audited]:
    """Everything that was done to a payment, the first first. Raises NoSuchVendorPayment."""
    cause.actor.require(Permission.READ_EVENTS)
    after = 0 if cursor is None else _sequence_of(cursor)
    async with db.snapshot() as tx:
        await _one(tx, payment_id)
        found = await audit_of(tx, payment_id, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda it: str(it.sequence))


def _first_id(at: datetime, *, later_ms: int = 0) -> PaymentId:
    """The smallest id of that millisecond, or of one so many later: ids sort by creation."""
    ms = max(int(at.astimezone(UTC).timestamp() * 1000) + later_ms, 0)
    return PaymentId(int=ms << 80)


def _listed(row: Row) -> Listed:
    plain = {
        name: row[name]
        for name in Listed.__struct_fields__
        if name not in ("id", "status", "amount", "run_id", "replaces")
    }
    return Listed(
        id=PaymentId.of(row["id"]),
        status=PaymentStatus(row["status"]),
        amount=Money(row["amount_minor"], row["currency"]),
        run_id=None if row["run_id"] is None else RunId.of(row["run_id"]),
        replaces=None if row["replaces"] is None else PaymentId.of(row["replaces"]),
        **plain,
    )


def _queued(row: Row, content_hash: bytes) -> Queued:
    return Queued(
        id=PaymentId.of(row["id"]),
        vendor_id=row["vendor_id"],
        incident_id=row["incident_id"],
        payer_type=row["payer_type"],
        amount=Money(row["amount_minor"], row["currency"]),
        bill_number=row["bill_number"],
        due_date=row["due_date"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        content_hash=content_hash,
        approvals_needed=row["approvals_needed"],
        approvals_given=row["approvals_given"],
        is_high_risk=row["is_high_risk"],
        makers=tuple(row["makers"]),
    )


def _id_of(cursor: str) -> PaymentId:
    try:
        return PaymentId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None


def _sequence_of(cursor: str) -> int:
    text = decode_cursor(cursor)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadCursor.field("cursor", "not a cursor of this list")
    return int(text)
