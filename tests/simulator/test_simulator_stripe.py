"""The simulated Stripe, over HTTP: what it takes, what it refuses, and that it does things once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.simulator.simulating import Simulator, simulating
from tests.simulator.striping import KEY, Stripe, error_of

from paywright.simulator.stripe.accounts import Account
from paywright.simulator.stripe.entries import Done, Transfer
from paywright.simulator.stripe.tokens import LATER

ORACLE = Path(__file__).parents[3] / "shared/testdata/01_stripe/openapi_fixtures3.json"


@pytest.fixture
def stripe(simulator: Simulator) -> Stripe:
    return Stripe(simulator)


def books(simulator: Simulator, kind: str, **page: Any) -> dict[str, Any]:
    return simulator.http.get("/control/books/stripe", params={"kind": kind, **page}).json()


def test_a_charge_succeeds_and_is_found(simulator: Simulator, stripe: Stripe) -> None:
    made = stripe.charge("k1", transfer_group="g1", **{"metadata[order]": "7"}).json()
    assert (made["status"], made["amount_received"], made["metadata"]) == (
        "succeeded",
        1000,
        {"order": "7"},
    )
    assert stripe.intent(made["id"]) == made
    (charge,) = stripe.listed("/charges", transfer_group="g1")
    assert (charge["id"], charge["payment_intent"]) == (made["latest_charge"], made["id"])
    assert stripe.ask("GET", f"/charges/{charge['id']}").json() == charge
    (entry,) = books(simulator, "charges")["entries"]
    assert (entry["status"], entry["idempotency_key"], entry["metadata"]["order"]) == (
        "succeeded",
        "k1",
        "7",
    )


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_visa_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
        ("pm_simulator_decline_do_not_honor", "card_declined", "do_not_honor"),
    ],
)
def test_some_cards_are_declined(
    simulator: Simulator, stripe: Stripe, method: str, code: str, decline_code: str
) -> None:
    answer = stripe.charge(payment_method=method)
    assert error_of(answer)[:3] == (402, "card_error", code)
    error = answer.json()["error"]
    assert error["decline_code"] == decline_code
    intent = error["payment_intent"]
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert intent["last_payment_error"]["decline_code"] == decline_code
    assert {"advice_code", "network_decline_code", "charge"} <= set(error)
    charge = stripe.only_charge()
    assert (charge["status"], charge["failure_code"]) == ("failed", code)
    assert charge["outcome"]["reason"] == decline_code
    assert stripe.listed("/balance_transactions") == []


def test_dice_decline_as_often_as_the_knob_says(simulator: Simulator, stripe: Stripe) -> None:
    simulator.set(decline_rate=1)
    assert stripe.charge().json()["error"]["decline_code"] == "generic_decline"


def test_a_customer_who_is_there_is_asked(stripe: Stripe) -> None:
    made = stripe.charge(payment_method="pm_card_authenticationRequired", off_session="false")
    assert (made.status_code, made.json()["status"]) == (200, "requires_action")
    assert made.json()["latest_charge"] is None


@pytest.mark.parametrize("size", [0, 49, 100_000_000])
def test_amounts_have_limits(simulator: Simulator, stripe: Stripe, size: int) -> None:
    assert error_of(stripe.charge(amount=size))[::3] == (400, "amount")
    assert books(simulator, "intents")["total"] == 0


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"payment_method": "pm_unknown"}, "resource_missing", "payment_method"),
        ({"payment_method": "visa"}, "resource_missing", "payment_method"),
        ({"payment_method": ""}, "payment_intent_unexpected_state", "payment_method"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": ""}, "parameter_missing", "amount"),
        ({"currency": "euro"}, "parameter_invalid", "currency"),
        ({"amonut": 7}, "parameter_unknown", "amonut"),
        ({"customer": "7"}, "resource_missing", "customer"),
        ({"expand[]": "client_secret"}, None, "expand"),
        ({"[x": 1}, None, "[x"),
        ({"capture_method": "manual"}, "parameter_invalid", "capture_method"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_kept(
    simulator: Simulator, stripe: Stripe, changes: dict[str, Any], code: str | None, param: str
) -> None:
    answer = stripe.charge("k1", **changes)
    assert error_of(answer) == (400, "invalid_request_error", code, param)
    assert books(simulator, "intents")["total"] == 0
    again = stripe.charge("k1")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (200, False)


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_chargeDeclined"])
def test_the_same_key_gets_the_same_bytes(
    simulator: Simulator, stripe: Stripe, method: str
) -> None:
    first = stripe.charge("k1", payment_method=method)
    if first.status_code == 200:
        stripe.refund(first.json()["id"])
    again = stripe.charge("k1", payment_method=method)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["request-id"] != first.headers["request-id"]
    assert books(simulator, "charges")["total"] == 1


def test_a_key_is_good_for_one_request_only(simulator: Simulator, stripe: Stripe) -> None:
    intent = stripe.charge("k1").json()["id"]
    other = stripe.charge("k1", amount=999)
    assert error_of(other)[:2] == (400, "idempotency_error")
    assert error_of(stripe.refund(intent, "k1"))[:2] == (400, "idempotency_error")
    assert books(simulator, "charges")["total"] == 1
    assert books(simulator, "refunds")["total"] == 0


def test_a_key_that_is_in_use_is_told_so(simulator: Simulator, stripe: Stripe) -> None:
    simulator.set(latency={"ms": 600})
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: stripe.charge("k1"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    told = {error_of(answer)[1:3] for answer in answers if answer.status_code == 409}
    assert told == {("idempotency_error", "idempotency_key_in_use")}
    assert books(simulator, "charges")["total"] == 1


def test_who_gave_up_waiting_finds_the_answer_under_the_key(
    simulator: Simulator, stripe: Stripe
) -> None:
    simulator.set(timeout_after_apply_rate=1)
    simulator.http.timeout = httpx2.Timeout(0.3)
    try:
        with pytest.raises(httpx2.ReadTimeout):
            stripe.charge("k1")
    finally:
        simulator.http.timeout = httpx2.Timeout(10)
    simulator.set()
    again = stripe.charge("k1")
    assert (again.json()["status"], again.headers["idempotent-replayed"]) == ("succeeded", "true")


def test_each_secret_key_has_books_of_its_own(simulator: Simulator, stripe: Stripe) -> None:
    backup = Stripe(simulator, KEY + "_backup")
    intent = stripe.charge("k1").json()["id"]
    assert backup.ask("GET", f"/payment_intents/{intent}").status_code == 404
    assert backup.charge("k1", amount=700).json()["amount"] == 700
    assert backup.ask("GET", "/charges").json()["data"][0]["amount"] == 700
    told = {it["api_key"]: it["charges"] for it in simulator.books()["stripe"]}
    assert told[KEY]["succeeded"] == {"eur": {"count": 1, "minor": 1000}}
    assert told[KEY + "_backup"]["succeeded"] == {"eur": {"count": 1, "minor": 700}}


@pytest.mark.parametrize("key", ["sk_live_1", "sk_test_other", "none"])
def test_without_a_good_key_nothing_is_told(simulator: Simulator, key: str) -> None:
    answer = Stripe(simulator, key).ask("GET", "/charges")
    assert error_of(answer)[:2] == (401, "invalid_request_error")
    assert "other" not in answer.text


def test_the_version_is_echoed(simulator: Simulator) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": "2026-10-28.endive"}
    answer = simulator.http.get("/stripe/v1/charges", headers=headers)
    assert answer.headers["stripe-version"] == "2026-10-28.endive"
    headers["Stripe-Version"] = "newest"
    assert simulator.http.get("/stripe/v1/charges", headers=headers).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "/disputes"), ("POST", "/charges")])
def test_a_path_that_leads_nowhere(stripe: Stripe, method: str, path: str) -> None:
    assert error_of(stripe.ask(method, path))[:2] == (404, "invalid_request_error")


def test_what_leads_nowhere_elsewhere_is_told_there(simulator: Simulator) -> None:
    answer = simulator.http.get("/bank/v1/accounts")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert simulator.http.put("/bank/v1/payments").status_code == 405


def test_a_key_is_forgotten_after_a_day() -> None:
    begun = datetime(2026, 11, 21, 12, tzinfo=UTC)
    account = Account()
    transfer = Transfer(
        id="tr_sim1",
        created_at=begun,
        idempotency_key="k1",
        amount=100,
        currency="eur",
        description=None,
        destination="acct_1",
        metadata={},
        source_transaction=None,
        transfer_group=None,
    )
    account.keep(
        Done(
            at=begun,
            api_key=KEY,
            connected="",
            request_id="req_1",
            idempotency_key="k1",
            path="/stripe/v1/transfers",
            fingerprint="f",
            status=200,
            shown=transfer.id,
            expand=(),
            entries=(transfer,),
        )
    )
    day = timedelta(hours=24)
    assert account.kept("k1", begun + day - timedelta(seconds=1)) is not None
    assert account.kept("k1", begun + day) is None


def test_what_is_not_confirmed_waits_and_can_be_canceled(stripe: Stripe) -> None:
    made = stripe.charge(confirm="false", off_session="false", payment_method="").json()
    path = f"/payment_intents/{made['id']}"
    assert made["status"] == "requires_payment_method"
    declined = stripe.ask("POST", path + "/confirm", payment_method="pm_card_chargeDeclined")
    assert declined.status_code == 402
    paid = stripe.ask("POST", path + "/confirm", payment_method="pm_card_visa").json()
    assert paid["status"] == "succeeded"
    assert [it["status"] for it in stripe.listed("/charges")] == ["succeeded", "failed"]
    late = stripe.ask("POST", path + "/cancel")
    assert error_of(late)[2] == "payment_intent_unexpected_state"
    other = stripe.charge(confirm="false", off_session="false").json()
    assert other["status"] == "requires_confirmation"
    canceled = stripe.ask("POST", f"/payment_intents/{other['id']}/cancel").json()
    assert canceled["status"] == "canceled"


@pytest.mark.parametrize(
    ("method", "finally_"),
    [
        ("pm_simulator_processing", "succeeded"),
        ("pm_simulator_processing_fails", "requires_payment_method"),
    ],
)
def test_some_charges_take_their_time(
    simulator: Simulator, stripe: Stripe, method: str, finally_: str
) -> None:
    simulator.set(settle_after_ms=250)
    made = stripe.charge("k1", payment_method=method)
    assert (made.status_code, made.json()["status"]) == (200, "processing")
    assert stripe.only_charge()["status"] == "pending"
    assert stripe.listed("/events") == []
    time.sleep(0.3)
    assert stripe.intent(made.json()["id"])["status"] == finally_
    assert len(stripe.listed("/events")) == 2
    assert stripe.charge("k1", payment_method=method).content == made.content


def test_refunds_up_to_what_was_charged(simulator: Simulator, stripe: Stripe) -> None:
    intent = stripe.charge().json()["id"]
    assert stripe.refund(intent, amount=300).json()["status"] == "succeeded"
    assert error_of(stripe.refund(intent, amount=701)) == (
        400,
        "invalid_request_error",
        None,
        "amount",
    )
    assert stripe.refund(intent).json()["amount"] == 700
    charge = stripe.only_charge()
    assert (charge["amount_refunded"], charge["refunded"]) == (1000, True)
    assert error_of(stripe.refund(intent))[2] == "charge_already_refunded"
    assert len(stripe.listed("/refunds", payment_intent=intent)) == 2
    assert len(stripe.listed("/refunds", charge=charge["id"], limit=1)) == 1
    failed = stripe.charge(payment_method="pm_card_chargeDeclined").json()["error"]
    assert stripe.refund(failed["payment_intent"]["id"]).status_code == 400
    assert error_of(stripe.refund("pi_none"))[::2] == (400, "resource_missing")


def test_a_refund_may_be_pending_or_fail(simulator: Simulator, stripe: Stripe) -> None:
    simulator.set(settle_after_ms=250)
    intent = stripe.charge().json()["id"]
    pending = stripe.refund(intent, amount=177).json()
    failing = stripe.refund(intent, amount=178).json()
    assert (pending["status"], failing["status"]) == ("pending", "pending")
    time.sleep(0.3)
    assert stripe.ask("GET", f"/refunds/{pending['id']}").json()["status"] == "succeeded"
    failed = stripe.ask("GET", f"/refunds/{failing['id']}").json()
    assert (failed["status"], bool(failed["failure_reason"])) == ("failed", True)
    assert stripe.only_charge()["amount_refunded"] == 177
    types = [it["type"] for it in stripe.listed("/balance_transactions")]
    assert sorted(types) == ["charge", "refund", "refund", "refund_failure"]
    assert stripe.refund(intent).json()["amount"] == 823


def test_money_goes_to_a_connected_account_and_on_to_its_bank(
    simulator: Simulator, stripe: Stripe
) -> None:
    moved = stripe.transfer("k1", transfer_group="g1").json()
    assert stripe.listed("/transfers", transfer_group="g1") == [moved]
    assert stripe.listed("/transfers", destination="acct_2") == []
    paying = {"amount": 400, "currency": "eur", "account": "acct_1"}
    paid = stripe.ask("POST", "/payouts", key="k2", **paying).json()
    assert paid["status"] == "pending"
    time.sleep(0.01)
    (listed,) = stripe.listed("/payouts", account="acct_1")
    assert (listed["id"], listed["status"]) == (paid["id"], "paid")
    assert stripe.listed("/payouts") == []
    assert stripe.ask("GET", "/balance", account="acct_1").json()["available"][0]["amount"] == 600
    more = stripe.ask("POST", "/payouts", **(paying | {"amount": 601}))
    assert error_of(more)[2] == "balance_insufficient"
    assert books(simulator, "payouts", account="acct_1")["total"] == 1


def test_a_transfer_is_taken_back_once(stripe: Stripe) -> None:
    path = f"/transfers/{stripe.transfer().json()['id']}"
    assert stripe.ask("POST", path + "/reversals", amount=400).json()["amount"] == 400
    assert error_of(stripe.ask("POST", path + "/reversals", amount=601))[3] == "amount"
    assert stripe.ask("POST", path + "/reversals").json()["amount"] == 600
    assert stripe.ask("POST", path + "/reversals").status_code == 400
    taken = stripe.ask("GET", path).json()
    assert (taken["reversed"], taken["amount_reversed"]) == (True, 1000)
    assert stripe.ask("GET", "/balance", account="acct_1").json()["available"][0]["amount"] == 0


def test_a_payout_of_a_closed_account_comes_back(simulator: Simulator, stripe: Stripe) -> None:
    stripe.transfer(destination="acct_simulator_closed")
    paying = {"amount": 1000, "currency": "eur", "account": "acct_simulator_closed"}
    paid = stripe.ask("POST", "/payouts", **paying).json()
    time.sleep(0.01)
    path = f"/payouts/{paid['id']}"
    failed = stripe.ask("GET", path, account="acct_simulator_closed").json()
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    balance = stripe.ask("GET", "/balance", account="acct_simulator_closed").json()
    assert balance["available"][0]["amount"] == 1000
    missing = stripe.transfer(destination="acct_simulator_missing")
    assert error_of(missing)[2:] == ("resource_missing", "destination")


def test_fees_are_kept_when_a_charge_is_refunded(stripe: Stripe) -> None:
    intent = stripe.charge(amount=10_000).json()["id"]
    stripe.refund(intent)
    back, made = stripe.listed("/balance_transactions", **{"expand[]": "data.source"})
    assert (made["amount"], made["fee"], made["net"]) == (10_000, 320, 9_680)
    assert (back["amount"], back["fee"], back["source"]["object"]) == (-10_000, 0, "refund")
    (only,) = stripe.listed("/balance_transactions", type="charge")
    assert only["id"] == made["id"]


def test_pages_hold_everything_once(stripe: Stripe) -> None:
    made = [stripe.charge(transfer_group=f"g{n % 2}").json()["id"] for n in range(7)]
    first = stripe.ask("GET", "/payment_intents", limit=3).json()
    assert (first["has_more"], [it["id"] for it in first["data"]]) == (True, made[:3:-1])
    rest = stripe.ask("GET", "/payment_intents", starting_after=made[4]).json()
    assert (rest["has_more"], [it["id"] for it in rest["data"]]) == (False, made[3::-1])
    before = stripe.listed("/payment_intents", ending_before=made[3], limit=2)
    assert [it["id"] for it in before] == [made[5], made[4]]
    assert len(stripe.listed("/charges", transfer_group="g1")) == 3
    at = stripe.intent(made[0])["created"]
    assert stripe.listed("/payment_intents", **{"created[lt]": at}) == []
    assert len(stripe.listed("/payment_intents", **{"created[gte]": at})) == 7
    assert stripe.listed("/payment_intents", **{"created[gt]": at + 3600}) == []
    assert error_of(stripe.ask("GET", "/payment_intents", limit=101))[3] == "limit"
    assert stripe.ask("GET", "/payment_intents", starting_after="pi_none").status_code == 400


def test_the_books_come_in_pages(simulator: Simulator, stripe: Stripe) -> None:
    made = [stripe.charge().json()["id"] for _ in range(5)]
    page = books(simulator, "intents", after=1, limit=2)
    assert (page["total"], [it["id"] for it in page["entries"]]) == (5, made[1:3])
    assert simulator.http.get("/control/books/stripe?kind=people").status_code == 400
    nobody = {"Authorization": "Bearer wrong"}
    path = "/control/books/stripe?kind=charges"
    assert simulator.http.get(path, headers=nobody).status_code == 401


def test_the_books_of_stripe_survive_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    with simulating(tmp_path, "--books", str(file)) as before:
        stripe = Stripe(before)
        paid = stripe.charge("k1")
        declined = stripe.charge("k2", payment_method="pm_card_chargeDeclined")
        stripe.refund(paid.json()["id"], "k3", amount=100)
        moved = stripe.transfer("k4")
        kept = (before.books()["stripe"], books(before, "charges"), stripe.listed("/events"))
        before.process.kill()
    with file.open("ab") as half_a_line:
        half_a_line.write(b'{"kind":"stripe","at":"20')
    with simulating(tmp_path, "--books", str(file)) as after:
        stripe = Stripe(after)
        told = (after.books()["stripe"], books(after, "charges"), stripe.listed("/events"))
        assert told == kept
        assert stripe.charge("k1").content == paid.content
        assert stripe.charge("k2", payment_method="pm_card_chargeDeclined").content == (
            declined.content
        )
        assert stripe.transfer("k4").content == moved.content
        assert stripe.charge("k5").json()["id"] == "pi_sim0000000003"
        after.reset()
        assert after.books()["stripe"] == []


@pytest.mark.skipif(not ORACLE.exists(), reason="no example objects of Stripe here")
def test_objects_have_the_shape_of_stripes(simulator: Simulator, stripe: Stripe) -> None:
    simulator.set(settle_after_ms=1)
    intent = stripe.charge().json()
    stripe.refund(intent["id"], amount=100)
    moved = stripe.transfer().json()
    reversal = stripe.ask("POST", f"/transfers/{moved['id']}/reversals", amount=1).json()
    paying = {"amount": 100, "currency": "eur", "account": "acct_1"}
    payout = stripe.ask("POST", "/payouts", **paying).json()
    ours = {
        "payment_intent": intent,
        "charge": stripe.only_charge(),
        "refund": stripe.listed("/refunds")[0],
        "transfer": stripe.ask("GET", f"/transfers/{moved['id']}").json(),
        "transfer_reversal": reversal,
        "payout": payout,
        "balance": stripe.ask("GET", "/balance").json(),
        "balance_transaction": stripe.listed("/balance_transactions")[0],
        "event": stripe.listed("/events")[0],
    }
    theirs = json.loads(ORACLE.read_text())["resources"]
    for name, body in ours.items():
        assert body["object"] == name
        assert set(body) <= set(theirs[name]), name
        for field, value in body.items():
            model = theirs[name][field]
            if value is not None and model is not None:
                assert type(value) is type(model), f"{name}.{field}"


def test_what_waits_waits_for_as_long_as_it_says(stripe: Stripe) -> None:
    made = stripe.charge(payment_method="pm_simulator_processing").json()
    assert made["status"] == "processing"
    time.sleep(LATER.total_seconds() + 0.05)
    assert stripe.intent(made["id"])["status"] == "succeeded"
