"""Statements that come as files: what is read, and what is wrong with which line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.reconciliation.reconciling import BANK, DAY, Bank, a_booking, after, book

from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.gateway.model import OrderKind, StatementUnavailable
from paywright.reconciliation.model import RunState, StatementSource
from paywright.reconciliation.run import reconcile_now
from paywright.reconciliation.statement_files import COLUMNS, read_statement, statement_file

GOOD = {
    "reference": "bp_1",
    "idempotency_key": "pay_1",
    "type": "payout",
    "amount_minor": 1234,
    "currency": "EUR",
    "booked_at": "2026-01-05T10:00:00Z",
}


def written(folder: Path, *rows: dict[str, Any], ending: str) -> Path:
    path = folder / f"statement{ending}"
    if ending == ".csv":
        lines = [",".join(COLUMNS)]
        lines += [",".join(str(row.get(name) or "") for name in COLUMNS) for row in rows]
        path.write_text("\n".join(lines) + "\n")
    elif ending == ".json":
        path.write_text(json.dumps(list(rows)))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl"])
def test_a_file_is_read_line_by_line(tmp_path: Path, ending: str) -> None:
    path = written(
        tmp_path, GOOD, GOOD | {"idempotency_key": None, "type": "refund"}, ending=ending
    )
    first, second = read_statement(path)
    assert (first.reference, first.key, first.kind) == ("bp_1", "pay_1", OrderKind.PAYOUT)
    assert (first.amount, first.booked_at) == (
        Money(1234, "EUR"), datetime(2026, 1, 5, 10, tzinfo=UTC),
    )  # fmt: skip
    assert (second.key, second.kind) == (None, OrderKind.REFUND)


def test_columns_may_be_in_any_order_and_others_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(
        b"\xef\xbb\xbfNote,Booked_At,currency,amount_minor,type,idempotency_key,reference\r\n"
        b'"a, ""b""",2026-01-05T11:00:00+01:00,EUR,5,charge,,re_1\r\n\r\n'
    )
    (line,) = read_statement(path)
    assert (line.reference, line.booked_at.hour, line.key) == ("re_1", 10, None)


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reference", ""),
        ("type", "chargeback"),
        ("amount_minor", "12.34"),
        ("amount_minor", "-5"),
        ("amount_minor", "0"),
        ("amount_minor", "\uff19"),
        ("amount_minor", "9223372036854775808"),
        ("currency", "EURO"),
        ("currency", ""),
        ("booked_at", "2026-01-05 10:00"),
        ("booked_at", "2026-01-05T10:00:00"),
        ("booked_at", "0001-01-01T00:00:00+14:00"),
        ("booked_at", ""),
    ],
)
def test_what_is_wrong_is_named_with_line_and_column(
    tmp_path: Path, ending: str, column: str, value: str
) -> None:
    path = written(tmp_path, GOOD, GOOD | {column: value}, ending=ending)
    where = {".csv": "line 3", ".json": "item 2", ".jsonl": "line 2"}[ending]
    with pytest.raises(StatementUnavailable, match=f"^{where}, column {column}: "):
        list(read_statement(path))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("s.csv", b"", "line 1: there is no column reference, "),
        ("s.csv", b"reference,type\n", "line 1: there is no column idempotency_key"),
        ("s.csv", ",".join(COLUMNS).encode() + b"\na,b\n", "line 2: 2 columns, where"),
        ("s.csv", ",".join(COLUMNS).encode() + b'\n"a\n', "line 2: "),
        ("s.csv", b"\xff\xfe", "is not a text in UTF-8"),
        ("s.json", b"{}", "must be an array"),
        ("s.json", b'{"lines": [], "next_cursor": "x"}', "is a page"),
        ("s.json", b"[1]", "item 1: must be an object"),
        ("s.json", b"[", "not JSON"),
        ("s.json", b"[" * 100_000, "not JSON"),
        ("s.jsonl", b"{}\n", "line 1, column reference: is empty"),
        ("s.jsonl", b"\n{\n", "line 2: not JSON"),
        ("s.jsonl", b"x" * 70_000, "line 1: is too long"),
        ("s.xml", b"", "must end with .csv, .json, .jsonl"),
    ],
)
def test_a_file_that_is_no_statement_is_refused(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StatementUnavailable, match=complaint):
        list(read_statement(path))
    with pytest.raises(StatementUnavailable, match="cannot read"):
        list(read_statement(tmp_path / "none.csv"))


async def test_a_file_is_compared_as_the_providers_own_statement_is(
    db: Database, tmp_path: Path
) -> None:
    made = [a_booking(n) for n in range(1, 4)]
    await book(db, *made)
    rows = [
        GOOD | {"reference": it.reference, "idempotency_key": str(it.id), "amount_minor": it.minor,
                "booked_at": it.at.isoformat()}
        for it in made
    ]  # fmt: skip
    long_ago = GOOD | {"booked_at": "2020-01-01T00:00:00Z"}
    path = written(tmp_path, long_ago, *rows, ending=".csv")

    async def compared() -> Any:
        return await reconcile_now(
            db, after(), provider=BANK, day=DAY, source=StatementSource.FILE,
            statement=statement_file(path),
        )  # fmt: skip

    run = await compared()
    assert (run.source, run.outcomes, run.differences) == (StatementSource.FILE, {"matched": 3}, 0)
    path.write_text(path.read_text() + "torn")
    run = await compared()
    assert (run.state, run.failure) == (RunState.FAILED, "line 6: 1 columns, where line 1 has 6")
    since = datetime(2026, 1, 5, tzinfo=UTC)
    bank = Bank(*(it.line() for it in made))
    listed = [line async for line in bank.statement(since, since + timedelta(days=1))]
    path = written(tmp_path, *rows, ending=".jsonl")
    assert list(read_statement(path)) == listed
