"""Transfers to other banks: held, sent, and settled, whatever becomes of the answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY
from tests.ledger.building import a_post, moved, opened
from tests.simulator.simulating import IBAN, Simulator

from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.gateway.calling import Gateway
from paywright.gateway.model import Lost, Order, OrderKind, Why
from paywright.identity.permissions import Role
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger import accounts_store
from paywright.ledger.model import Account
from paywright.payments.settle import Settling
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/transfers"
PAYEE = {"name": "Nordlicht Bau GmbH", "iban": IBAN}


@pytest.fixture
def bank(running: Simulator) -> Simulator:
    running.reset()
    return running


@pytest.fixture
def settings(running: Simulator, tmp_path: Path) -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url=running.urls["bank"],
        partner_bank_token="simulator",
        partner_bank_timeout_ms=700,
        payment_max_retries=0,
        circuit_breaker_failure_threshold=100,
    )


class House:
    """Jane, known and verified, has 1,000.00; the bank's account with us is in the chart."""

    def __init__(self, app: App, api: Client, jane: Account, clearing: Account) -> None:
        self.app, self.api, self.jane, self.clearing = app, api, jane, clearing

    async def send(self, key: str = "key-1", **changes: Any) -> httpx2.Response:
        body = {
            "debit_account_id": str(self.jane.id),
            "beneficiary": PAYEE,
            "amount_minor": 4_000,
            "currency": "EUR",
        }
        return await self.api.post(PATH, json=body | changes, headers={"Idempotency-Key": key})

    async def sent(self, key: str = "key-1", **changes: Any) -> PaymentId:
        answer = await self.send(key, **changes)
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "processing"
        return PaymentId.parse(answer.json()["id"])

    async def turn(self, payment_id: PaymentId, turn: int = 0, banks: Any = None) -> str:
        """What the worker does; the status after it. banks: in place of those that are set up"""
        settling = self.app.settling
        if banks is not None:
            gateway = settling.gateway
            gateway = Gateway(
                banks,
                retries=gateway.retries,
                policy=gateway.policy,
                routes=gateway.routes,
                jitter=gateway.jitter,
                monotonic=gateway.monotonic,
            )
            settling = Settling(
                self.app.db,
                self.app.keys,
                gateway,
                schedule=settling.schedule,
                clock=lambda: datetime.now(UTC),
            )
        await settling.settle(prepare.system_cause(), payment_id, turn=turn)
        return await self.status(payment_id)

    async def status(self, payment_id: PaymentId) -> str:
        return (await self.api.get(f"{PATH}/{payment_id}")).json()["status"]

    async def balances(self) -> tuple[int, int]:
        """What Jane has, and what of it can be spent."""
        async with self.app.db.snapshot() as tx:
            found = (await accounts_store.select(tx, [self.jane.id]))[self.jane.id].balances()
        return found.balance, found.available


@pytest.fixture
async def house(app: App, api: Client) -> AsyncIterator[House]:
    cause = prepare.system_cause()
    jane = Customer(
        id="jane", name="Jane Okonjo-Berg", customer_since=datetime(2025, 1, 1, tzinfo=UTC)
    )
    await register_customer(app.db, app.keys, cause, customer=jane)
    await decide_by_hand(
        app.db, app.keys, cause, customer_id="jane", status=KycStatus.VERIFIED, reason="seen"
    )
    async with app.db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, ["bank:partner_bank:EUR"])
        (clearing,) = (await accounts_store.select(tx, list(ids.values()))).values()
    account = await opened(app.db, owner="jane")
    await moved(app.db, a_post(clearing, account, 100_000))
    yield House(app, api, account, clearing)
    report = await verify(app.db, at=cause.at)
    assert report.is_sound, [check for check in report.checks if check.broken]


def executed(bank: Simulator) -> list[dict[str, Any]]:
    return [it for it in bank.books()["payments"] if it["status"] == "settled"]


async def test_the_money_is_held_then_sent_then_gone(house: House, bank: Simulator) -> None:
    payment_id = await house.sent()
    assert await house.balances() == (100_000, 96_000)
    assert not executed(bank)
    assert await house.turn(payment_id) == "succeeded"
    assert await house.balances() == (96_000, 96_000)
    assert [it["amount_minor"] for it in executed(bank)] == [4_000]
    assert await house.turn(payment_id) == "succeeded"  # a job that comes twice
    assert len(executed(bank)) == 1


async def test_what_the_bank_rejects_is_given_back_with_its_reason(
    house: House, bank: Simulator
) -> None:
    payment_id = await house.sent(beneficiary={**PAYEE, "name": "Nordlicht Bau GmbH AC04"})
    assert await house.turn(payment_id) == "failed"
    assert await house.balances() == (100_000, 100_000)
    assert (await house.api.get(f"{PATH}/{payment_id}")).json()["failure_code"] == "AC04"


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
async def test_a_lost_answer_leaves_the_payment_unknown_and_the_money_held_until_the_bank_is_asked(
    house: House, bank: Simulator, fault: dict[str, Any]
) -> None:
    payment_id = await house.sent()
    bank.set(**fault)
    assert await house.turn(payment_id) == "unknown"
    assert await house.balances() == (100_000, 96_000)
    assert await house.turn(payment_id, 1) == "unknown"
    bank.set()
    assert await house.turn(payment_id, 2) == "succeeded"
    assert await house.balances() == (96_000, 96_000)
    assert len(executed(bank)) == 1


