"""All SQL of reports: over the views `report_…`, row by row as the reader takes them.

`limit` None: all rows. `after`: the row that the page before ended with.
"""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from decimal import Decimal

import msgspec

from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.reporting.model import (
    ApprovalTimes,
    Cost,
    Filters,
    Grouping,
    Oldest,
    Payouts,
    Spend,
    Waiting,
)

_PREFETCH = 1_000  # rows in one round trip


async def plan_anew(tx: Tx) -> None:
    """With a generic plan the optional filters would hide the indexes."""
    await tx.execute("set local plan_cache_mode = force_custom_plan")


class PayoutsKey(msgspec.Struct, frozen=True, array_like=True):
    period: date
    vendor_id: str
    currency: str


async def payouts(
    tx: Tx,
    filters: Filters,
    group_by: Grouping,
    *,
    after: PayoutsKey | None = None,
    limit: int | None = None,
) -> AsyncGenerator[Payouts]:
    """By period, vendor and currency."""
    found = tx.cursor(
        """
        select date_trunc($1::text, ended_at at time zone 'UTC')::date as period, vendor_id,
               currency, count(*) filter (where is_paid) as payments,
               coalesce(sum(amount_minor) filter (where is_paid), 0) as amount_minor,
               count(*) filter (where not is_paid) as failed,
               coalesce(sum(amount_minor) filter (where not is_paid), 0) as failed_minor
          from report_payouts
         where ($2::timestamptz is null or ended_at >= $2)
           and ($3::timestamptz is null or ended_at < $3)
           and ($4::text is null or vendor_id = $4)
           and ($5::text is null or currency = $5)
           and ($6::date is null
                or ended_at at time zone 'UTC' >= $6
               and (date_trunc($1::text, ended_at at time zone 'UTC')::date, vendor_id, currency)
                   > ($6, $7::text, $8::text))
         group by 1, 2, 3
         order by 1, 2, 3
         limit $9
        """,
        group_by,
        filters.since,
        filters.until,
        filters.vendor_id,
        filters.currency,
        None if after is None else after.period,
        None if after is None else after.vendor_id,
        None if after is None else after.currency,
        limit,
        prefetch=_PREFETCH,
    )
    async for row in found:
        yield Payouts(
            period=row["period"],
            vendor_id=row["vendor_id"],
            currency=row["currency"],
            payments=row["payments"],
            amount_minor=int(row["amount_minor"]),
            failed=row["failed"],
            failed_minor=int(row["failed_minor"]),
        )


class CostKey(msgspec.Struct, frozen=True, array_like=True):
    currency: str
    cost_minor: int
    incident_id: str


async def costs(
    tx: Tx, filters: Filters, *, after: CostKey | None = None, limit: int | None = None
) -> AsyncGenerator[Cost]:
    """By currency and incident, what costs most before the others. Of payments made in time."""
    found = tx.cursor(
        """
        select * from (
            select currency, incident_id, sum(amount_minor) as cost_minor,
                   coalesce(sum(amount_minor) filter (where is_paid), 0) as paid_minor,
                   coalesce(sum(amount_minor) filter (where not is_paid), 0) as open_minor,
                   count(*) as payments, count(distinct vendor_id) as vendors
              from report_costs
             where ($1::timestamptz is null or created_at >= $1)
               and ($2::timestamptz is null or created_at < $2)
               and ($3::text is null or currency = $3)
               and ($4::text is null or vendor_id = $4)
               and ($5::text is null or incident_id = $5)
               and ($6::text is null or currency >= $6)
             group by currency, incident_id
        ) as costs
         where $6::text is null or currency > $6 or cost_minor < $7::numeric
            or (cost_minor = $7::numeric and incident_id > $8::text)
         order by currency, cost_minor desc, incident_id
         limit $9
        """,
        filters.since,
        filters.until,
        filters.currency,
        filters.vendor_id,
        filters.incident_id,
        None if after is None else after.currency,
        None if after is None else Decimal(after.cost_minor),
        None if after is None else after.incident_id,
        limit,
        prefetch=_PREFETCH,
    )
    async for row in found:
        yield Cost(
            currency=row["currency"],
            incident_id=row["incident_id"],
            cost_minor=int(row["cost_minor"]),
            paid_minor=int(row["paid_minor"]),
            open_minor=int(row["open_minor"]),
            payments=row["payments"],
            vendors=row["vendors"],
        )


