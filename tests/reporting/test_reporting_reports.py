"""Each report against a count by hand, over generated payments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import NOON, a_cause, an_actor
from tests.reporting.reported import (
    DAY,
    Bill,
    a_bill,
    costs_by_hand,
    many,
    payouts_by_hand,
    percentile,
    put,
    spend_by_hand,
    within,
)

from paywright.core.actor import Permission, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.page import BadCursor, encode_cursor
from paywright.db.pool import Database
from paywright.reporting.ageing import approval_ageing
from paywright.reporting.costs import incident_costs
from paywright.reporting.model import Filters, Grouping
from paywright.reporting.payouts import vendor_payouts
from paywright.reporting.period import PeriodInvalid, read_period
from paywright.reporting.spend import payer_type_spend

ALL = 10_000


def reader(at: datetime = NOON) -> Cause:
    return a_cause(actor=an_actor(Permission.READ_REPORTS), at=at)


def told(rows: Any) -> list[tuple[Any, ...]]:
    return [msgspec.structs.astuple(row) for row in rows]


PERIODS = [
    (None, None),
    ("2025-11-20", "2025-12-20"),
    ("2025-12-01T00:00:00+05:30", "2026-01-01T00:00:00-03:00"),
    ("2025-12-03T10:17:36Z", None),
    (None, "2025-12-01"),
    ("1950-01-01", "2050-01-01"),
    ("2025-12-08", "2025-12-08"),
    ("2031-01-01", "2032-01-01"),
]


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_sum_is_that_of_a_count_by_hand(db: Database, seed: int) -> None:
    bills = many(600, seed=seed)
    await put(db, *bills)
    for texts in PERIODS:
        since, until = read_period(*texts)
        filters = Filters(since=since, until=until)
        for group_by in Grouping:
            page = await vendor_payouts(db, reader(), filters=filters, group_by=group_by, limit=ALL)
            assert told(page.items) == payouts_by_hand(bills, group_by, since, until), texts
            spent = await payer_type_spend(
                db, reader(), filters=filters, group_by=group_by, limit=ALL
            )
            assert told(spent.items) == spend_by_hand(bills, group_by, since, until), texts
        costs = await incident_costs(db, reader(), filters=filters, limit=ALL)
        assert told(costs.items) == costs_by_hand(bills, since, until), texts


async def test_sums_are_exact_beyond_what_one_amount_can_be(db: Database) -> None:
    largest = 2**63 - 1
    await put(db, *(a_bill(minor=largest, incident_id="inc_1") for _ in range(5)))
    page = await vendor_payouts(db, reader(), filters=Filters(), group_by=Grouping.DAY, limit=ALL)
    assert [it.amount_minor for it in page.items] == [5 * largest]
    costs = await incident_costs(db, reader(), filters=Filters(), limit=ALL)
    assert [it.cost_minor for it in costs.items] == [5 * largest]


async def test_filters_leave_out_everything_else(db: Database) -> None:
    bills = many(300, seed=3)
    await put(db, *bills)

    def those(**wanted: str) -> list[Bill]:
        return [it for it in bills if all(getattr(it, k) == v for k, v in wanted.items())]

    month = Grouping.MONTH
    page = await vendor_payouts(
        db, reader(), filters=Filters(vendor_id="vendor_b", currency="JPY"), group_by=month,
        limit=ALL,
    )  # fmt: skip
    only = those(vendor_id="vendor_b", currency="JPY")
    assert told(page.items) == payouts_by_hand(only, month, None, None) != []
    spent = await payer_type_spend(
        db, reader(), filters=Filters(payer_type="carrier", currency="KWD"), group_by=month,
        limit=ALL,
    )  # fmt: skip
    only = those(payer_type="carrier", currency="KWD")
    assert told(spent.items) == spend_by_hand(only, month, None, None) != []
    costs = await incident_costs(
        db, reader(), filters=Filters(incident_id="inc_3", vendor_id="vendor_c"), limit=ALL
    )
    only = those(incident_id="inc_3", vendor_id="vendor_c")
    assert told(costs.items) == costs_by_hand(only, None, None) != []


async def test_pages_are_the_whole_report_in_its_order(db: Database) -> None:
    bills = many(400, seed=4)
    # The same cost more than once, so that a page can end among equals.
    bills += [a_bill(incident_id=f"inc_same_{n}", minor=777) for n in range(9)]
    await put(db, *bills)
    since, until = read_period("2025-11-15T06:00:00Z", "2026-01-05T13:00:00Z")
    filters = Filters(since=since, until=until)

    async def all_pages(ask: Any) -> list[tuple[Any, ...]]:
        rows: list[Any] = []
        cursor = None
        while True:
            page = await ask(cursor=cursor, limit=7)
            assert len(page.items) <= 7
            rows += page.items
            cursor = page.next_cursor
            if cursor is None:
                return told(rows)

    for group_by in Grouping:
        assert await all_pages(
            lambda group_by=group_by, **page: vendor_payouts(
                db, reader(), filters=filters, group_by=group_by, **page
            )
        ) == payouts_by_hand(bills, group_by, since, until)
        assert await all_pages(
            lambda group_by=group_by, **page: payer_type_spend(
                db, reader(), filters=filters, group_by=group_by, **page
            )
        ) == spend_by_hand(bills, group_by, since, until)
    assert await all_pages(
        lambda **page: incident_costs(db, reader(), filters=filters, **page)
    ) == costs_by_hand(bills, since, until)


async def test_a_payment_belongs_to_the_period_of_its_last_microsecond(db: Database) -> None:
    midnight = datetime(2025, 12, 1, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    await put(db, a_bill(ended_at=midnight - tick, minor=1), a_bill(ended_at=midnight, minor=10))
    for texts, minors in (
        (("2025-11-01", "2025-12-01"), [1]),
        (("2025-12-01", "2026-01-01"), [10]),
        (("2025-12-01T01:00:00+01:00", None), [10]),
        (("2025-12-01T00:00:00+01:00", None), [1, 10]),
    ):
        since, until = read_period(*texts)
        page = await vendor_payouts(
            db, reader(), filters=Filters(since=since, until=until), group_by=Grouping.WEEK,
            limit=ALL,
        )  # fmt: skip
        assert [it.amount_minor for it in page.items] == minors


async def test_what_waits_is_told_by_its_age(db: Database) -> None:
    hour = timedelta(hours=1)
    ages = [hour, DAY - hour, DAY, 3 * DAY - hour, 3 * DAY, 7 * DAY, 13 * DAY, 14 * DAY,
            29 * DAY, 30 * DAY, 900 * DAY]  # fmt: skip
    pending = [
        a_bill(status="pending_approval", created_at=NOON - age, minor=10**n, currency="JPY")
        for n, age in enumerate(ages)
    ]
    await put(db, *pending, a_bill(created_at=NOON - 1000 * DAY))
    ageing = await approval_ageing(db, reader(), filters=Filters())
    assert [(it.band, it.payments, it.amount_minor) for it in ageing.waiting] == [
        (0, 2, 11), (1, 2, 1100), (2, 1, 10_000), (3, 2, 1_100_000), (4, 2, 110_000_000),
        (5, 2, 11_000_000_000),
    ]  # fmt: skip
    assert ageing.waiting[5].oldest_at == NOON - 900 * DAY
    assert ageing.oldest is not None
    assert ageing.oldest.id == pending[-1].id
    none = await approval_ageing(db, reader(), filters=Filters(currency="EUR"))
    assert (none.waiting, none.oldest) == ([], None)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 300])
async def test_the_time_to_an_approval_is_that_of_a_count_by_hand(db: Database, count: int) -> None:
    bills = many(count, seed=count)
    await put(db, *bills)
    for texts in PERIODS:
        since, until = read_period(*texts)
        ageing = await approval_ageing(db, reader(), filters=Filters(since=since, until=until))
        took = [
            (it.approved_at - it.created_at).total_seconds()
            for it in bills
            if it.approved_at and it.replaces is None and within(it.approved_at, since, until)
        ]
        assert ageing.approved.payments == len(took)
        assert ageing.approved.median_s == pytest.approx(percentile(took, 0.5))
        assert ageing.approved.p90_s == pytest.approx(percentile(took, 0.9))


async def test_who_may_not_read_reports_reads_none(db: Database) -> None:
    stranger = a_cause(actor=an_actor(Permission.READ_VENDORS))
    for ask in (
        lambda: vendor_payouts(db, stranger, filters=Filters(), group_by=Grouping.DAY, limit=1),
        lambda: incident_costs(db, stranger, filters=Filters(), limit=1),
        lambda: approval_ageing(db, stranger, filters=Filters()),
        lambda: payer_type_spend(db, stranger, filters=Filters(), group_by=Grouping.DAY, limit=1),
    ):
        with pytest.raises(PermissionMissing):
            await ask()


@pytest.mark.parametrize(
    "position",
    ["", "[]", "7", '["2025-01-01"]', '["no", "a", "EUR"]', '["2025-01-01", "\\u0000", "EUR"]',
     '["2025-01-01", "\\ud800", "EUR"]'],
)  # fmt: skip
async def test_a_cursor_of_another_list_is_refused(db: Database, position: str) -> None:
    with pytest.raises(BadCursor):
        await vendor_payouts(
            db, reader(), filters=Filters(), group_by=Grouping.DAY, limit=1,
            cursor=encode_cursor(position),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        (("2026-02-30", None), "from"),
        (("2026-01-01T00:00:00", None), "from"),
        ((None, "yesterday"), "to"),
        (("0001-01-01", None), "from"),
        ((None, "9999-12-31T23:59:59-12:00"), "to"),
        (("2026-01-02", "2026-01-01"), "from"),
        (("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00"), "from"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(
    texts: tuple[str | None, str | None], field: str
) -> None:
    with pytest.raises(PeriodInvalid, match=f"^{field}: "):
        read_period(*texts)
