"""Vendor payments as they stand, for who has a transaction of their own."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from paywright.approvals import store as approvals
from paywright.approvals.model import Vote
from paywright.core.ids import AccountId, PaymentId, RunId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import on_file_store
from paywright.payments.vendor.model import Contents, Line, VendorPayment


async def on_file(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, VendorPayment]:
    """Those of these payments that are vendor payments, with the votes that count for each."""
    rows = await on_file_store.select(tx, ids)
    votes = await approvals.votes_of(tx, [row["id"] for row in rows]) if rows else {}
    return {row["id"]: payment_of(row, votes.get(row["id"], ())) for row in rows}


def payment_of(row: Row, votes: Sequence[Vote]) -> VendorPayment:
    """votes: all on file; those for other contents are left out."""
    return VendorPayment(
        id=PaymentId.of(row["id"]),
        status=PaymentStatus(row["status"]),
        contents=contents_of(row),
        content_hash=row["content_hash"],
        revision=row["revision"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        makers=tuple(row["makers"]),
        payout_version=row["payout_version"],
        approvals_needed=row["approvals_needed"],
        votes=[it for it in votes if it.content_hash == row["content_hash"]],
        is_high_risk=row["is_high_risk"],
        resembles=_payment_id(row["resembles"]),
        override_reason=row["override_reason"],
        rejected_why=row["rejected_why"],
        approved_at=row["approved_at"],
        release_at=row["release_at"],
        released_at=row["released_at"],
        run_id=None if row["run_id"] is None else RunId.of(row["run_id"]),
        replaces=_payment_id(row["replaces"]),
        attempt=row["attempt"],
        provider=row["provider"],
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
        settled_at=row["settled_at"],
    )


def contents_of(row: Row) -> Contents:
    return Contents(
        vendor_id=row["vendor_id"],
        amount=Money(row["amount_minor"], row["currency"]),
        payer_type=row["payer_type"],
        lines=tuple(_lines(row["lines"])),
        debit_account_id=AccountId.of(row["debit_account_id"]),
        incident_id=row["incident_id"],
        work_order=row["work_order"],
        bill_number=row["bill_number"],
        bill_date=row["bill_date"],
        due_date=row["due_date"],
        reference=row["reference"],
        description=row["description"],
        metadata=_metadata(row["metadata"]),
    )


def _payment_id(uuid: UUID | None) -> PaymentId | None:
    return None if uuid is None else PaymentId.of(uuid)


_lines = msgspec.json.Decoder(list[Line]).decode
_metadata = msgspec.json.Decoder(dict[str, str]).decode
