"""The simulated bank, over HTTP: what it takes, what it refuses, and that it pays once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.simulator.simulating import TOKEN, Simulator, a_creditor

from paywright.simulator.verdicts import ACCOUNT_SUFFIXES, AMOUNTS, REASONS, is_iban


def test_a_payment_is_settled_and_found_by_key_and_by_id(simulator: Simulator) -> None:
    made = simulator.pay("k1")
    assert made.status_code == 201
    body = made.json()
    assert (body["status"], body["reason_code"], body["amount_minor"]) == ("settled", None, 1234)
    assert simulator.found("k1").json() == body
    assert simulator.http.get(f"/bank/v1/payments/{body['id']}").json() == body
    assert simulator.books()["settled_minor"] == {"EUR": 1234}


def test_the_same_key_pays_once_and_answers_the_same(simulator: Simulator) -> None:
    first, again = simulator.pay("k1"), simulator.pay("k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert simulator.books()["payments_total"] == 1


def test_the_same_key_for_another_payment_is_refused(simulator: Simulator) -> None:
    simulator.pay("k1")
    other = simulator.pay("k1", amount_minor=999)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert "reason_code" not in other.json()
    assert simulator.books()["settled_minor"] == {"EUR": 1234}


def test_a_key_sent_by_many_at_once_pays_once(simulator: Simulator) -> None:
    simulator.set(latency={"ms": 50})
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: simulator.pay("k1"), range(16)))
    assert {answer.json()["id"] for answer in answers} == {"bank_00000001"}
    assert simulator.books()["payments_total"] == 1


def test_a_key_that_never_came_is_not_found(simulator: Simulator) -> None:
    answer = simulator.found("k1")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found")
    assert simulator.http.get("/bank/v1/payments/bank_00000009").status_code == 404


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_name_that_ends_with_a_code_is_rejected_with_it(simulator: Simulator, code: str) -> None:
    body = simulator.pay("k1", creditor=a_creditor(name=f"Nordlicht {code}")).json()
    assert (body["status"], body["reason_code"]) == ("rejected", code)
    assert body["reason"] == REASONS[code]
    assert simulator.books()["settled_minor"] == {}


@pytest.mark.parametrize(("suffix", "code"), ACCOUNT_SUFFIXES.items())
def test_some_accounts_are_rejected(simulator: Simulator, suffix: str, code: str) -> None:
    creditor = {"name": "Ida", "country": "US", "account_number": suffix, "bank_code": "0210"}
    assert simulator.pay("k1", creditor=creditor).json()["reason_code"] == code


@pytest.mark.parametrize(("amount", "code"), AMOUNTS.items())
def test_some_amounts_are_rejected(simulator: Simulator, amount: int, code: str) -> None:
    assert simulator.pay("k1", amount_minor=amount).json()["reason_code"] == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iban": "DE89370400440532013001"}, "AC01"),
        ({"iban": "nonsense"}, "AC01"),
        ({"iban": ""}, "AC01"),
        ({"iban": None}, "AC01"),
        ({"iban": None, "account_number": "12345"}, "RC01"),
    ],
)
def test_an_impossible_account_is_refused_and_not_taken_in(
    simulator: Simulator, changes: dict[str, Any], code: str
) -> None:
    answer = simulator.pay("k1", creditor=a_creditor(**changes))
    assert (answer.status_code, answer.json()["reason_code"]) == (422, code)
    assert simulator.found("k1").status_code == 404
    assert simulator.pay("k1").status_code == 201


@pytest.mark.parametrize(
    ("name", "finally_"), [("Nordlicht Later", "settled"), ("Nordlicht Returned", "rejected")]
)
def test_some_payments_are_decided_later(simulator: Simulator, name: str, finally_: str) -> None:
    first = simulator.pay("k1", creditor=a_creditor(name=name))
    assert (first.json()["status"], first.json()["reason_code"]) == ("accepted", None)
    time.sleep(2.05)
    assert simulator.found("k1").json()["status"] == finally_
    # The same key gets what it got, not what has become of it.
    assert simulator.pay("k1", creditor=a_creditor(name=name)).content == first.content


def test_a_knob_makes_all_payments_wait(simulator: Simulator) -> None:
    simulator.set(settle_after_ms=300)
    assert simulator.pay("k1").json()["status"] == "accepted"
    time.sleep(0.35)
    assert simulator.found("k1").json()["status"] == "settled"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"amount_minor": 12.34},
        {"amount_minor": "1234"},
        {"currency": "euro"},
        {"creditor": {"name": "Ida"}},
        {"debtor_reference": ""},
        {"end_to_end_id": "x" * 36},
        {"is_free": True},
    ],
)
def test_what_makes_no_sense_is_malformed(simulator: Simulator, changes: dict[str, Any]) -> None:
    answer = simulator.pay("k1", **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert simulator.books()["payments_total"] == 0


def test_no_key_no_payment(simulator: Simulator) -> None:
    assert simulator.pay("").json()["code"] == "idempotency_key_missing"
    assert simulator.pay("k" * 256).status_code == 400
    assert simulator.http.get("/bank/v1/payments").status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/bank/v1/payments"),
        ("GET", "/bank/v1/payments?idempotency_key=k1"),
        ("GET", "/bank/v1/payments/bank_00000001"),
        ("POST", "/kyc/v1/checks"),
        ("GET", "/kyc/v1/checks/check_00000001"),
        ("GET", "/control/faults"),
        ("PUT", "/control/faults"),
        ("GET", "/control/books"),
        ("POST", "/control/reset"),
    ],
)
def test_nothing_is_told_or_done_without_the_token(
    simulator: Simulator, header: str, method: str, path: str
) -> None:
    answer = simulator.http.request(method, path, headers={"Authorization": header})
    assert answer.status_code == 401


def test_check_digits_of_an_iban() -> None:
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST12345698765423")
    assert not is_iban("gb82west12345698765432")
