"""SQL over `reconciliation_lines`: both sides of a run, side by side.

side: `theirs`; `ours`, what we know that the provider carried out; `asked`, what our books have of
      a key that the provider lists and that is not among these, whatever became of it
"""

from collections.abc import Iterable
from typing import Literal

from paywright.core.ids import ReconciliationId
from paywright.db.copy import (
    bigint,
    copy_rows,
    maybe_text,
    maybe_timestamptz,
    maybe_uuid,
    row,
    text,
    timestamptz,
    uuid,
    word,
)
from paywright.db.pool import Tx
from paywright.gateway.model import StatementLine
from paywright.payments.on_file import OurLine
from paywright.reconciliation.compare import Window

# For a statement over millions of lines.
PATIENCE_S = 1800

COLUMNS = (
    "reconciliation_id",
    "attempt",
    "side",
    "position",
    "kind",
    "key",
    "reference",
    "amount_minor",
    "currency",
    "at",
    "operation_id",
    "payment_id",
    "status",
)


def begin_of_row(reconciliation_id: ReconciliationId, attempt: int) -> bytes:
    """What all the lines of an attempt have in common."""
    return row(len(COLUMNS)) + uuid(reconciliation_id) + bigint(attempt)


def row_of_theirs(begin: bytes, position: int, line: StatementLine) -> bytes:
    return b"".join(
        (
            begin,
            word("theirs"),
            bigint(position),
            word(line.kind),
            maybe_text(line.key),
            text(line.reference),
            bigint(line.amount.minor),
            word(line.amount.currency),
            timestamptz(line.booked_at),
            maybe_uuid(None),
            maybe_uuid(None),
            maybe_text(None),
        )
    )


def row_of_ours(
    begin: bytes, position: int, line: OurLine, side: Literal["ours", "asked"]
) -> bytes:
    return b"".join(
        (
            begin,
            word(side),
            bigint(position),
            word(line.kind),
            text(line.key),
            maybe_text(line.reference),
            bigint(line.amount.minor),
            word(line.amount.currency),
            maybe_timestamptz(line.settled_at),
            uuid(line.operation_id),
            uuid(line.payment_id),
            word(line.status),
        )
    )


async def add(tx: Tx, rows: Iterable[bytes]) -> None:
    await copy_rows(tx, "reconciliation_lines", COLUMNS, rows)


async def clear(tx: Tx, reconciliation_id: ReconciliationId) -> None:
    """Of all attempts."""
    await tx.execute(
        "delete from reconciliation_lines where reconciliation_id = $1",
        reconciliation_id,
        timeout=PATIENCE_S,
    )


async def analyze(tx: Tx) -> None:
    """What was just loaded has no statistics yet. In a transaction of its own: it waits for others
    that do the same."""
    await tx.execute("analyze reconciliation_lines", timeout=PATIENCE_S)


async def count(tx: Tx, reconciliation_id: ReconciliationId, attempt: int) -> int:
    found = await tx.fetchval(
        "select count(*) from reconciliation_lines where reconciliation_id = $1 and attempt = $2",
        reconciliation_id,
        attempt,
        timeout=PATIENCE_S,
    )
    return int(found)


async def keys_only_theirs(
    tx: Tx,
    reconciliation_id: ReconciliationId,
    attempt: int,
    *,
    window: Window,
    after: int,
    limit: int,
) -> list[tuple[int, str]]:
    """Position and key of lines of the day whose key we do not have, in order of position."""
    rows = await tx.fetch(
        """
        select t.position, t.key
          from reconciliation_lines t
         where t.reconciliation_id = $1 and t.attempt = $2 and t.side = 'theirs'
           and t.at >= $3 and t.at < $4 and t.position > $5 and t.key is not null
           and not exists (select from reconciliation_lines o
                            where o.reconciliation_id = $1 and o.attempt = $2 and o.side = 'ours'
                              and o.key = t.key)
         order by t.position
         limit $6
        """,
        reconciliation_id,
        attempt,
        window.since,
        window.until,
        after,
        limit,
        timeout=PATIENCE_S,
    )
    return [(found["position"], found["key"]) for found in rows]
