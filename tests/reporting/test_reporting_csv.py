"""Reports as CSV: what spreadsheets and parsers make of them."""

import csv
import io
from collections.abc import AsyncGenerator

import pytest
from tests.builders import a_cause
from tests.reporting.reported import a_bill, many, put

from paywright.db.pool import Database
from paywright.reporting.costs import incident_costs_csv
from paywright.reporting.csv_lines import amount, decimal, lines
from paywright.reporting.model import Filters, Grouping
from paywright.reporting.payouts import vendor_payouts, vendor_payouts_csv
from paywright.reporting.spend import payer_type_spend_csv


async def whole(parts: AsyncGenerator[bytes]) -> list[list[str]]:
    text = b"".join([part async for part in parts]).decode()
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (123, "JPY", "123"),
        (1_001, "KWD", "1.001"),
        (12_345, "CLF", "1.2345"),
        (2**70, "EUR", "11805916207174113034.24"),
        (-109_900, "EUR", "-1099.00"),
    ],
)
def test_a_decimal_has_the_digits_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert decimal(minor, currency) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_is_shown(text: str) -> None:
    (row,) = csv.reader(io.StringIO(lines([[text, f"a{text}"]]), newline=""))
    assert row == [f"'{text}", f"a{text}"]


def test_numbers_are_left_alone_and_quotes_are_doubled() -> None:
    assert lines([[-5, *amount(-5, "EUR"), 'a "b", c', None]]) == ('-5,-5,-0.05,"a ""b"", c",\r\n')


async def test_a_csv_says_what_the_pages_say(db: Database) -> None:
    await put(db, *many(300, seed=5), a_bill(vendor_id="-x", payer_type="=cmd", incident_id="-i"))
    cause, month = a_cause(), Grouping.MONTH
    page = await vendor_payouts(db, cause, filters=Filters(), group_by=month, limit=1_000)
    header, *rows = await whole(vendor_payouts_csv(db, cause, filters=Filters(), group_by=month))
    assert header[:6] == ["period", "vendor_id", "currency", "payments", "amount_minor", "amount"]
    assert len(rows) == len(page.items)
    for row, it in zip(rows, page.items, strict=True):
        assert row[0] == str(it.period)
        assert row[1].removeprefix("'") == it.vendor_id
        assert [int(row[4]), row[5]] == [it.amount_minor, decimal(it.amount_minor, it.currency)]
        assert int(row[6]) == it.failed
    assert "'-x" in {row[1] for row in rows}
    spent = await whole(payer_type_spend_csv(db, cause, filters=Filters(), group_by=month))
    assert "'=cmd" in {row[1] for row in spent}
    costs = await whole(incident_costs_csv(db, cause, filters=Filters()))
    assert "'-i" in {row[1] for row in costs}


async def test_nothing_to_tell_is_a_header(db: Database) -> None:
    rows = await whole(incident_costs_csv(db, a_cause(), filters=Filters()))
    assert [len(row) for row in rows] == [10]


async def test_a_long_report_comes_in_parts_while_no_connection_is_kept(db: Database) -> None:
    await put(db, *(a_bill(incident_id=f"inc_{n}") for n in range(3_000)))
    parts = incident_costs_csv(db, a_cause(), filters=Filters())
    first = await anext(parts)
    assert db.pool.get_idle_size() == db.pool.get_size()
    # What happens while somebody reads slowly is not in it.
    await put(db, a_bill(incident_id="inc_late"))
    rest = [part async for part in parts]
    assert rest
    text = b"".join([first, *rest])
    assert text.count(b"\r\n") == 3_001
    assert b"inc_late" not in text
