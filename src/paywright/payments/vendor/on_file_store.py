"""SQL that reads whole vendor payments."""

from collections.abc import Sequence
from uuid import UUID

from paywright.db.pool import Row, Tx


async def select(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    return await tx.fetch(
        """
        select payments.id, payments.status, payments.vendor_id, payments.incident_id,
               payments.payer_type, payments.amount_minor, payments.currency,
               payments.debit_account_id, payments.reference, payments.description,
               payments.provider, payments.provider_reference, payments.failure_code,
               payments.settled_at, payments.created_at,
               bill.created_by, bill.makers, bill.lines::text as lines,
               bill.metadata::text as metadata, bill.work_order, bill.bill_number, bill.bill_date,
               bill.due_date, bill.content_hash, bill.revision, bill.payout_version,
               bill.resembles, bill.override_reason, bill.approvals_needed, bill.is_high_risk,
               bill.rejected_why, bill.approved_at, bill.release_at, bill.released_at,
               bill.run_id, bill.replaces, bill.attempt
          from payments
          join vendor_payments as bill on bill.payment_id = payments.id
         where payments.id = any($1::uuid[])
         order by payments.id
        """,
        ids,
    )
