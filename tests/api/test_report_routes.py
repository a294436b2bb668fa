"""Reports over HTTP: as JSON, as CSV, by whom."""

import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.reporting.reported import a_bill, put

from paywright.identity.permissions import Role
from paywright.wiring import App

Client = httpx2.AsyncClient
ROOT = "/api/v1/reports"
NAMES = ("vendor-payouts", "incident-costs", "approval-ageing", "payer-type-spend")
DECEMBER = datetime(2025, 12, 10, tzinfo=UTC)


async def told(api: Client, path: str, **query: str) -> Any:
    answer = await api.get(f"{ROOT}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", NAMES)
async def test_where_nothing_was_paid_there_is_nothing_to_tell(api: Client, name: str) -> None:
    report = await told(api, name, **{"from": "1926-01-01", "to": "2026-01-01"})
    if name == "approval-ageing":
        assert [band["payments"] for band in report["bands"]] == [0] * 6
        assert report["oldest"] is None
        assert report["approved"] == {
            "from": "1926-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "payments": 0,
            "median_s": None, "p90_s": None,
        }  # fmt: skip
    else:
        assert (report["items"], report["next_cursor"]) == ([], None)
        assert report["from"] == "1926-01-01T00:00:00Z"


async def test_payouts_are_told_in_minor_units_and_as_decimals(api: Client, app: App) -> None:
    largest = 2**63 - 1
    await put(
        app.db,
        a_bill(ended_at=DECEMBER, minor=largest),
        a_bill(ended_at=DECEMBER + timedelta(days=1), minor=largest),
        a_bill(ended_at=DECEMBER, minor=70, status="failed"),
        a_bill(ended_at=DECEMBER, minor=1_001, currency="KWD"),
        a_bill(ended_at=DECEMBER + timedelta(days=31), minor=5),
    )
    report = await told(
        api, "vendor-payouts", **{"from": "2025-12-01", "to": "2026-01-01T01:00:00+01:00"}
    )
    assert report["group_by"] == "month"
    assert report["to"] == "2026-01-01T00:00:00Z"
    assert report["items"] == [
        {
            "period": "2025-12-01", "vendor_id": "vendor_a", "currency": "EUR", "payments": 2,
            "amount_minor": 2 * largest, "amount": "184467440737095516.14", "failed": 1,
            "failed_minor": 70, "failed_amount": "0.70",
        },
        {
            "period": "2025-12-01", "vendor_id": "vendor_a", "currency": "KWD", "payments": 1,
            "amount_minor": 1_001, "amount": "1.001", "failed": 0, "failed_minor": 0,
            "failed_amount": "0.000",
        },
    ]  # fmt: skip
    weeks = await told(api, "vendor-payouts", group_by="week", currency="EUR")
    assert [it["period"] for it in weeks["items"]] == ["2025-12-08", "2026-01-05"]
    spent = await told(api, "payer-type-spend", payer_type="driver", currency="KWD")
    assert [it["amount"] for it in spent["items"]] == ["1.001"]


async def test_the_dearest_incident_comes_first_page_by_page(api: Client, app: App) -> None:
    made = [a_bill(incident_id=f"inc_{n}", minor=100 * n) for n in range(1, 6)]
    still = [
        a_bill(incident_id="inc_1", status="pending_approval", minor=1_000, vendor_id="vendor_b")
    ]
    await put(app.db, *made, *still)
    first = await told(api, "incident-costs", limit="2")
    assert first["items"][0] == {
        "currency": "EUR", "incident_id": "inc_1", "cost_minor": 1_100, "cost": "11.00",
        "paid_minor": 100, "paid": "1.00", "open_minor": 1_000, "open": "10.00", "payments": 2,
        "vendors": 2,
    }  # fmt: skip
    names = [it["incident_id"] for it in first["items"]]
    cursor = first["next_cursor"]
    while cursor:
        page = await told(api, "incident-costs", limit="2", cursor=cursor)
        names += [it["incident_id"] for it in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["inc_1", "inc_5", "inc_4", "inc_3", "inc_2"]


async def test_the_queue_is_told_by_age(api: Client, app: App) -> None:
    now = datetime.now(UTC)
    old = a_bill(status="pending_approval", created_at=now - timedelta(days=8), minor=500)
    new = a_bill(status="pending_approval", created_at=now - timedelta(hours=1), currency="JPY")
    done = a_bill(
        created_at=now - timedelta(hours=5), approved_at=now - timedelta(hours=3), minor=1
    )
    await put(app.db, old, new, done)
    report = await told(api, "approval-ageing")
    bands = {it["name"]: it for it in report["bands"]}
    assert list(bands) == [
        "< 1 day", "1-3 days", "3-7 days", "7-14 days", "14-30 days", "30 days and more",
    ]  # fmt: skip
    assert bands["7-14 days"]["sums"][0]["amount"] == "5.00"
    assert bands["< 1 day"]["sums"][0]["amount"] == "1000"
    assert (bands["7-14 days"]["days_min"], bands["7-14 days"]["days_max"]) == (7, 14)
    assert report["oldest"]["id"] == str(old.id)
    assert report["approved"]["median_s"] == report["approved"]["p90_s"] == 7_200


@pytest.mark.parametrize("name", NAMES)
async def test_a_report_is_a_csv_for_who_asks_for_one(api: Client, app: App, name: str) -> None:
    await put(
        app.db,
        a_bill(vendor_id="-vendor", payer_type="+payer", incident_id="inc_1"),
        a_bill(status="pending_approval"),
    )
    by_query = await api.get(f"{ROOT}/{name}", params={"format": "csv"})
    by_header = await api.get(f"{ROOT}/{name}", headers={"Accept": "text/csv"})
    for answer in (by_query, by_header):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/csv")
        assert "charset=utf-8" in answer.headers["content-type"]
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
        header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
        assert {"amount_minor", "amount"} <= set(header) or {"cost_minor", "cost"} <= set(header)
        assert rows
        assert {len(row) for row in rows} == {len(header)}
        for row in rows:
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    as_json = await api.get(f"{ROOT}/{name}", params={"format": "json"}, headers={"Accept": "*/*"})
    assert json.loads(as_json.text)


@pytest.mark.parametrize("name", NAMES)
async def test_a_period_that_makes_no_sense_is_refused_also_for_csv(api: Client, name: str) -> None:
    for query in (
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2026-01-01T00:00:00"},
        {"to": "tomorrow", "format": "csv"},
        {"from": "\x00"},
        {"from": "2026-01-01T00:00:00 02:00"},
    ):
        answer = await api.get(f"{ROOT}/{name}", params=query)
        assert answer.status_code == 422, query
        assert answer.json()["type"] == "/problems/period-invalid"
        assert answer.json()["errors"][0]["field"] in ("from", "to")
    for query in ({"currency": "euro"}, {"limit": "0"}, {"format": "pdf"}, {"cursor": "x"}):
        if name == "approval-ageing" and query.keys() & {"limit", "cursor"}:
            continue
        answer = await api.get(f"{ROOT}/{name}", params=query)
        assert answer.status_code == 422, query


async def test_everybody_who_may_read_reports_and_nobody_else(
    client_of: Callable[[Role | None], Awaitable[Client]],
) -> None:
    viewer, stranger = await client_of(Role.VIEWER), await client_of(None)
    for name in NAMES:
        assert (await viewer.get(f"{ROOT}/{name}")).status_code == 200
        assert (await stranger.get(f"{ROOT}/{name}")).status_code == 401
        assert (await viewer.post(f"{ROOT}/{name}")).status_code == 405
