"""The simulated KYC provider, over HTTP."""

import time

import pytest
from tests.simulator.simulating import Simulator


def status(simulator: Simulator, check_id: str) -> tuple[str, str | None]:
    body = simulator.http.get(f"/kyc/v1/checks/{check_id}").json()
    return body["status"], body["reason"]


@pytest.mark.parametrize(
    ("name", "at_once", "later"),
    [
        ("Ida Beispiel", "verified", ("verified", None)),
        ("Ida Reject", "rejected", ("rejected", "document_expired")),
        ("Ida Pending", "pending", ("verified", None)),
        ("Ida Doubt", "pending", ("rejected", "document_forged")),
        ("Ida Forever", "pending", ("pending", None)),
    ],
)
def test_the_name_says_how_a_check_ends(
    simulator: Simulator, name: str, at_once: str, later: tuple[str, str | None]
) -> None:
    simulator.set(decide_after_ms=300)
    made = simulator.check("k1", name=name)
    assert (made.status_code, made.json()["status"]) == (201, at_once)
    time.sleep(0.35)
    assert status(simulator, made.json()["id"]) == later


def test_a_check_is_made_once_for_its_key(simulator: Simulator) -> None:
    first, again = simulator.check("k1"), simulator.check("k1")
    assert first.content == again.content
    assert simulator.check("k1", name="Ole Muster").json()["code"] == "idempotency_key_reused"
    assert simulator.books()["checks_total"] == 1


def test_nobody_is_checked_without_a_name(simulator: Simulator) -> None:
    assert simulator.check("k1", name=" ").status_code == 422
    assert simulator.check("k1", country="Austria").status_code == 400
    assert simulator.http.get("/kyc/v1/checks/check_1").json()["code"] == "check_not_found"
