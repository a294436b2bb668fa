"""Charges and refunds over HTTP, by a provider that is a process of its own and keeps its own
books: charged once and given back once, whatever becomes of the answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY
from tests.ledger.building import opened
from tests.simulator.simulating import Simulator

from paywright.cli import prepare
from paywright.core.ids import PaymentId, RefundId
from paywright.identity.permissions import Role
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountKind, AccountStatus
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
CHARGES = "/api/v1/charges"


@pytest.fixture
def settings(simulator: Simulator) -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        stripe_api_key="sk_test_simulator",
        stripe_api_base=simulator.urls["stripe"],
        stripe_timeout_ms=700,
        payment_max_retries=0,
        circuit_breaker_failure_threshold=3,
        circuit_breaker_cooldown_ms=500,
        circuit_breaker_probes=1,
    )


class Shop:
    """A merchant whose customers pay by card."""

    def __init__(self, app: App, api: Client, account: Account, simulator: Simulator) -> None:
        self.app, self.api, self.account, self.simulator = app, api, account, simulator

    async def charge(self, key: str = "charge-1", **changes: Any) -> httpx2.Response:
        body = {
            "customer_id": "cust_042",
            "amount_minor": 5_000,
            "currency": "EUR",
            "payment_method": "pm_card_visa",
            "credit_account_id": str(self.account.id),
        }
        body = {k: v for k, v in (body | changes).items() if v is not None}
        return await self.api.post(CHARGES, json=body, headers={"Idempotency-Key": key})

    async def charged(self, key: str = "charge-1", **changes: Any) -> dict[str, Any]:
        answer = await self.charge(key, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def refund(self, charge_id: str, key: str = "refund-1", **body: Any) -> httpx2.Response:
        path = f"{CHARGES}/{charge_id}/refunds"
        return await self.api.post(path, json=body, headers={"Idempotency-Key": key})

    async def turn(self, text: str, turn: int = 1) -> None:
        kind = RefundId if text.startswith("rfd_") else PaymentId
        await self.app.settling.settle(prepare.system_cause(), kind.parse(text), turn=turn)

    async def balances(self) -> tuple[int, int]:
        async with self.app.db.snapshot() as tx:
            found = (await accounts_store.select(tx, [self.account.id]))[self.account.id]
        return found.balances().balance, found.balances().available

    async def owed(self) -> int:
        """What the provider owes us, as our books say."""
        code = "provider:stripe:receivable:EUR"
        async with self.app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [code])
            found = await accounts_store.select(tx, list(ids.values()))
        return found[ids[code]].balances().balance

    def done(self, kind: str) -> list[dict[str, Any]]:
        """What the provider really did."""
        page = self.simulator.http.get("/control/books/stripe", params={"kind": kind}).json()
        return [it for it in page["entries"] if it["status"] == "succeeded"]


@pytest.fixture
async def shop(app: App, api: Client, simulator: Simulator) -> AsyncIterator[Shop]:
    yield Shop(app, api, await opened(app.db, owner="cust_217"), simulator)
    report = await verify(app.db, at=datetime.now(UTC))
    assert report.is_sound, [check for check in report.checks if check.broken]


async def test_a_charge_is_made_and_booked(shop: Shop) -> None:
    told = await shop.charged(description="An order", reference="order-1")
    assert (told["type"], told["status"], told["amount_minor"]) == ("charge", "succeeded", 5_000)
    assert told["provider"] == "stripe"
    assert told["provider_reference"].startswith("pi_")
    assert await shop.balances() == (5_000, 5_000)
    assert await shop.owed() == 5_000
    assert len(shop.done("charges")) == 1
    found = (await shop.api.get(f"{CHARGES}/{told['id']}")).json()
    assert found == told
    listed = (await shop.api.get(CHARGES, params={"customer_id": "cust_042"})).json()
    assert [it["id"] for it in listed["items"]] == [told["id"]]


async def test_the_same_request_again_charges_nothing_and_is_told_the_same(shop: Shop) -> None:
    first = await shop.charge()
    again = await shop.charge()
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await shop.charge(amount_minor=5_001)
    assert other.json()["fields"] == ["amount_minor"]
    assert len(shop.done("charges")) == 1


async def test_many_at_once_under_one_key_charge_once(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.charge() for _ in range(8)))
    assert {it.status_code for it in answers} <= {201, 202}
    assert len({it.json()["id"] for it in answers}) == 1
    assert len(shop.done("charges")) == 1
    assert await shop.balances() == (5_000, 5_000)


async def test_a_decline_is_told_in_the_providers_word_and_stays_so(shop: Shop) -> None:
    answer = await shop.charge(payment_method="pm_simulator_decline_insufficient_funds")
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"].endswith("charge-declined")
    assert told["failure_code"] == "insufficient_funds"
    found = (await shop.api.get(f"{CHARGES}/{told['payment_id']}")).json()
    assert (found["status"], found["failure_code"]) == ("failed", "insufficient_funds")
    again = await shop.charge(payment_method="pm_simulator_decline_insufficient_funds")
    assert again.content == answer.content
    assert await shop.balances() == (0, 0)
    attempts = await shop.app.db.pool.fetchval("select count(*) from provider_attempts")
    assert attempts == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"timeout_after_apply_rate": 1},
        {"timeout_after_apply_rate": 1, "lost_answer": "close"},
        {"error_after_apply_rate": 1},
        {"garbage_rate": 1},
        {"drop_rate": 1},
        {"failure_rate": 1},
    ],
    ids="-".join,
)
async def test_a_lost_answer_is_found_out_and_charges_once(
    shop: Shop, simulator: Simulator, fault: dict[str, Any]
) -> None:
    simulator.set(**fault)
    answer = await shop.charge()
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "unknown"
    assert await shop.balances() == (0, 0)
    simulator.set()
    charge_id = answer.json()["id"]
    await shop.turn(charge_id)
    assert (await shop.api.get(f"{CHARGES}/{charge_id}")).json()["status"] == "succeeded"
    assert len(shop.done("charges")) == 1
    assert await shop.balances() == (5_000, 5_000)
    again = await shop.charge()
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")


async def test_a_refund_holds_the_money_and_gives_it_back(shop: Shop) -> None:
    charge_id = (await shop.charged())["id"]
    answer = await shop.refund(charge_id, amount_minor=2_000, reason="one item")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["type"], told["status"], told["charge_id"]) == ("refund", "succeeded", charge_id)
    assert await shop.balances() == (3_000, 3_000)
    assert await shop.owed() == 3_000
    found = (await shop.api.get(f"{CHARGES}/{charge_id}")).json()
    assert (found["status"], found["refunded_minor"]) == ("partially_refunded", 2_000)
    rest = await shop.refund(charge_id, "refund-2")
    assert (rest.status_code, rest.json()["amount_minor"]) == (201, 3_000)
    assert (await shop.api.get(f"{CHARGES}/{charge_id}")).json()["status"] == "refunded"
    listed = (await shop.api.get(f"{CHARGES}/{charge_id}/refunds")).json()["items"]
    assert [it["amount_minor"] for it in listed] == [2_000, 3_000]
    assert (await shop.api.get(f"/api/v1/refunds/{told['id']}")).json() == told
    assert (await shop.refund(charge_id, "refund-3")).status_code == 409
    assert len(shop.done("refunds")) == 2


async def test_refunds_at_once_never_give_back_more_than_was_charged(shop: Shop) -> None:
    charge_id = (await shop.charged())["id"]
    answers = await asyncio.gather(
        *(shop.refund(charge_id, f"refund-{i}", amount_minor=2_000) for i in range(5))
    )
    assert sorted(it.status_code for it in answers) == [201, 201, 422, 422, 422]
    assert {it.json()["type"].rpartition("/")[2] for it in answers if it.status_code == 422} == {
        "refund-too-large"
    }
    assert await shop.balances() == (1_000, 1_000)
    assert sum(it["amount"] for it in shop.done("refunds")) == 4_000


async def test_a_lost_refund_keeps_the_money_on_hold_until_it_is_found_out(
    shop: Shop, simulator: Simulator
) -> None:
    charge_id = (await shop.charged())["id"]
    simulator.set(error_after_apply_rate=1)
    answer = await shop.refund(charge_id)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert await shop.balances() == (5_000, 0)
    assert (await shop.refund(charge_id, "refund-2")).status_code == 422  # nothing is left
    simulator.set()
    await shop.turn(answer.json()["id"])
    assert await shop.balances() == (0, 0)
    assert len(shop.done("refunds")) == 1
    assert (await shop.api.get(f"{CHARGES}/{charge_id}")).json()["status"] == "refunded"
    assert (await shop.refund(charge_id)).json()["status"] == "succeeded"


async def test_money_that_was_spent_meanwhile_cannot_be_given_back(shop: Shop) -> None:
    charge_id = (await shop.charged())["id"]
    other = await opened(shop.app.db, owner="cust_217")
    moved = await shop.api.post(
        "/api/v1/transfers",
        json={
            "debit_account_id": str(shop.account.id),
            "credit_account_id": str(other.id),
            "amount_minor": 4_000,
            "currency": "EUR",
        },
        headers={"Idempotency-Key": "spent"},
    )
    assert moved.status_code == 201, moved.text
    refused = await shop.refund(charge_id)
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("insufficient-funds")
    assert not shop.done("refunds")
    assert (await shop.refund(charge_id, amount_minor=1_000)).status_code == 201  # the key was free


async def test_what_cannot_be_charged_is_refused_before_anybody_is_asked(shop: Shop) -> None:
    asset = await opened(shop.app.db, owner="paywright", kind=AccountKind.ASSET)
    frozen = await opened(shop.app.db, owner="cust_217")
    async with shop.app.db.transaction() as tx:
        await accounts_store.set_status(tx, frozen.id, AccountStatus.FROZEN)
    await shop.charged("first", reference="order-1")
    for changes, field in (
        ({"customer_id": "nobody"}, "customer_id"),
        ({"credit_account_id": "acc_00000000000000000000000000"}, "credit_account_id"),
        ({"credit_account_id": str(asset.id)}, "credit_account_id"),
        ({"credit_account_id": str(frozen.id)}, "credit_account_id"),
        ({"credit_account_id": "pay_1"}, "credit_account_id"),
        ({"currency": "USD"}, "credit_account_id"),
        ({"currency": "AAA"}, "currency"),
        ({"amount_minor": 0}, "amount_minor"),
        ({"amount_minor": -5}, "amount_minor"),
        ({"amount_minor": 12.5}, "amount_minor"),
        ({"amount_minor": 2**63}, "amount_minor"),
        ({"payment_method": "4242424242424242"}, "payment_method"),
        ({"payment_method": ""}, "payment_method"),
        ({"reference": "order-1"}, "reference"),
        ({"status": "succeeded"}, "status"),
    ):
        refused = await shop.charge("bad", **changes)
        assert refused.status_code in (400, 409, 422), (changes, refused.text)
        assert [it["field"] for it in refused.json()["errors"]] == [field], refused.text
    assert len(shop.done("charges")) == 1
    assert (await shop.charge("bad")).status_code == 201  # the key was free all the time


async def test_while_the_breaker_is_open_nobody_is_asked_and_the_key_stays_free(
    shop: Shop, simulator: Simulator
) -> None:
    simulator.set(failure_rate=1)
    for i in range(3):
        assert (await shop.charge(f"lost-{i}")).status_code == 202
    before = len(simulator.http.get("/control/books").json()["requests"])
    refused = await shop.charge("later")
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("provider-unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert len(simulator.http.get("/control/books").json()["requests"]) == before
    simulator.set()
    await asyncio.sleep(0.6)
    assert (await shop.charge("later")).status_code == 201


async def test_who_may_not_charge_or_refund_does_not(shop: Shop, client_of: ClientOf) -> None:
    charge_id = (await shop.charged())["id"]
    for role, charges, refunds in (
        (Role.VIEWER, 403, 403),
        (Role.DISPATCHER, 201, 403),
        (Role.REVIEWER, 403, 403),
        (Role.OPERATOR, 201, 201),
        (None, 401, 401),
    ):
        shop.api = await client_of(role)
        charged = await shop.charge(f"by-{role}")
        assert charged.status_code == charges, (role, charged.text)
        refunded = await shop.refund(charge_id, f"back-{role}", amount_minor=100)
        assert refunded.status_code == refunds, (role, refunded.text)
