"""Reports as the API tells them. Sums are integers of any size; beside each stands its decimal."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from paywright.core.page import Page
from paywright.reporting.csv_lines import decimal
from paywright.reporting.model import (
    BAND_DAYS,
    Ageing,
    Cost,
    Filters,
    Grouping,
    Oldest,
    Payouts,
    Spend,
    Waiting,
    band_name,
)


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """since, until: the period, half-open; null is left open"""

    since: datetime | None = msgspec.field(name="from")
    until: datetime | None = msgspec.field(name="to")


class PayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """Payouts to one vendor in one currency. period: its first day"""

    period: date
    vendor_id: str
    currency: str
    payments: int
    amount_minor: int
    amount: str
    failed: int
    failed_minor: int
    failed_amount: str

    @classmethod
    def of(cls, it: Payouts) -> "PayoutRow":
        return cls(
            **msgspec.structs.asdict(it),
            amount=decimal(it.amount_minor, it.currency),
            failed_amount=decimal(it.failed_minor, it.currency),
        )


class PayoutReport(_Told, frozen=True, kw_only=True):
    group_by: Grouping
    items: Sequence[PayoutRow]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Payouts], filters: Filters, group_by: Grouping) -> "PayoutReport":
        return cls(
            since=filters.since,
            until=filters.until,
            group_by=group_by,
            items=[PayoutRow.of(it) for it in page.items],
            next_cursor=page.next_cursor,
        )


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one incident costs in one currency: paid, and open, which is pending or on its way.
    payments: so many are either"""

    currency: str
    incident_id: str
    cost_minor: int
    cost: str
    paid_minor: int
    paid: str
    open_minor: int
    open: str
    payments: int
    vendors: int

    @classmethod
    def of(cls, it: Cost) -> "CostRow":
        return cls(
            **msgspec.structs.asdict(it),
            cost=decimal(it.cost_minor, it.currency),
            paid=decimal(it.paid_minor, it.currency),
            open=decimal(it.open_minor, it.currency),
        )


class CostReport(_Told, frozen=True, kw_only=True):
    items: Sequence[CostRow]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Cost], filters: Filters) -> "CostReport":
        return cls(
            since=filters.since,
            until=filters.until,
            items=[CostRow.of(it) for it in page.items],
            next_cursor=page.next_cursor,
        )


class SpendRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid in the name of one payer in one currency. period: its first day"""

    period: date
    payer_type: str
    currency: str
    payments: int
    amount_minor: int
    amount: str

    @classmethod
    def of(cls, it: Spend) -> "SpendRow":
        return cls(**msgspec.structs.asdict(it), amount=decimal(it.amount_minor, it.currency))


class SpendReport(_Told, frozen=True, kw_only=True):
    group_by: Grouping
    items: Sequence[SpendRow]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Spend], filters: Filters, group_by: Grouping) -> "SpendReport":
        return cls(
            since=filters.since,
            until=filters.until,
            group_by=group_by,
            items=[SpendRow.of(it) for it in page.items],
            next_cursor=page.next_cursor,
        )


class WaitingSum(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    payments: int
    amount_minor: int
    amount: str
    oldest_at: datetime

    @classmethod
    def of(cls, it: Waiting) -> "WaitingSum":
        return cls(
            currency=it.currency,
            payments=it.payments,
            amount_minor=it.amount_minor,
            amount=decimal(it.amount_minor, it.currency),
            oldest_at=it.oldest_at,
        )


class AgeBand(msgspec.Struct, frozen=True, kw_only=True):
    """What has waited at least `days_min`, and less than `days_max`, of 24 hours each."""

    name: str
    days_min: int
    days_max: int | None
    payments: int
    sums: Sequence[WaitingSum]


class OldestWaiting(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    vendor_id: str
    currency: str
    amount_minor: int
    amount: str
    created_at: datetime

    @classmethod
    def of(cls, it: Oldest) -> "OldestWaiting":
        return cls(
            id=str(it.id),
            vendor_id=it.vendor_id,
            currency=it.currency,
            amount_minor=it.amount_minor,
            amount=decimal(it.amount_minor, it.currency),
            created_at=it.created_at,
        )


class ApprovedTimes(_Told, frozen=True, kw_only=True):
    """Seconds from creation to approval, of what was approved in the period. Repetitions of
    payments that failed are left out."""

    payments: int
    median_s: float | None
    p90_s: float | None


class AgeingReport(msgspec.Struct, frozen=True, kw_only=True):
    """at: the ages are those of then; bands: all six, the youngest first"""

    at: datetime
    bands: Sequence[AgeBand]
    oldest: OldestWaiting | None
    approved: ApprovedTimes

    @classmethod
    def of(cls, told: Ageing, filters: Filters) -> "AgeingReport":
        return cls(
            at=told.at,
            bands=[_band(told.waiting, number) for number in range(len(BAND_DAYS) + 1)],
            oldest=None if told.oldest is None else OldestWaiting.of(told.oldest),
            approved=ApprovedTimes(
                since=filters.since,
                until=filters.until,
                **msgspec.structs.asdict(told.approved),
            ),
        )


def _band(waiting: Sequence[Waiting], number: int) -> AgeBand:
    those = [it for it in waiting if it.band == number]
    return AgeBand(
        name=band_name(number),
        days_min=(0, *BAND_DAYS)[number],
        days_max=(*BAND_DAYS, None)[number],
        payments=sum(it.payments for it in those),
        sums=[WaitingSum.of(it) for it in those],
    )
