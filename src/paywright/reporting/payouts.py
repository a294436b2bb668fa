"""What vendors were paid, by period."""

from collections.abc import AsyncGenerator

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.page import Page
from paywright.db.pool import Database
from paywright.reporting import views
from paywright.reporting.csv_lines import Cell, amount, written
from paywright.reporting.model import Filters, Grouping, Payouts
from paywright.reporting.pages import page, read_cursor
from paywright.reporting.views import PayoutsKey

COLUMNS = (
    *("period", "vendor_id", "currency", "payments", "amount_minor", "amount"),
    *("failed", "failed_minor", "failed_amount"),
)


async def vendor_payouts(
    db: Database,
    cause: Cause,
    *,
    filters: Filters,
    group_by: Grouping,
    cursor: str | None = None,
    limit: int,
) -> Page[Payouts]:
    """Payouts that ended in time, by period, vendor and currency: those that were carried out, by
    when we learned of it, and those that failed. Filters: period, vendor, currency.

    Raises BadCursor.
    """
    cause.actor.require(Permission.READ_REPORTS)
    after = read_cursor(cursor, PayoutsKey)
    return await page(
        db,
        lambda tx: views.payouts(tx, filters, group_by, after=after, limit=limit + 1),
        limit=limit,
        key=lambda it: PayoutsKey(it.period, it.vendor_id, it.currency),
    )


def vendor_payouts_csv(
    db: Database, cause: Cause, *, filters: Filters, group_by: Grouping
) -> AsyncGenerator[bytes]:
    """The same, all of it."""
    cause.actor.require(Permission.READ_REPORTS)
    return written(db, lambda tx: views.payouts(tx, filters, group_by), header=COLUMNS, row=_cells)


def _cells(it: Payouts) -> list[Cell]:
    return [
        it.period,
        it.vendor_id,
        it.currency,
        it.payments,
        *amount(it.amount_minor, it.currency),
        it.failed,
        *amount(it.failed_minor, it.currency),
    ]
