"""SQL over vendor payments that are entered or edited."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx, to_jsonb
from paywright.payments.vendor.duplicates import family_key
from paywright.payments.vendor.model import VendorPayment

_COLUMNS = (
    *("id", "kind", "status", "reference", "amount_minor", "currency", "description"),
    *("created_at", "recorded_at", "debit_account_id", "vendor_id", "incident_id", "payer_type"),
)
_BILL_COLUMNS = (
    *("payment_id", "created_by", "makers", "lines", "metadata", "work_order", "bill_number"),
    *("family_key", "bill_date", "due_date", "content_hash", "payout_version", "resembles"),
    *("override_reason", "approvals_needed"),
)
_PENDING = copy.text("vendor_payment") + copy.text("pending_approval")


async def take_turns(tx: Tx, vendor_ids: Sequence[str]) -> None:
    """Until the transaction ends, nobody else enters or edits a payment of these vendors: two
    people with the same bill see each other's."""
    await tx.fetch(
        """
        select pg_advisory_xact_lock(lock)
          from (select distinct hashtextextended('vendor_payments/' || id, 0) as lock
                  from unnest($1::text[]) as wanted (id)
                 order by lock) as ordered
        """,
        vendor_ids,
    )


async def references(tx: Tx, wanted: Sequence[str]) -> dict[str, UUID]:
    """Whose each reference is, of those that are somebody's."""
    rows = await tx.fetch(
        "select reference, id from payments where reference = any($1::text[])", wanted
    )
    return {row["reference"]: row["id"] for row in rows}


async def open_for(tx: Tx, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    """The open payment of each incident and vendor, where there is one."""
    rows = await tx.fetch(
        """
        select wanted.incident_id, wanted.vendor_id, found.id
          from unnest($1::text[], $2::text[]) as wanted (incident_id, vendor_id)
         -- There is one at most. Not a join: it might read all that are open.
         cross join lateral (
               select id from payments
                where payments.incident_id = wanted.incident_id
                  and payments.vendor_id = wanted.vendor_id
                  and status in ('pending_approval', 'processing', 'unknown')
                limit 1) as found
        """,
        [incident_id for incident_id, _ in pairs],
        [vendor_id for _, vendor_id in pairs],
    )
    return {(row["incident_id"], row["vendor_id"]): row["id"] for row in rows}


async def insert(tx: Tx, payments: Sequence[VendorPayment]) -> None:
    """New payments, pending. Raises a duplicate for a reference, or an incident and vendor, that
    somebody else has just taken."""
    # In this order, so that two who take the same incidents do not wait for each other in a circle.
    ordered = sorted(payments, key=lambda it: (it.contents.incident_id or "", it.id.int))
    await copy_rows(tx, "payments", _COLUMNS, [_row(it) for it in ordered])
    await copy_rows(tx, "vendor_payments", _BILL_COLUMNS, [_bill_row(it) for it in payments])


def _row(payment: VendorPayment) -> bytes:
    it = payment.contents
    at = copy.timestamptz(payment.created_at)
    return b"".join(
        (
            copy.row(13),
            copy.uuid(payment.id),
            _PENDING,
            copy.maybe_text(it.reference),
            copy.bigint(it.amount.minor),
            copy.word(it.amount.currency),
            copy.maybe_text(it.description),
            at,
            at,
            copy.uuid(it.debit_account_id),
            copy.word(it.vendor_id),
            copy.maybe_text(it.incident_id),
            copy.word(it.payer_type),
        )
    )


def _bill_row(payment: VendorPayment) -> bytes:
    it = payment.contents
    key = family_key(it.vendor_id, it.amount.currency, it.bill_number)
    return b"".join(
        (
            copy.row(15),
            copy.uuid(payment.id),
            copy.word(payment.created_by),
            copy.texts(payment.makers),
            copy.jsonb(_encode(it.lines)),
            copy.jsonb(_encode(it.metadata)),
            copy.maybe_text(it.work_order),
            copy.maybe_text(it.bill_number),
            copy.NULL if key is None else copy.bigint(key),
            copy.maybe_date(it.bill_date),
            copy.maybe_date(it.due_date),
            copy.bytea(payment.content_hash),
            copy.integer(payment.payout_version),
            copy.maybe_uuid(payment.resembles),
            copy.maybe_text(payment.override_reason),
            copy.smallint(payment.approvals_needed),
        )
    )


_encode = msgspec.json.Encoder().encode


async def update(tx: Tx, after: VendorPayment) -> None:
    """A pending payment that the caller has locked, as it is now. Raises duplicates as `insert`."""
    it = after.contents
    await tx.execute(
        """
        update payments
           set vendor_id = $2, incident_id = $3, payer_type = $4, amount_minor = $5, currency = $6,
               debit_account_id = $7, reference = $8, description = $9
         where id = $1
        """,
        after.id,
        it.vendor_id,
        it.incident_id,
        it.payer_type,
        it.amount.minor,
        it.amount.currency,
        it.debit_account_id,
        it.reference,
        it.description,
    )
    await tx.execute(
        """
        update vendor_payments
           set makers = $2::text[], lines = $3, metadata = $4, work_order = $5, bill_number = $6,
               family_key = $7, bill_date = $8, due_date = $9, content_hash = $10, revision = $11,
               payout_version = $12, resembles = $13, override_reason = $14,
               approvals_needed = $15, is_high_risk = $16
         where payment_id = $1
        """,
        after.id,
        after.makers,
        to_jsonb(it.lines),
        to_jsonb(it.metadata),
        it.work_order,
        it.bill_number,
        family_key(it.vendor_id, it.amount.currency, it.bill_number),
        it.bill_date,
        it.due_date,
        after.content_hash,
        after.revision,
        after.payout_version,
        after.resembles,
        after.override_reason,
        after.approvals_needed,
        after.is_high_risk,
    )
