"""What goes wrong on purpose, as the knobs say; and the books tell what really happened."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stripe
from tests.processes import free_port
from tests.simulator.simulating import TOKEN, Simulator, a_creditor, simulating

from paywright.simulator.faults import SIDES, AllFaults, Ending, Faults, FaultSource, Latency


def outcome(simulator: Simulator, key: str) -> str:
    """How paying ends, in a word."""
    try:
        return str(simulator.pay(key).status_code)
    except httpx2.TransportError as error:
        return type(error).__name__


def source(seed: int = 1, **faults: Any) -> FaultSource:
    return FaultSource(Faults(**faults), seed=seed, monotonic=lambda: 0.0)


def test_a_failure_applies_nothing(simulator: Simulator) -> None:
    simulator.set(failure_rate=1)
    assert simulator.pay("k1").status_code in (500, 502, 503, 504)
    assert simulator.books()["payments_total"] == 0
    simulator.set()
    assert simulator.found("k1").status_code == 404


def test_a_drop_closes_the_connection_and_applies_nothing(simulator: Simulator) -> None:
    simulator.set(drop_rate=1)
    assert outcome(simulator, "k1") in ("ReadError", "RemoteProtocolError")
    assert simulator.books()["payments_total"] == 0


@pytest.mark.parametrize("way", ["hang", "close"])
def test_a_lost_answer_is_applied_all_the_same(simulator: Simulator, way: str) -> None:
    simulator.set(timeout_after_apply_rate=1, lost_answer=way)
    simulator.http.timeout = httpx2.Timeout(0.4)
    try:
        ended = outcome(simulator, "k1")
    finally:
        simulator.http.timeout = httpx2.Timeout(10)
    assert (ended == "ReadTimeout") == (way == "hang")
    assert simulator.books()["settled_minor"] == {"EUR": 1234}
    simulator.set()
    assert simulator.found("k1").json()["status"] == "settled"


def test_an_error_after_applying_and_a_page_instead_of_an_answer(simulator: Simulator) -> None:
    simulator.set(error_after_apply_rate=1)
    assert simulator.pay("k1").status_code == 500
    simulator.set(garbage_rate=1)
    garbage = simulator.pay("k2")
    assert (garbage.status_code, garbage.text[:6]) == (200, "<html>")
    assert simulator.books()["payments_total"] == 2


def test_who_asks_too_often_is_told_when_to_come_back(simulator: Simulator) -> None:
    simulator.set(rate_limit_per_s=2)
    answers = [simulator.pay(f"k{n}") for n in range(4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert simulator.books()["payments_total"] == 4 - len(refused)
    time.sleep(1)
    assert simulator.pay("k9").status_code == 201


def test_retry_after_is_what_the_knob_says(simulator: Simulator) -> None:
    simulator.set(rate_limit_per_s=1, retry_after_s=7)
    answers = [simulator.pay(f"k{n}") for n in range(2)]
    assert answers[1].headers["retry-after"] == "7"


def test_a_side_has_knobs_of_its_own(simulator: Simulator) -> None:
    simulator.set(failure_rate=1, settle_after_ms=5)
    assert simulator.http.put("/control/faults/bank", json={"drop_rate": 0.5}).status_code == 200
    knobs = simulator.http.get("/control/faults").json()
    assert knobs["failure_rate"] == 1
    assert {side: knobs["sides"][side]["failure_rate"] for side in SIDES} == {
        "bank": 0,
        "stripe": 1,
        "kyc": 1,
    }
    assert knobs["sides"]["bank"]["drop_rate"] == 0.5
    simulator.http.put("/control/faults/bank", json={})
    assert simulator.pay("k1").status_code == 201
    assert simulator.check("k1").status_code >= 500
    assert simulator.books()["requests_by_side"]["kyc"] == {"failed": 1}
    # What is set for all is set for each.
    simulator.set()
    assert simulator.check("k1").status_code == 201


def test_a_side_that_does_not_exist_has_no_knobs(simulator: Simulator) -> None:
    assert 400 <= simulator.http.put("/control/faults/post", json={}).status_code < 500


def test_traffic_of_one_side_does_not_change_whom_it_hits_on_another() -> None:
    def bank_endings(checks_between: int) -> list[Ending]:
        it = AllFaults(Faults(failure_rate=0.3, drop_rate=0.3), seed=3, monotonic=lambda: 0.0)
        endings: list[Ending] = []
        for _ in range(200):
            endings.append(it.sides["bank"].draw().ending)
            for _ in range(checks_between):
                it.sides["kyc"].draw()
                it.sides["bank"].draw_luck()
        return endings

    assert bank_endings(0) == bank_endings(3)


def test_the_sides_do_not_fall_alike() -> None:
    it = AllFaults(Faults(failure_rate=0.3), seed=3, monotonic=lambda: 0.0)
    fallen = {side: [source.draw().ending for _ in range(100)] for side, source in it.sides.items()}
    assert fallen["bank"] != fallen["stripe"] != fallen["kyc"]


def ask_stripe(simulator: Simulator) -> stripe.StripeError:
    """What the official SDK raises when it asks for a charge."""
    client = stripe.StripeClient(
        TOKEN,
        base_addresses={"api": f"{simulator.urls['url']}/stripe"},
        max_network_retries=0,
    )
    with pytest.raises(stripe.StripeError) as raised:
        client.v1.payment_intents.create({"amount": 100, "currency": "eur"})
    return raised.value


def test_the_sdk_raises_what_it_raises_in_life(simulator: Simulator) -> None:
    def stripe_does(**faults: Any) -> stripe.StripeError:
        assert simulator.http.put("/control/faults/stripe", json=faults).status_code == 200
        return ask_stripe(simulator)

    failed = stripe_does(failure_rate=1)
    assert type(failed) is stripe.APIError
    assert failed.http_status in (500, 502, 503, 504)
    assert failed.error is not None
    assert failed.error.type == "api_error"
    garbage = stripe_does(garbage_rate=1)
    assert type(garbage) is stripe.APIError
    assert "Invalid response body" in str(garbage)
    assert type(stripe_does(drop_rate=1)) is stripe.APIConnectionError
    stripe_does(drop_rate=1, rate_limit_per_s=1, retry_after_s=3)
    throttled = stripe_does(rate_limit_per_s=1, retry_after_s=3)
    assert type(throttled) is stripe.RateLimitError
    assert throttled.http_status == 429
    assert throttled.error is not None
    assert throttled.error.code == "rate_limit"
    assert throttled.headers["Retry-After"] == "3"


def test_declines_by_rate(simulator: Simulator) -> None:
    simulator.set(decline_rate=1)
    assert simulator.pay("k1").json()["reason_code"] == "MS03"
    assert simulator.check("k1").json()["status"] == "rejected"
    # What has been answered stays so.
    simulator.set()
    assert simulator.pay("k1").json()["reason_code"] == "MS03"


def test_latency_passes_before_the_answer(simulator: Simulator) -> None:
    simulator.set(latency={"ms": 200})
    started = time.monotonic()
    simulator.pay("k1")
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    "knobs",
    [
        {"failure_rate": 1.1},
        {"failure_rate": -0.1},
        {"failure": 1},
        {"lost_answer": "maybe"},
        {"latency": {"ms": -1}},
        {"latency": {"kind": "uniform"}},
    ],
)
def test_a_knob_that_makes_no_sense_changes_nothing(
    simulator: Simulator, knobs: dict[str, Any]
) -> None:
    simulator.set(failure_rate=0.25)
    assert simulator.http.put("/control/faults", json=knobs).status_code == 400
    assert simulator.http.get("/control/faults").json()["failure_rate"] == 0.25


def test_the_same_seed_goes_wrong_the_same_way(simulator: Simulator) -> None:
    def run(seed: int) -> list[str]:
        simulator.reset(seed)
        simulator.set(
            failure_rate=0.2, drop_rate=0.2, timeout_after_apply_rate=0.2, lost_answer="close"
        )
        return [outcome(simulator, f"k{n}") for n in range(40)]

    first = run(7)
    assert len(set(first)) >= 4  # paid, dropped, and failed in several ways
    assert run(7) == first
    assert run(8) != first


def test_one_knob_does_not_move_the_others() -> None:
    alone = [source_fate == Ending.FAILED for source_fate in endings(source(failure_rate=0.3))]
    both = endings(source(failure_rate=0.3, timeout_after_apply_rate=0.5))
    assert [ending == Ending.FAILED for ending in both] == alone


def endings(it: FaultSource, count: int = 500) -> list[Ending]:
    return [it.draw().ending for _ in range(count)]


def test_a_rate_is_the_share_it_says() -> None:
    tally = Counter(endings(source(failure_rate=0.1, garbage_rate=0.5), 20_000))
    assert tally[Ending.FAILED] == pytest.approx(2000, abs=150)
    assert tally[Ending.GARBAGE] == pytest.approx(9000, abs=300)  # of those that did not fail


def test_lognormal_latency_has_the_median_it_says_and_a_tail() -> None:
    it = source(latency=Latency(kind="lognormal", ms=100, sigma=1))
    waits = sorted(it.draw().pause_s * 2 for _ in range(20_000))
    assert waits[10_000] == pytest.approx(0.1, rel=0.05)
    assert waits[19_800] == pytest.approx(1.0, rel=0.15)


def test_the_books_survive_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    with simulating(tmp_path, "--books", str(file)) as before:
        before.pay("k1")
        before.pay("k2", creditor=a_creditor(name="Nordlicht AC04"))
        checked = before.check("k3").json()
        books = before.books()
        before.process.kill()
    with file.open("ab") as half_a_line:
        half_a_line.write(b'{"kind":"payment","id":"bank_0')
    with simulating(tmp_path, "--books", str(file)) as after:
        for name in ("payments", "payments_by_status", "settled_minor", "checks_total"):
            assert after.books()[name] == books[name]
        assert after.pay("k1").headers["idempotency-replayed"] == "true"
        assert after.check("k3").json() == checked
        assert after.pay("k4").json()["id"] == "bank_00000003"
        after.http.post("/control/reset")
        after.pay("k5")
        after.process.kill()
    with simulating(tmp_path, "--books", str(file)) as last:
        assert [payment["idempotency_key"] for payment in last.books()["payments"]] == ["k5"]
    assert file.read_bytes().count(b'"kind":"payment"') == 4  # nothing is ever taken out


def test_the_books_are_read_a_page_at_a_time(simulator: Simulator) -> None:
    for n in range(5):
        simulator.pay(f"k{n}")
    page = simulator.books(after=3, limit=10)
    assert [payment["idempotency_key"] for payment in page["payments"]] == ["k3", "k4"]
    assert page["payments_total"] == 5


def test_books_of_something_else_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary\n")
    with pytest.raises(AssertionError, match=re.escape("notes.txt, line 1")):
        simulating(tmp_path, "--books", str(file)).__enter__()
    assert file.read_text() == "dear diary\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = free_port()
    with (
        simulating(tmp_path, "--port", str(port)),
        pytest.raises(AssertionError, match=f"port {port}"),
    ):
        simulating(tmp_path, "--port", str(port)).__enter__()


def test_it_ends_with_status_0_though_a_caller_hangs(simulator: Simulator, tmp_path: Path) -> None:
    with simulating(tmp_path) as other:
        other.set(timeout_after_apply_rate=1)
        other.http.timeout = httpx2.Timeout(0.2)
        assert outcome(other, "k1") == "ReadTimeout"
        other.process.popen.terminate()
        assert other.process.wait(10) == 0
        assert other.process.complained() == ""
