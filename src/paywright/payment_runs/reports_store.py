"""All SQL over `payment_run_reports`."""

from collections.abc import Sequence

from paywright.core.ids import RunId, StatusReportId
from paywright.db.pool import Row, Tx, from_jsonb, to_jsonb
from paywright.payment_runs.model import Contradiction, Taken, Unmatched


async def find(tx: Tx, run_id: RunId, file_hash: bytes) -> Taken | None:
    """The same answer, if it came before."""
    row = await tx.fetchrow(
        "select * from payment_run_reports where run_id = $1 and file_hash = $2", run_id, file_hash
    )
    return None if row is None else _taken(row)


async def insert(tx: Tx, taken: Taken, file_hash: bytes) -> None:
    await tx.execute(
        """
        insert into payment_run_reports (id, run_id, message_id, file_hash, group_status, settled,
                                         failed, pending, unchanged, unmatched, contradicting,
                                         received_by, received_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb, $12, $13)
        """,
        taken.id,
        taken.run_id,
        taken.message_id,
        file_hash,
        taken.group_status,
        taken.settled,
        taken.failed,
        taken.pending,
        taken.unchanged,
        to_jsonb(taken.unmatched),
        to_jsonb(taken.contradicting),
        taken.received_by,
        taken.received_at,
    )


async def of_run(tx: Tx, run_id: RunId) -> Sequence[Taken]:
    """All that the bank has answered, the oldest first."""
    rows = await tx.fetch("select * from payment_run_reports where run_id = $1 order by id", run_id)
    return [_taken(row) for row in rows]


def _taken(row: Row) -> Taken:
    return Taken(
        id=StatusReportId.of(row["id"]),
        run_id=RunId.of(row["run_id"]),
        message_id=row["message_id"],
        group_status=row["group_status"],
        settled=row["settled"],
        failed=row["failed"],
        pending=row["pending"],
        unchanged=row["unchanged"],
        unmatched=from_jsonb(row["unmatched"], list[Unmatched]),
        contradicting=from_jsonb(row["contradicting"], list[Contradiction]),
        received_by=row["received_by"],
        received_at=row["received_at"],
    )
