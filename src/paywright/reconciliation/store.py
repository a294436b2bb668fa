"""SQL over `reconciliations` and `reconciliation_items`: what changes them, and what a run reads.

Lists are in `views`, the lines under comparison in `lines_store`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from paywright.core.ids import PaymentId, ReconciliationId, RefundId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx, from_jsonb, to_jsonb
from paywright.gateway.model import OrderKind
from paywright.reconciliation.model import (
    Item,
    LineOutcome,
    Reconciliation,
    Result,
    RunState,
    StatementSource,
    Total,
)


async def insert(tx: Tx, run: Reconciliation) -> bool:
    """Whether it could be put on file: one that is queued only where no other of the day is, one of
    the schedule only as the first of the day."""
    found = await tx.fetchval(
        """
        insert into reconciliations (id, provider, day, source, state, is_scheduled, is_queued,
                                     requested_by, requested_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict do nothing
        returning id
        """,
        run.id,
        run.provider,
        run.day,
        run.source,
        run.state,
        run.is_scheduled,
        run.is_queued,
        run.requested_by,
        run.requested_at,
    )
    return found is not None


async def queued(tx: Tx, provider: str, day: date) -> Reconciliation | None:
    """The one that a job is to do, or is doing."""
    row = await tx.fetchrow(
        """
        select * from reconciliations
         where provider = $1 and day = $2 and state = 'running' and is_queued
        """,
        provider,
        day,
    )
    return None if row is None else reconciliation_of_row(row)


async def last_scheduled(tx: Tx, providers: Sequence[str]) -> dict[str, date]:
    """The newest day of each provider that the schedule has asked for."""
    rows = await tx.fetch(
        """
        select provider, max(day) as day
          from reconciliations
         where is_scheduled and provider = any($1::text[])
         group by provider
        """,
        providers,
    )
    return {row["provider"]: row["day"] for row in rows}


async def claim(tx: Tx, reconciliation_id: ReconciliationId) -> Reconciliation | None:
    """Begin an attempt. None: it has ended."""
    row = await tx.fetchrow(
        """
        update reconciliations set attempts = attempts + 1, lines_read = 0
         where id = $1 and state = 'running'
        returning *
        """,
        reconciliation_id,
    )
    return None if row is None else reconciliation_of_row(row)


async def advance(
    tx: Tx, reconciliation_id: ReconciliationId, attempt: int, *, lines_read: int
) -> bool:
    """Tell how far it is, and hold it until the transaction ends. False: the attempt is not the
    current one any more."""
    found = await tx.fetchval(
        """
        update reconciliations set lines_read = $3
         where id = $1 and attempts = $2 and state = 'running'
        returning id
        """,
        reconciliation_id,
        attempt,
        lines_read,
    )
    return found is not None


async def set_completed(
    tx: Tx, reconciliation_id: ReconciliationId, result: Result, *, at: datetime
) -> Reconciliation:
    row = await tx.fetchrow(
        """
        update reconciliations
           set state = 'completed', ended_at = $2, outcomes = $3::jsonb, totals = $4::jsonb,
               differences = $5, digest = $6
         where id = $1
        returning *
        """,
        reconciliation_id,
        at,
        to_jsonb(result.outcomes),
        to_jsonb(result.totals),
        result.differences,
        result.digest,
    )
    assert row is not None  # noqa: S101 - locked by `advance`
    return reconciliation_of_row(row)


async def set_failed(
    tx: Tx, ids: Sequence[ReconciliationId], reasons: Sequence[str], *, at: datetime
) -> list[Reconciliation]:
    """Those of them that had not ended."""
    rows = await tx.fetch(
        """
        update reconciliations
           set state = 'failed', ended_at = $3, failure = left(reason, 500)
          from unnest($1::uuid[], $2::text[]) as given (given_id, reason)
         where id = given_id and state = 'running'
        returning reconciliations.*
        """,
        ids,
        reasons,
        at,
    )
    return [reconciliation_of_row(row) for row in rows]


async def abandoned(tx: Tx, *, before: datetime) -> list[ReconciliationId]:
    """Those of a process that must have ended: no job works on them."""
    rows = await tx.fetch(
        """
        select id from reconciliations
         where state = 'running' and not is_queued and requested_at < $1
         order by requested_at
         limit 1000
        """,
        before,
    )
    return [ReconciliationId.of(row["id"]) for row in rows]


async def unsettled(
    tx: Tx, reconciliation_id: ReconciliationId, *, after: int, limit: int
) -> list[tuple[int, PaymentId | RefundId]]:
    """Number and payment or refund of what the provider did and we are still waiting for."""
    rows = await tx.fetch(
        """
        select seq, kind, operation_id
          from reconciliation_items
         where reconciliation_id = $1 and outcome = 'missing_here'
           and our_status in ('processing', 'unknown') and seq > $2
         order by seq
         limit $3
        """,
        reconciliation_id,
        after,
        limit,
    )
    return [(row["seq"], _operation(row["kind"], row["operation_id"])) for row in rows]


def _operation(kind: str, id: UUID) -> PaymentId | RefundId:
    return RefundId.of(id) if kind == OrderKind.REFUND else PaymentId.of(id)


def reconciliation_of_row(row: Row) -> Reconciliation:
    return Reconciliation(
        id=ReconciliationId.of(row["id"]),
        provider=row["provider"],
        day=row["day"],
        source=StatementSource(row["source"]),
        state=RunState(row["state"]),
        is_scheduled=row["is_scheduled"],
        is_queued=row["is_queued"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        attempts=row["attempts"],
        lines_read=row["lines_read"],
        ended_at=row["ended_at"],
        failure=row["failure"],
        outcomes=from_jsonb(row["outcomes"], dict[str, int]),
        totals=from_jsonb(row["totals"], list[Total]),
        differences=row["differences"],
        digest=row["digest"],
    )


def item_of_row(row: Row) -> Item:
    payment_id = row["payment_id"]
    return Item(
        seq=row["seq"],
        outcome=LineOutcome(row["outcome"]),
        kind=OrderKind(row["kind"]),
        key=row["key"],
        operation_id=row["operation_id"],
        payment_id=None if payment_id is None else PaymentId.of(payment_id),
        our_status=row["our_status"],
        our_reference=row["our_reference"],
        our_amount=_money(row, "our"),
        our_at=row["our_at"],
        their_reference=row["their_reference"],
        their_amount=_money(row, "their"),
        their_at=row["their_at"],
    )


def _money(row: Any, side: str) -> Money | None:
    minor = row[f"{side}_amount_minor"]
    return None if minor is None else Money(minor, row[f"{side}_currency"])
