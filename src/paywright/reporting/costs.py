"""What incidents cost."""

from collections.abc import AsyncGenerator

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.page import Page
from paywright.db.pool import Database
from paywright.reporting import views
from paywright.reporting.csv_lines import Cell, amount, written
from paywright.reporting.model import Cost, Filters
from paywright.reporting.pages import page, read_cursor
from paywright.reporting.views import CostKey

COLUMNS = (
    *("currency", "incident_id", "cost_minor", "cost", "paid_minor", "paid"),
    *("open_minor", "open", "payments", "vendors"),
)


async def incident_costs(
    db: Database, cause: Cause, *, filters: Filters, cursor: str | None = None, limit: int
) -> Page[Cost]:
    """What the payments that were made in time cost or may cost, by incident: of each currency
    the dearest incident before the others. Filters: period, currency, vendor, incident.

    Raises BadCursor.
    """
    cause.actor.require(Permission.READ_REPORTS)
    after = read_cursor(cursor, CostKey)
    return await page(
        db,
        lambda tx: views.costs(tx, filters, after=after, limit=limit + 1),
        limit=limit,
        key=lambda it: CostKey(it.currency, it.cost_minor, it.incident_id),
    )


def incident_costs_csv(db: Database, cause: Cause, *, filters: Filters) -> AsyncGenerator[bytes]:
    """The same, all of it."""
    cause.actor.require(Permission.READ_REPORTS)
    return written(db, lambda tx: views.costs(tx, filters), header=COLUMNS, row=_cells)


def _cells(it: Cost) -> list[Cell]:
    return [
        it.currency,
        it.incident_id,
        *amount(it.cost_minor, it.currency),
        *amount(it.paid_minor, it.currency),
        *amount(it.open_minor, it.currency),
        it.payments,
        it.vendors,
    ]
