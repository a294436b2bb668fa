"""What was paid in the name of whom, by period."""

from collections.abc import AsyncGenerator

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.page import Page
from paywright.db.pool import Database
from paywright.reporting import views
from paywright.reporting.csv_lines import Cell, amount, written
from paywright.reporting.model import Filters, Grouping, Spend
from paywright.reporting.pages import page, read_cursor
from paywright.reporting.views import SpendKey

COLUMNS = ("period", "payer_type", "currency", "payments", "amount_minor", "amount")


async def payer_type_spend(
    db: Database,
    cause: Cause,
    *,
    filters: Filters,
    group_by: Grouping,
    cursor: str | None = None,
    limit: int,
) -> Page[Spend]:
    """Payouts that were carried out in time, by period, payer type and currency. Filters: period,
    payer type, currency.

    Raises BadCursor.
    """
    cause.actor.require(Permission.READ_REPORTS)
    after = read_cursor(cursor, SpendKey)
    return await page(
        db,
        lambda tx: views.spend(tx, filters, group_by, after=after, limit=limit + 1),
        limit=limit,
        key=lambda it: SpendKey(it.period, it.payer_type, it.currency),
    )


def payer_type_spend_csv(
    db: Database, cause: Cause, *, filters: Filters, group_by: Grouping
) -> AsyncGenerator[bytes]:
    """The same, all of it."""
    cause.actor.require(Permission.READ_REPORTS)
    return written(db, lambda tx: views.spend(tx, filters, group_by), header=COLUMNS, row=_cells)


def _cells(it: Spend) -> list[Cell]:
    return [
        it.period,
        it.payer_type,
        it.currency,
        it.payments,
        *amount(it.amount_minor, it.currency),
    ]
