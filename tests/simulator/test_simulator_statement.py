"""The bank's statement: all that was settled, once, in order; and a lie only where one was asked
for."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.simulator.simulating import Simulator, a_creditor

from paywright.simulator.books import Books, Creditor, Payment
from paywright.simulator.statements import Line, Untruths, told

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


def statement(simulator: Simulator, **query: str) -> httpx2.Response:
    return simulator.http.get("/bank/v1/statement", params=EVER | query)


def lines(simulator: Simulator, **query: str) -> list[dict[str, Any]]:
    answer = statement(simulator, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["lines"]


def lie(simulator: Simulator, **untruths: Any) -> None:
    answer = simulator.http.put("/control/statement", json=untruths)
    assert answer.status_code == 200, answer.text


def a_line(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "bank_unknown",
        "amount_minor": 5,
        "currency": "EUR",
        "booked_at": "2026-03-01T00:00:00Z",
    } | changes


def test_it_tells_what_was_settled_and_nothing_else(simulator: Simulator) -> None:
    paid = simulator.pay("k1").json()
    simulator.pay("k2", creditor=a_creditor(name="Nordlicht AC04"))
    simulator.pay("k3", creditor=a_creditor(name="Nordlicht Later"))
    simulator.pay("k4", amount_minor=99)
    first, second = lines(simulator)
    assert first == {
        "reference": paid["id"],
        "idempotency_key": "k1",
        "type": "payout",
        "amount_minor": 1234,
        "currency": "EUR",
        "booked_at": paid["created_at"],
    }
    assert (second["idempotency_key"], second["amount_minor"]) == ("k4", 99)


def test_it_tells_a_payment_once_it_is_settled(simulator: Simulator) -> None:
    simulator.set(settle_after_ms=300)
    simulator.pay("k1")
    assert lines(simulator) == []
    time.sleep(0.35)
    assert [line["idempotency_key"] for line in lines(simulator)] == ["k1"]


def test_its_time_span_has_its_begin_and_not_its_end(simulator: Simulator) -> None:
    for n in range(3):
        simulator.pay(f"k{n}")
    times = [line["booked_at"] for line in lines(simulator)]
    some = lines(simulator, since=times[1], until=times[2])
    assert [line["idempotency_key"] for line in some] == ["k1"]


def test_all_is_told_once_over_many_pages(simulator: Simulator) -> None:
    before = statement(simulator).json()
    assert before == {"lines": [], "next_cursor": None}
    lie(
        simulator,
        add=[a_line(reference=f"line_{n:05}") for n in range(2500)],  # all of the same moment
    )
    simulator.pay("k1")
    references: list[str] = []
    cursor: str | None = ""
    sizes: list[int] = []
    while cursor is not None:
        page = statement(simulator, cursor=cursor).json()
        sizes.append(len(page["lines"]))
        references += [line["reference"] for line in page["lines"]]
        cursor = page["next_cursor"]
    assert sizes == [1000, 1000, 501]
    assert references == [f"line_{n:05}" for n in range(2500)] + ["bank_00000001"]


def test_the_csv_tells_the_same(simulator: Simulator) -> None:
    simulator.pay("k,1")
    simulator.pay("k2")
    answer = statement(simulator, format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows == [{name: str(value) for name, value in line.items()} for line in lines(simulator)]


def test_it_lies_as_it_is_told_to(simulator: Simulator) -> None:
    for n in range(3):
        simulator.pay(f"k{n}")
    lie(
        simulator,
        omit=["bank_00000001"],
        add=[a_line()],
        change={"bank_00000003": 1},
    )
    assert [(line["reference"], line["amount_minor"]) for line in lines(simulator)] == [
        ("bank_unknown", 5),
        ("bank_00000002", 1234),
        ("bank_00000003", 1),
    ]
    assert simulator.books()["settled_minor"] == {"EUR": 3 * 1234}  # the books do not lie
    simulator.http.post("/control/reset")
    simulator.pay("k0")
    assert [line["reference"] for line in lines(simulator)] == ["bank_00000001"]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"until": "2026-03-01T00:00:00"},
        {"format": "xml"},
        {"cursor": "nonsense"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    simulator: Simulator, query: dict[str, str]
) -> None:
    answer = statement(simulator, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_it_is_not_for_strangers(simulator: Simulator) -> None:
    answer = httpx2.get(f"{simulator.urls['bank']}/statement", params=EVER)
    assert answer.status_code == 401


def a_payment_at(n: int, final_at: datetime) -> Payment:
    return Payment(
        id=f"bank_{n:08}",
        idempotency_key=f"k{n}",
        fingerprint="",
        amount_minor=1,
        currency="EUR",
        debtor_reference="cust_1",
        creditor=Creditor(name="Nordlicht", country="DE"),
        end_to_end_id="pay_1",
        description="",
        outcome="settled",
        reason_code=None,
        created_at=AT,
        final_at=final_at,
    )


def test_it_is_in_the_order_of_booking_not_of_coming_in() -> None:
    books = Books()
    for n, seconds in enumerate((5, 1, 3)):
        books.add(a_payment_at(n, AT + timedelta(seconds=seconds)))
    added = Line(reference="x", amount_minor=1, currency="EUR", booked_at=AT + timedelta(seconds=2))
    until = AT + timedelta(seconds=9)
    references = [
        line.reference
        for line in told(books, Untruths(add=(added,)), since=AT, until=until, after=None)
    ]
    assert references == ["bank_00000001", "x", "bank_00000002", "bank_00000000"]


def test_a_page_costs_what_is_on_it_however_much_was_settled() -> None:
    books = Books()
    for n in range(100_000):
        books.add(a_payment_at(n, AT + timedelta(milliseconds=n)))
    last = AT + timedelta(milliseconds=99_000)
    started = time.perf_counter()
    page = list(told(books, Untruths(), since=last, until=AT + timedelta(days=1), after=None))
    assert len(page) == 1000
    assert time.perf_counter() - started < 0.1
