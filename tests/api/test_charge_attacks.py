"""Charges and refunds, asked for by somebody who means harm or is careless: what is refused is
refused before any provider is asked, and what is secret is told nobody."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import httpx2
import pytest
from tests.api.test_charge_routes import CHARGES, Shop
from tests.builders import TEST_KEY
from tests.ledger.building import a_post, moved, opened
from tests.simulator.simulating import IBAN, TOKEN, Simulator

from paywright.core.ids import PaymentId
from paywright.ledger import accounts_store
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.telemetry import logs
from paywright.wiring import App

Client = httpx2.AsyncClient
STRIPE_KEY = "sk_test_simulator_of_charge_attacks"
WEBHOOK_SECRET = "whsec_a_secret_that_nobody_is_told"
LARGEST = 99_999_999  # that Stripe takes, in cents


@pytest.fixture
def settings(simulator: Simulator) -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        stripe_api_key=STRIPE_KEY,
        stripe_api_base=simulator.urls["stripe"],
        stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_timeout_ms=5_000,
        partner_bank_url=simulator.urls["bank"],
        partner_bank_token=TOKEN,
        payment_max_retries=0,
    )


class Stall(Shop):
    """The same shop, under a key of its own at Stripe."""

    def body(self) -> dict[str, Any]:
        return {
            "customer_id": "cust_042",
            "amount_minor": 5_000,
            "currency": "EUR",
            "payment_method": "pm_card_visa",
            "credit_account_id": str(self.account.id),
        }

    def done(self, kind: str) -> list[dict[str, Any]]:
        query = {"kind": kind, "api_key": STRIPE_KEY}
        page = self.simulator.http.get("/control/books/stripe", params=query).json()
        return [it for it in page["entries"] if it["status"] == "succeeded"]


@pytest.fixture
async def shop(app: App, api: Client, simulator: Simulator) -> AsyncIterator[Stall]:
    yield Stall(app, api, await opened(app.db, owner="cust_217"), simulator)
    report = await verify(app.db, at=datetime.now(UTC))
    assert report.is_sound, [check for check in report.checks if check.broken]


async def test_nobody_sets_what_is_ours_to_set(shop: Stall) -> None:
    for extra in (
        {"id": "pay_1"}, {"provider": "stripe_backup"}, {"provider_reference": "pi_1"},
        {"debit_account_id": "acc_1"}, {"refunded_minor": 1}, {"created_at": "2020-01-01"},
        {"settled_at": None}, {"failure_code": "x"}, {"kind": "refund"}, {"request_key": "k"},
        {"type": "charge"}, {"__class__": "x"}, {"Amount_minor": 1}, {"metadata": {}},
        {"status": "succeeded"},
    ):  # fmt: skip
        answer = await shop.api.post(
            CHARGES, json=shop.body() | extra, headers={"Idempotency-Key": "mass"}
        )
        assert answer.status_code == 422, answer.text
        refund = await shop.refund("pay_00000000000000000000000000", **extra)
        assert refund.status_code == 422, refund.text
        for told in (answer, refund):
            assert [it["field"] for it in told.json()["errors"]] == [next(iter(extra))]
    assert not shop.done("charges")


async def test_a_description_is_only_text(shop: Stall) -> None:
    for number, text in enumerate(
        ("Größe 🧾 ½ \u202e\u200b", "'; drop table payments; --", "a\tb\r\nc\x1b[31m\x7f", "\ufffe",
         "&amount=1&metadata[paywright_id]=pay_1", "x" * 200)
    ):  # fmt: skip
        told = await shop.charged(f"charge-{number}", description=text)
        assert told["description"] == text
        assert (await shop.api.get(f"{CHARGES}/{told['id']}")).json()["description"] == text
        refunded = await shop.refund(told["id"], f"refund-{number}", reason=text)
        assert (refunded.status_code, refunded.json()["reason"]) == (201, text)
        assert shop.done("intents")[-1]["amount"] == 5_000
    assert (len(shop.done("charges")), len(shop.done("refunds"))) == (6, 6)


async def test_texts_that_are_none_are_refused(shop: Stall) -> None:
    for field in ("description", "payment_method", "reference", "customer_id"):
        for text in ("x" * 10_000, "", "a\x00b", "pm_x\n"):
            if (field, text) == ("description", "pm_x\n"):
                continue
            answer = await shop.charge(**{field: text})
            assert answer.status_code == 422, answer.text
            assert [it["field"] for it in answer.json()["errors"]] == [field]
    assert not shop.done("charges")


async def test_bodies_that_are_none_are_refused(shop: Stall) -> None:
    for raw in (b'{"customer_id": "\\ud800"}', b"\xff", b"[]", b"null", b"", b"[" * 100_000):
        answer = await shop.api.post(CHARGES, content=raw, headers={"Idempotency-Key": "raw"})
        assert answer.status_code in (400, 422), (raw[:20], answer.status_code)
    assert not shop.done("charges")


async def test_a_card_number_is_not_taken_in_any_disguise(shop: Stall) -> None:
    for method in (
        "4242424242424242", "pm_4242424242424242", "pm_4242_4242_4242_4242", "x378282246310005",
        "card_5555555555554444_end", "pm_5_5_5_5_5_5_5_5_5_5_5_5_4_4_4_4", "a6304000000000000b",
        "pm_4242 4242 4242 4242", "pm_4242-4242-4242-4242", "pm_" + "\uff14\uff12" * 8,
    ):  # fmt: skip
        answer = await shop.charge(payment_method=method)
        assert answer.status_code == 422, answer.text
        assert [it["field"] for it in answer.json()["errors"]] == ["payment_method"]
        assert method not in answer.text
    fetchval = shop.app.db.pool.fetchval
    assert await fetchval("select count(*) from payments where payment_method is not null") == 0
    assert await fetchval("select count(*) from idempotency_keys") == 0
    assert not shop.done("charges")


async def _samples(shop: Stall) -> list[Any]:
    """Charges that came with the samples, from elsewhere."""
    return await shop.app.db.pool.fetch(
        "select id, reference from payments where kind = 'charge' and payment_method is null"
    )


async def test_an_amount_that_no_provider_takes_is_declined_and_leaves_nothing(
    shop: Stall,
) -> None:
    for amount in (LARGEST + 1, 10**12, 2**62, 2**63 - 1):
        answer = await shop.charge(f"huge-{amount}", amount_minor=amount)
        assert (answer.status_code, answer.json()["failure_code"]) == (422, "amount_too_large")
    assert await shop.balances() == (0, 0)
    assert await shop.owed() == 0


async def test_refunds_of_no_amount_are_refused(shop: Stall) -> None:
    charge_id = (await shop.charged())["id"]
    for amount in (0, -1, -(2**63), 2**63 - 1, 2**63, 1.5, "5", True, 10**40):
        answer = await shop.refund(charge_id, amount_minor=amount)
        assert answer.status_code == 422, answer.text
    assert await shop.balances() == (5_000, 5_000)


async def test_only_a_charge_of_ours_that_succeeded_is_refunded(shop: Stall) -> None:
    async with shop.app.db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, ["bank:partner_bank:EUR"])
        (clearing,) = (await accounts_store.select(tx, list(ids.values()))).values()
    payer, payee = [await opened(shop.app.db, owner="paywright") for _ in range(2)]
    await moved(shop.app.db, a_post(clearing, payer, 100_000))
    move = {"debit_account_id": str(payer.id), "amount_minor": 4_000, "currency": "EUR"}
    inside = move | {"credit_account_id": str(payee.id)}
    outside = move | {"beneficiary": {"name": "Nordlicht Bau GmbH", "iban": IBAN}}
    not_charges = [str(PaymentId.of(row["id"])) for row in (await _samples(shop))[:2]]
    for key, body in (("inside", inside), ("outside", outside)):
        made = await shop.api.post("/api/v1/transfers", json=body, headers={"Idempotency-Key": key})
        assert made.status_code in (201, 202), made.text
        not_charges.append(made.json()["id"])
    await shop.turn(not_charges[-1], 0)
    for payment_id in (*not_charges, "pay_00000000000000000000000000"):
        refused = await shop.refund(payment_id)
        assert refused.status_code == 404, (payment_id, refused.text)
        assert (await shop.api.get(f"{CHARGES}/{payment_id}/refunds")).status_code == 404
    for text in ("trf_1", "nothing", "pay_", not_charges[0] + "0", not_charges[0] + "%00"):
        assert (await shop.refund(text)).status_code in (400, 404, 422), text
    declined = await shop.charge("declined", payment_method="pm_card_chargeDeclined")
    pending = await shop.charge("pending", payment_method="pm_simulator_processing")
    assert (declined.status_code, pending.status_code) == (422, 202)
    for payment_id in (declined.json()["payment_id"], pending.json()["id"]):
        refused = await shop.refund(payment_id)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
            409,
            "not-refundable",
        )
    assert not shop.done("refunds")


async def test_a_key_belongs_to_the_kind_and_the_body_that_it_was_first_used_with(
    shop: Stall,
) -> None:
    one, other = [(await shop.charged(key))["id"] for key in ("key-1", "key-2")]
    assert (await shop.refund(one, "key-1", amount_minor=100)).status_code == 201
    for charge_id, body in (
        (other, {"amount_minor": 100}),
        (one, {"amount_minor": 101}),
        (one, {}),
    ):
        reused = await shop.refund(charge_id, "key-1", **body)
        assert reused.status_code == 422, reused.text
        assert reused.json()["type"].endswith("key-reused")
    assert sum(it["amount"] for it in shop.done("refunds")) == 100


async def test_one_key_for_two_charges_in_one_batch_makes_the_first(shop: Stall) -> None:
    amounts = [5_000 + i % 2 for i in range(20)]
    answers = await asyncio.gather(*(shop.charge("same", amount_minor=it) for it in amounts))
    made = {it.json()["amount_minor"] for it in answers if it.status_code in (201, 202)}
    assert len(made) == 1
    refused = [it for it in answers if it.status_code == 422]
    assert {it.json()["type"].rpartition("/")[2] for it in refused} == {"key-reused"}
    assert (len(refused), len(shop.done("charges"))) == (10, 1)


async def test_fifty_refunds_at_once_give_back_what_was_charged_and_no_more(shop: Stall) -> None:
    charge_id = (await shop.charged())["id"]
    answers = await asyncio.gather(
        *(shop.refund(charge_id, f"refund-{i}", amount_minor=300) for i in range(50))
    )
    statuses = sorted(it.status_code for it in answers)
    assert statuses == [201] * 16 + [422] * 34, statuses
    assert await shop.balances() == (200, 200)
    assert (len(shop.done("refunds")), sum(it["amount"] for it in shop.done("refunds"))) == (
        16,
        4_800,
    )
    assert (await shop.refund(charge_id, "rest")).json()["amount_minor"] == 200


async def test_what_is_secret_stands_in_no_log_event_or_problem(
    shop: Stall, simulator: Simulator
) -> None:
    stream = StringIO()
    logs.configure_logging("debug", service="test", stream=stream, json=True)
    try:
        answers = await _trouble(shop, simulator)
    finally:
        logs.configure_logging("warning", service="test")
        logging.captureWarnings(False)
    rows = await shop.app.db.pool.fetch("select to_jsonb(events)::text as text from events")
    told = "\n".join(row["text"] for row in rows)
    secrets = [STRIPE_KEY, WEBHOOK_SECRET, TOKEN + '"', "Nordlicht", IBAN, "A secret order"]
    methods = ["pm_card_visa", "pm_card_chargeDeclined", "pm_of_nobody"]
    problems = [it.text for it in answers if it.status_code >= 400]
    assert problems
    assert "gateway.refused" in stream.getvalue() or '"status":422' in stream.getvalue()
    for what, text in (("log", stream.getvalue()), ("events", told), ("problems", str(problems))):
        for secret in (*secrets, *methods):
            assert secret not in text, (what, secret)


async def _trouble(shop: Stall, simulator: Simulator) -> list[httpx2.Response]:
    """Charges, refunds and payouts that end in every way there is."""
    answers = []
    faults: list[dict[str, Any]] = [{}, {"failure_rate": 1}, {"garbage_rate": 1}, {"drop_rate": 1}]
    for number, fault in enumerate(faults):
        simulator.set(**fault)
        for method in ("pm_card_visa", "pm_card_chargeDeclined", "pm_of_nobody"):
            key = f"{method}-{number}"
            made = await shop.charge(key, payment_method=method, description="A secret order")
            answers.append(made)
        answers.append(await shop.charge("pm_card_visa-0", payment_method="pm_card_mastercard"))
        answers.append(await shop.refund(answers[0].json()["id"], f"back-{number}", reason="IBAN"))
        body = {
            "debit_account_id": str(shop.account.id),
            "beneficiary": {"name": "Nordlicht Bau GmbH", "iban": IBAN},
            "amount_minor": 100,
            "currency": "EUR",
        }
        headers = {"Idempotency-Key": f"payout-{number}"}
        answers.append(await shop.api.post("/api/v1/transfers", json=body, headers=headers))
        if answers[-1].status_code == 202:
            await shop.turn(answers[-1].json()["id"], 0)
    return answers
