"""The nouns of reports. Sums are in minor units, and may be larger than any one amount can be."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import PaymentId


class Grouping(StrEnum):
    """Periods of the calendar, in UTC. A week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about; None: everything. since, until: half-open"""

    since: datetime | None = None
    until: datetime | None = None
    currency: str | None = None
    vendor_id: str | None = None
    incident_id: str | None = None
    payer_type: str | None = None


class Payouts(msgspec.Struct, frozen=True, kw_only=True):
    """Payouts to a vendor that ended in a period. period: its first day"""

    period: date
    vendor_id: str
    currency: str
    payments: int
    amount_minor: int
    failed: int
    failed_minor: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident costs. open_minor: pending, or on its way; cost_minor: that and what is
    paid; payments: so many are paid or open"""

    currency: str
    incident_id: str
    cost_minor: int
    paid_minor: int
    open_minor: int
    payments: int
    vendors: int


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid in a period in the name of a payer. period: its first day"""

    period: date
    payer_type: str
    currency: str
    payments: int
    amount_minor: int


# Days that a payment has waited: of band 0 less than the first, of band 1 less than the second …
BAND_DAYS = (1, 3, 7, 14, 30)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one currency that wait for approval. band: an index, see BAND_DAYS"""

    band: int
    currency: str
    payments: int
    amount_minor: int
    oldest_at: datetime


class Oldest(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that has waited longest."""

    id: PaymentId
    vendor_id: str
    currency: str
    amount_minor: int
    created_at: datetime


class ApprovalTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from creation to approval. None: nothing was approved"""

    payments: int
    median_s: float | None
    p90_s: float | None


class Ageing(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for approval now, and how long others took. approved: in the period asked for"""

    at: datetime
    waiting: Sequence[Waiting]
    oldest: Oldest | None
    approved: ApprovalTimes


def band_name(band: int) -> str:
    """`< 1 day`, `1-3 days`, …, `30 days and more`."""
    if band == 0:
        return f"< {BAND_DAYS[0]} day"
    if band == len(BAND_DAYS):
        return f"{BAND_DAYS[-1]} days and more"
    return f"{BAND_DAYS[band - 1]}-{BAND_DAYS[band]} days"