async def test_a_bank_that_takes_its_time_is_asked_again(house: House, bank: Simulator) -> None:
    bank.set(settle_after_ms=300)
    payment_id = await house.sent()
    assert await house.turn(payment_id) == "processing"
    await asyncio.sleep(0.5)
    assert await house.turn(payment_id, 1) == "succeeded"
    assert len(executed(bank)) == 1


class Killed(BaseException):
    pass


async def test_a_process_that_dies_before_or_after_asking_leaves_a_turn_behind(
    house: House, bank: Simulator
) -> None:
    class Dying:
        """Dies around the real call."""

        handles = frozenset({OrderKind.PAYOUT})
        pays_own_accounts = False

        def __init__(self, *, after: bool) -> None:
            self.after = after

        async def submit(self, order: Order) -> None:
            if self.after:
                await house.app.gateway.providers["partner_bank"].submit(order)
            raise Killed

        look_up = submit

    for key, after in (("key-1", False), ("key-2", True)):
        payment_id = await house.sent(key)
        with pytest.raises(Killed):
            await house.turn(payment_id, banks={"partner_bank": Dying(after=after)})
        queued = await house.app.db.pool.fetchval(
            "select count(*) from pgqueuer where dedupe_key = $1", f"settle:{payment_id}:1"
        )
        assert queued == 1
        assert await house.turn(payment_id, 1) == "succeeded"
    assert len(executed(bank)) == 2
    assert await house.balances() == (92_000, 92_000)


async def test_two_turns_at_once_settle_it_once(house: House, bank: Simulator) -> None:
    payment_id = await house.sent()
    bank.set(latency={"kind": "fixed", "ms": 100})
    statuses = await asyncio.gather(*(house.turn(payment_id, i) for i in range(4)))
    assert "succeeded" in statuses
    assert await house.status(payment_id) == "succeeded"
    assert len(executed(bank)) == 1
    assert await house.balances() == (96_000, 96_000)


async def test_nobody_resolves_the_hold_of_a_payment_by_hand(house: House, bank: Simulator) -> None:
    payment_id = await house.sent()
    hold = f"trf_{payment_id.suffix()}"
    for step in ("post", "release"):
        refused = await house.api.post(
            f"/api/v1/holds/{hold}/{step}", json={}, headers={"Idempotency-Key": f"hand-{step}"}
        )
        assert refused.status_code == 409, refused.text
        assert refused.json()["type"].endswith("hold-of-payment")
    assert await house.turn(payment_id) == "succeeded"


async def test_after_the_last_turn_a_person_is_asked(house: House) -> None:
    class Silent:
        handles = frozenset({OrderKind.PAYOUT})
        pays_own_accounts = False

        async def submit(self, _: Order) -> Lost:
            return Lost(why=Why.TIMEOUT)

        look_up = submit

    payment_id = await house.sent()
    for turn in range(6):
        assert await house.turn(payment_id, turn, banks={"partner_bank": Silent()}) == "unknown"
    asked = await house.app.db.pool.fetchval(
        "select count(*) from pgqueuer where entrypoint = 'review_payment'"
    )
    assert asked == 1
    assert await house.balances() == (100_000, 96_000)  # never given back unseen


async def test_an_answer_shows_no_more_of_the_account_than_one_must_know(house: House) -> None:
    answer = await house.send()
    told = answer.json()["beneficiary"]
    assert told == {
        "name": "Nordlicht Bau GmbH",
        "account": "DE…3000",
        "bank": "partner_bank",
        "country": "DE",
    }
    assert IBAN not in answer.text
    again = await house.send()
    assert again.content == answer.content
    row = await house.app.db.pool.fetchrow(
        "select beneficiary from payments where beneficiary is not null"
    )
    assert IBAN.encode() not in row["beneficiary"]
    refused = await house.send(beneficiary={**PAYEE, "name": "Somebody Else"})
    assert refused.json()["fields"] == ["beneficiary"]


async def test_what_cannot_be_sent_is_refused_before_anything_is_held(house: House) -> None:
    for changes, field in (
        ({"beneficiary": {**PAYEE, "iban": "DE00"}}, "beneficiary.iban"),
        ({"beneficiary": {**PAYEE, "bank": "nobody"}}, "beneficiary.bank"),
        ({"currency": "USD"}, "currency"),
        ({"credit_account_id": str(house.clearing.id)}, "beneficiary"),
        ({"beneficiary": None}, "credit_account_id"),
    ):
        refused = await house.send(**changes)
        assert refused.status_code in (400, 422), refused.text
        assert [it["field"] for it in refused.json()["errors"]] == [field]
    assert await house.balances() == (100_000, 100_000)
    assert (await house.send(amount_minor=100_001)).json()["type"].endswith("insufficient-funds")
