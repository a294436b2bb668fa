"""The simulated Stripe, by Stripe's own SDK: each understands what the other sends."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from stripe.params import PaymentIntentCreateParams
from tests.processes import wait_until
from tests.simulator.simulating import Simulator
from tests.simulator.striping import KEY

CHARGE: PaymentIntentCreateParams = {
    "amount": 1234,
    "currency": "eur",
    "confirm": True,
    "off_session": True,
    "payment_method": "pm_card_visa",
    "payment_method_types": ["card"],
    "metadata": {"order": "7"},
    "transfer_group": "g1",
}
SECRET = "whsec_of_a_test"


@pytest.fixture
def client(simulator: Simulator) -> stripe.StripeClient:
    base: Any = {"api": simulator.urls["stripe"]}
    return stripe.StripeClient(KEY, base_addresses=base, max_network_retries=0)


@pytest.fixture
def told(simulator: Simulator) -> Iterator[list[tuple[str, bytes]]]:
    """What arrives at a webhook of Stripe's: signatures and bodies."""
    heard: list[tuple[str, bytes]] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((self.headers["stripe-signature"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        hook = {"url": f"http://127.0.0.1:{server.server_port}/", "secret": SECRET}
        simulator.http.put("/control/webhooks", json={"stripe": hook})
        yield heard
        simulator.http.put("/control/webhooks", json={})
        server.shutdown()
        thread.join()


def test_a_charge_with_all_that_hangs_on_it(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create(
        CHARGE | {"expand": ["latest_charge.balance_transaction"]}, {"idempotency_key": "k1"}
    )
    assert (made.status, made.metadata["order"]) == ("succeeded", "7")
    charge = made.latest_charge
    assert isinstance(charge, stripe.Charge)
    transaction = charge.balance_transaction
    assert isinstance(transaction, stripe.BalanceTransaction)
    assert (transaction.amount, transaction.fee, transaction.net) == (1234, 66, 1168)
    again = client.v1.payment_intents.create(
        CHARGE | {"expand": ["latest_charge.balance_transaction"]}, {"idempotency_key": "k1"}
    )
    assert again.id == made.id
    assert client.v1.payment_intents.retrieve(made.id).latest_charge == charge.id
    assert client.v1.charges.retrieve(charge.id).payment_intent == made.id


def test_a_decline_is_a_card_error(client: stripe.StripeClient) -> None:
    params = CHARGE | {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(params)
    error = caught.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error is not None
    assert error.error.decline_code == "insufficient_funds"
    assert error.error.payment_intent.status == "requires_payment_method"
    assert error.request_id is not None


def test_each_refusal_is_the_error_that_it_is_with_stripe(
    simulator: Simulator, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as invalid:
        client.v1.payment_intents.create(CHARGE | {"payment_method": "pm_none"})
    assert (invalid.value.code, invalid.value.param) == ("resource_missing", "payment_method")
    client.v1.payment_intents.create(CHARGE, {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create(CHARGE | {"amount": 99}, {"idempotency_key": "k1"})
    with pytest.raises(stripe.AuthenticationError):
        client.v1.payment_intents.create(CHARGE, {"api_key": "sk_test_other"})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.charges.retrieve("ch_none")
    assert missing.value.http_status == 404
    simulator.set(failure_rate=1)
    with pytest.raises(stripe.APIError):
        client.v1.payment_intents.create(CHARGE)
    simulator.set(rate_limit_per_s=1)
    client.v1.balance.retrieve()
    with pytest.raises(stripe.RateLimitError):
        client.v1.balance.retrieve()


def test_confirming_and_canceling(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "automatic_payment_methods": {"enabled": True}}
    )
    assert made.status == "requires_payment_method"
    paid = client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_mastercard"})
    assert paid.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.cancel(made.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    other = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert client.v1.payment_intents.cancel(other.id).status == "canceled"


def test_refunds_transfers_and_payouts(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create(CHARGE)
    refund = client.v1.refunds.create({"payment_intent": made.id, "amount": 34})
    assert (refund.status, client.v1.refunds.retrieve(refund.id).amount) == ("succeeded", 34)
    moved = client.v1.transfers.create(
        {"amount": 500, "currency": "eur", "destination": "acct_1", "transfer_group": "t1"}
    )
    assert [it.id for it in client.v1.transfers.list({"transfer_group": "t1"})] == [moved.id]
    reversal = client.v1.transfers.reversals.create(moved.id, {"amount": 100})
    assert reversal.transfer == moved.id
    paid = client.v1.payouts.create(
        {"amount": 400, "currency": "eur"}, {"stripe_account": "acct_1"}
    )
    account: Any = {"stripe_account": "acct_1"}
    assert client.v1.payouts.retrieve(paid.id, options=account).status == "paid"
    balance = client.v1.balance.retrieve(options=account)
    assert [(it.currency, it.amount) for it in balance.available] == [("eur", 0)]


def test_a_statement_is_read_page_by_page(client: stripe.StripeClient) -> None:
    made = [client.v1.payment_intents.create(CHARGE) for _ in range(5)]
    first = made[0].created
    page = client.v1.balance_transactions.list(
        {"created": {"gte": first}, "limit": 2, "expand": ["data.source"], "type": "charge"}
    )
    sources: list[Any] = [it.source for it in page.auto_paging_iter()]
    assert [it.payment_intent for it in sources] == [it.id for it in reversed(made)]
    assert sources[0].metadata["order"] == "7"
    charges = client.v1.charges.list({"transfer_group": "g1", "limit": 2})
    assert len(list(charges.auto_paging_iter())) == 5


def test_events_are_told_and_their_signature_is_good(
    client: stripe.StripeClient, told: list[tuple[str, bytes]]
) -> None:
    made = client.v1.payment_intents.create(CHARGE, {"idempotency_key": "k1"})
    client.v1.refunds.create({"payment_intent": made.id})
    client.v1.transfers.create({"amount": 500, "currency": "eur", "destination": "acct_1"})
    client.v1.payouts.create({"amount": 500, "currency": "eur"}, {"stripe_account": "acct_1"})
    wait_until(lambda: len(told) == 6, what="the events")
    events = [
        stripe.Webhook.construct_event(body, signature, SECRET)  # type: ignore[no-untyped-call]
        for signature, body in told
    ]
    assert {event.type for event in events} == {
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "transfer.created",
        "payout.paid",
    }
    (paid,) = [event for event in events if event.type == "payment_intent.succeeded"]
    assert (paid.data.object["id"], paid.data.object["status"]) == (made.id, "succeeded")
    assert paid.request.idempotency_key == "k1"
    (payout,) = [json.loads(body) for _, body in told if b"payout.paid" in body]
    assert (payout["account"], payout["data"]["object"]["status"]) == ("acct_1", "paid")
    listed = client.v1.events.list({"type": "payment_intent.succeeded"})
    assert [event.id for event in listed] == [paid.id]
