"""All SQL over `payments` that are transfers."""

from collections.abc import Sequence
from datetime import datetime

from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx
from paywright.ledger.model import Transfer

_COLUMNS = (
    *("id", "kind", "status", "amount_minor", "currency", "debit_account_id"),
    *("credit_account_id", "description", "created_at", "recorded_at"),
)
_SUCCEEDED = copy.text("transfer") + copy.text("succeeded")


async def insert(tx: Tx, transfers: Sequence[Transfer], recorded_at: Sequence[datetime]) -> None:
    """Payments that the ledger has carried out: they succeeded the moment they were made."""
    rows = [_row(it, at) for it, at in zip(transfers, recorded_at, strict=True)]
    await copy_rows(tx, "payments", _COLUMNS, rows)


def _row(it: Transfer, recorded_at: datetime) -> bytes:
    return b"".join(
        (
            copy.row(10),
            copy.uuid(it.id),
            _SUCCEEDED,
            copy.bigint(it.amount_minor),
            copy.word(it.currency),
            copy.uuid(it.debit_account_id),
            copy.uuid(it.credit_account_id),
            copy.maybe_text(it.description),
            copy.timestamptz(it.created_at),
            copy.timestamptz(recorded_at),
        )
    )
