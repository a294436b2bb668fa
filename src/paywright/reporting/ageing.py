"""How long payments wait for their approval."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.reporting import views
from paywright.reporting.csv_lines import Cell, amount, lines
from paywright.reporting.model import Ageing, Filters, band_name

COLUMNS = (
    *("band", "currency", "payments", "amount_minor", "amount", "oldest_at"),
    *("median_s", "p90_s"),
)


async def approval_ageing(db: Database, cause: Cause, *, filters: Filters) -> Ageing:
    """What waits now, by its age; and how long it took to approve what was approved in the period
    that the filters name. Filters: period, vendor, currency."""
    cause.actor.require(Permission.READ_REPORTS)
    async with db.snapshot() as tx:
        await views.plan_anew(tx)
        return Ageing(
            at=cause.at,
            waiting=await views.waiting(tx, filters, at=cause.at),
            oldest=await views.oldest(tx, filters),
            approved=await views.approval_times(tx, filters),
        )


def ageing_csv(told: Ageing) -> bytes:
    """A row for each band and currency in which something waits, and a last one, `approved`, for
    what was approved."""
    rows: list[list[Cell]] = [
        [
            band_name(it.band),
            it.currency,
            it.payments,
            *amount(it.amount_minor, it.currency),
            it.oldest_at,
            None,
            None,
        ]
        for it in told.waiting
    ]
    done = told.approved
    last = ["approved", None, done.payments, None, None, None, done.median_s, done.p90_s]
    return lines([COLUMNS, *rows, last]).encode()