class SpendKey(msgspec.Struct, frozen=True, array_like=True):
    period: date
    payer_type: str
    currency: str


async def spend(
    tx: Tx,
    filters: Filters,
    group_by: Grouping,
    *,
    after: SpendKey | None = None,
    limit: int | None = None,
) -> AsyncGenerator[Spend]:
    """By period, payer type and currency."""
    found = tx.cursor(
        """
        select date_trunc($1::text, ended_at at time zone 'UTC')::date as period, payer_type,
               currency, count(*) as payments, sum(amount_minor) as amount_minor
          from report_payouts
         where is_paid
           and ($2::timestamptz is null or ended_at >= $2)
           and ($3::timestamptz is null or ended_at < $3)
           and ($4::text is null or payer_type = $4)
           and ($5::text is null or currency = $5)
           and ($6::date is null
                or ended_at at time zone 'UTC' >= $6
               and (date_trunc($1::text, ended_at at time zone 'UTC')::date, payer_type, currency)
                   > ($6, $7::text, $8::text))
         group by 1, 2, 3
         order by 1, 2, 3
         limit $9
        """,
        group_by,
        filters.since,
        filters.until,
        filters.payer_type,
        filters.currency,
        None if after is None else after.period,
        None if after is None else after.payer_type,
        None if after is None else after.currency,
        limit,
        prefetch=_PREFETCH,
    )
    async for row in found:
        yield Spend(
            period=row["period"],
            payer_type=row["payer_type"],
            currency=row["currency"],
            payments=row["payments"],
            amount_minor=int(row["amount_minor"]),
        )


async def waiting(tx: Tx, filters: Filters, *, at: datetime) -> list[Waiting]:
    """By band of age, see BAND_DAYS, and currency."""
    rows = await tx.fetch(
        """
        select width_bucket($1::timestamptz - created_at,
                            '{1 day,3 days,7 days,14 days,30 days}'::interval[]) as band,
               currency, count(*) as payments, sum(amount_minor) as amount_minor,
               min(created_at) as oldest_at
          from report_pending
         where ($2::text is null or vendor_id = $2)
           and ($3::text is null or currency = $3)
         group by 1, 2
         order by 1, 2
        """,
        at,
        filters.vendor_id,
        filters.currency,
    )
    return [
        Waiting(
            band=row["band"],
            currency=row["currency"],
            payments=row["payments"],
            amount_minor=int(row["amount_minor"]),
            oldest_at=row["oldest_at"],
        )
        for row in rows
    ]


async def oldest(tx: Tx, filters: Filters) -> Oldest | None:
    """The id tells which was created first."""
    row = await tx.fetchrow(
        """
        select id, vendor_id, currency, amount_minor, created_at
          from report_pending
         where ($1::text is null or vendor_id = $1)
           and ($2::text is null or currency = $2)
         order by id
         limit 1
        """,
        filters.vendor_id,
        filters.currency,
    )
    if row is None:
        return None
    return Oldest(
        id=PaymentId.of(row["id"]),
        vendor_id=row["vendor_id"],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        created_at=row["created_at"],
    )


async def approval_times(tx: Tx, filters: Filters) -> ApprovalTimes:
    """Of what was approved in time. Between two payments percentiles are interpolated."""
    (row,) = await tx.fetch(
        """
        select count(*) as payments,
               percentile_cont(array[0.5, 0.9]) within group (
                   order by extract(epoch from approved_at - created_at)::float8) as seconds
          from report_approved
         where ($1::timestamptz is null or approved_at >= $1)
           and ($2::timestamptz is null or approved_at < $2)
           and ($3::text is null or vendor_id = $3)
           and ($4::text is null or currency = $4)
        """,
        filters.since,
        filters.until,
        filters.vendor_id,
        filters.currency,
    )
    median, p90 = row["seconds"] or (None, None)
    return ApprovalTimes(payments=row["payments"], median_s=median, p90_s=p90)
