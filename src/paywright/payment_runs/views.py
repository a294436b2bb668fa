"""Read payment runs: the list, and one of them with its payments."""

from collections.abc import Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, RunId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.payment_runs import reports_store
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus, Taken, Total
from paywright.payment_runs.state import NoSuchRun
from paywright.payment_runs.store import run_of_row
from paywright.payments.vendor import leaving
from paywright.payments.vendor.leaving import RunPayment


class RunShown(msgspec.Struct, frozen=True, kw_only=True):
    """A run, how its payments stand, and what a bank has answered.

    totals: of all its payments, by status; payments: a page of them
    """

    run: PaymentRun
    totals: Sequence[Total]
    payments: Page[RunPayment]
    reports: Sequence[Taken]


async def list_runs(
    db: Database,
    cause: Cause,
    *,
    status: RunStatus | None = None,
    method: RunMethod | None = None,
    currency: str | None = None,
    cursor: str | None = None,
    limit: int,
) -> Page[PaymentRun]:
    """The newest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_PAYMENTS)
    before = None if cursor is None else _position(RunId, cursor)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select *
              from payment_runs
             where ($1::text is null or status = $1)
               and ($2::text is null or method = $2)
               and ($3::text is null or currency = $3)
               and ($4::uuid is null or id < $4)
             order by id desc
             limit $5
            """,
            status,
            method,
            currency,
            before,
            limit + 1,
        )
    return page_of([run_of_row(row) for row in rows], limit=limit, position=lambda it: str(it.id))


async def get_run(
    db: Database, cause: Cause, *, run_id: RunId, cursor: str | None = None, limit: int
) -> RunShown:
    """One of them, and a page of its payments, the oldest first. Raises NoSuchRun, BadCursor."""
    cause.actor.require(Permission.READ_PAYMENTS)
    after = None if cursor is None else _position(PaymentId, cursor)
    async with db.snapshot() as tx:
        row = await tx.fetchrow("select * from payment_runs where id = $1", run_id)
        if row is None:
            raise NoSuchRun(str(run_id))
        payments = sorted(await leaving.of_run(tx, run_id), key=lambda it: it.id.int)
        reports = await reports_store.of_run(tx, run_id)
    shown = [it for it in payments if after is None or it.id.int > after.int]
    return RunShown(
        run=run_of_row(row),
        totals=_totals(payments),
        payments=page_of(shown[: limit + 1], limit=limit, position=lambda it: str(it.id)),
        reports=reports,
    )


def _totals(payments: Sequence[RunPayment]) -> list[Total]:
    amounts: dict[str, list[int]] = {}
    for it in payments:
        amounts.setdefault(it.status, []).append(it.amount.minor)
    return [
        Total(status=status, payments=len(found), amount_minor=sum(found))
        for status, found in sorted(amounts.items())
    ]


def _position(kind: type[RunId] | type[PaymentId], cursor: str) -> RunId | PaymentId:
    try:
        return kind.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
