"""Several processes settle the same charge, refund or payment at once, and answers come late or
contradict each other: money moves once, and what is settled stays so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.builders import TEST_KEY
from tests.ledger.building import opened
from tests.simulator.simulating import Simulator

from paywright.cli import prepare
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId, RefundId
from paywright.core.money import Money
from paywright.gateway.breaker import State
from paywright.gateway.calling import Called
from paywright.gateway.calls import Try
from paywright.gateway.model import Answer, Approved, Declined, Lost, NotFound, Pending, Why
from paywright.gateway.override import set_breaker
from paywright.jobs.registry import REGISTRY
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountStatus
from paywright.payments import jobs as payment_jobs
from paywright.payments.charge import ChargeRequest, open_charges
from paywright.payments.making import Making
from paywright.payments.opening import Opened
from paywright.payments.refund import RefundRequest, open_refunds
from paywright.payments.settle_begin import Asked, Call, begin_turns
from paywright.payments.settle_book import Done
from paywright.payments.settle_record import record
from paywright.payments.tasks import SettlePayment, SettleRefund, Target
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.wiring import App, build

assert payment_jobs  # importing them has registered the jobs
OTHERS: list[Answer | NotFound] = [
    Approved("pi_of_another"),
    Declined("card_declined", "after all"),
    Pending("pi_of_another"),
    Lost(why=Why.TIMEOUT),
    Lost(why=Why.UNREACHABLE, sent=False),
    NotFound(),
]


class Rivals:
    """Two processes, as far as the database can tell, on the same books."""

    def __init__(self, apps: Sequence[App], account: Account, simulator: Simulator) -> None:
        self.apps, self.account, self.simulator = apps, account, simulator
        self.db = apps[0].db
        self.making = [Making(app.db, app.settling) for app in apps]

    def charge(self, key: str, **changes: Any) -> ChargeRequest:
        fields = {
            "cause": prepare.system_cause(),
            "key": key,
            "customer_id": "cust_042",
            "amount": Money(5_000, "EUR"),
            "payment_method": "pm_card_visa",
            "credit_account_id": self.account.id,
        }
        return ChargeRequest(**fields | changes)

    async def open_charge(self, key: str = "charge") -> Call:
        """On file, by a process that is about to ask."""
        app = self.apps[0]
        request = self.charge(key)
        return _call(await open_charges(self.db, app.gateway, app.settling.schedule, [request]))

    async def open_refund(self, charge: Call, key: str = "refund") -> Call:
        app = self.apps[0]
        request = RefundRequest(
            cause=prepare.system_cause(), key=key, charge_id=charge.operation.payment_id
        )
        return _call(await open_refunds(self.db, app.gateway, app.settling.schedule, [request]))

    async def open_turn(self, target: Target, turn: int = 1) -> Call | None:
        app, cause = self.apps[0], prepare.system_cause()
        async with self.db.transaction() as tx:
            [call] = await begin_turns(
                tx, app.gateway, [Asked(cause, target, turn)], app.settling.schedule
            )
        return call

    async def settle(self, target: Target, turn: int = 1, *, by: int = 1) -> None:
        await self.apps[by].settling.settle(prepare.system_cause(), target, turn=turn)

    async def hear(self, call: Call, answer: Answer | NotFound) -> None:
        """The answer to a call comes back, however late."""
        done = Done(
            prepare.system_cause(),
            call,
            Called([Try(answer=answer, call=call.begun.call, latency_ms=900)]),
        )
        async with self.db.transaction() as tx:
            await record(
                tx, self.apps[0].gateway.policy, [done], paid_through={}, at=datetime.now(UTC)
            )

    async def everything(self) -> dict[str, list[str]]:
        """All rows that say what became of payments and money, but for the record of calls."""
        tables = ("payments", "payment_transitions", "refunds", "ledger_transfers", "open_holds")
        tables += ("accounts", "idempotency_keys", "issues")
        found = {}
        for name in tables:
            rows = await self.db.pool.fetch(f"select {name}::text as row from {name} order by 1")
            found[name] = [row["row"] for row in rows]
        told = (
            "select type || subject as row from events where type !~ '^provider' order by sequence"
        )
        found["events"] = [row["row"] for row in await self.db.pool.fetch(told)]
        return found

    async def attempts(self, operation_id: UUID) -> list[tuple[str, str | None]]:
        rows = await self.db.pool.fetch(
            "select call, outcome from provider_attempts where operation_id = $1 order by seq",
            operation_id,
        )
        return [tuple(row) for row in rows]

    async def status(self, target: Target) -> str:
        table = "refunds" if isinstance(target, RefundId) else "payments"
        return await self.db.pool.fetchval(f"select status from {table} where id = $1", target)

    async def reviews(self) -> int:
        return await self.db.pool.fetchval(
            "select count(*) from pgqueuer where entrypoint = 'review_payment'"
        )

    async def told(self, type: str) -> int:
        return await self.db.pool.fetchval("select count(*) from events where type = $1", type)

    def done(self, kind: str) -> list[dict[str, Any]]:
        page = self.simulator.http.get("/control/books/stripe", params={"kind": kind}).json()
        return [it for it in page["entries"] if it["status"] == "succeeded"]

    async def balance(self) -> tuple[int, int]:
        async with self.db.snapshot() as tx:
            found = (await accounts_store.select(tx, [self.account.id]))[self.account.id]
        return found.balances().balance, found.balances().available


def _call(opened: Sequence[Opened | Problem]) -> Call:
    (one,) = opened
    assert isinstance(one, Opened), one
    assert one.call is not None
    return one.call


@pytest.fixture
async def rivals(database_url: str, simulator: Simulator, tmp_path: Path) -> AsyncIterator[Rivals]:
    settings = Settings(
        encryption_key=TEST_KEY,
        paywright_data_dir=tmp_path,
        stripe_api_key="sk_test_simulator",
        stripe_api_base=simulator.urls["stripe"],
        stripe_timeout_ms=3_000,
        payment_max_retries=0,
        circuit_breaker_failure_threshold=100,
    )
    apps = [await build(settings, url=database_url, application=f"rival-{i}") for i in (0, 1)]
    try:
        await prepare.ensure_rules(apps[0])
        await prepare.load_samples(apps[0])
        account = await opened(apps[0].db, owner="cust_217")
        yield Rivals(apps, account, simulator)
        report = await verify(apps[0].db, at=datetime.now(UTC))
        assert report.is_sound, [check for check in report.checks if check.broken]
    finally:
        for app in apps:
            await app.close()


async def test_eight_who_settle_one_charge_at_once_charge_once(rivals: Rivals) -> None:
    for number, latency in enumerate((0, 0, 40)):
        rivals.simulator.set(latency={"ms": latency})
        call = await rivals.open_charge(f"charge-{number}")
        target = call.operation.target
        await asyncio.gather(*(rivals.settle(target, by=i % 2) for i in range(8)))
        await rivals.settle(target)  # where all of them were told that another one is under way
        assert await rivals.status(target) == "succeeded"
        assert len(rivals.done("charges")) == number + 1
        assert await rivals.balance() == (5_000 * (number + 1),) * 2
        assert await rivals.told("payment.completed") == number + 1
        assert len(await rivals.attempts(call.operation.id)) >= 2


async def test_a_charge_refunded_by_two_processes_at_once_is_given_back_once(
    rivals: Rivals,
) -> None:
    call = await rivals.open_charge()
    await rivals.settle(call.operation.target)
    requests = [
        RefundRequest(
            cause=prepare.system_cause(),
            key=f"refund-{i}",
            charge_id=call.operation.payment_id,
            amount_minor=2_000,
        )
        for i in range(12)
    ]
    asks = [rivals.making[i % 2].refund(it) for i, it in enumerate(requests)]
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    refused = [type(it).__name__ for it in outcomes if isinstance(it, BaseException)]
    assert refused == ["RefundTooLarge"] * 10
    assert sum(it["amount"] for it in rivals.done("refunds")) == 4_000
    assert await rivals.balance() == (1_000, 1_000)


@pytest.mark.parametrize("ends", ["succeeded", "failed"])
async def test_an_answer_that_comes_after_all_is_kept_and_changes_nothing(
    rivals: Rivals, ends: str
) -> None:
    """Even where the provider contradicts itself: a person sees it in the record of calls."""
    for number, late in enumerate(OTHERS):
        call = await rivals.open_charge(f"charge-{number}")
        if ends == "failed":
            await rivals.hear(await _again(rivals, call), Declined("card_declined"))
        else:
            await rivals.settle(call.operation.target)
        assert await rivals.status(call.operation.target) == ends
        assert (await rivals.attempts(call.operation.id))[0] == ("submit", None)
        before = await rivals.everything()
        for _ in range(2):
            await rivals.hear(call, late)
            assert await rivals.everything() == before
        word = (await rivals.attempts(call.operation.id))[0][1]
        assert word in ("approved", "declined", "pending", "lost", "unsent", "not_found")


async def _again(rivals: Rivals, call: Call) -> Call:
    """The same operation, by somebody else."""
    other = await rivals.open_turn(call.operation.target)
    assert other is not None
    return other


@pytest.mark.parametrize("late", OTHERS, ids=lambda it: type(it).__name__)
async def test_a_late_answer_to_a_refund_changes_nothing_either(
    rivals: Rivals, late: Answer | NotFound
) -> None:
    charge = await rivals.open_charge()
    await rivals.settle(charge.operation.target)
    call = await rivals.open_refund(charge)
    await rivals.settle(call.operation.target)
    assert await rivals.status(call.operation.target) == "succeeded"
    before = await rivals.everything()
    await rivals.hear(call, late)
    assert await rivals.everything() == before
    assert await rivals.balance() == (0, 0)


async def test_both_answers_to_one_charge_in_one_batch_book_it_once(rivals: Rivals) -> None:
    first = await rivals.open_charge()
    second = await _again(rivals, first)
    async with rivals.db.transaction() as tx:
        dones = [
            Done(
                prepare.system_cause(),
                it,
                Called([Try(answer=answer, call="submit", latency_ms=1)]),
            )
            for it, answer in ((first, Lost(why=Why.TIMEOUT)), (second, Approved("pi_1")))
        ]
        policy = rivals.apps[0].gateway.policy
        await record(tx, policy, dones, paid_through={}, at=datetime.now(UTC))
    assert await rivals.status(first.operation.target) == "succeeded"
    assert await rivals.balance() == (5_000, 5_000)
    words = [word for _, word in await rivals.attempts(first.operation.id)]
    assert words == ["lost", "approved"]


async def test_a_charge_whose_account_is_frozen_meanwhile_is_not_told_as_refused(
    rivals: Rivals,
) -> None:
    """The customer has paid by then: whoever is told that nothing happened would ask anew."""
    rivals.simulator.set(latency={"ms": 400})
    asked = asyncio.create_task(rivals.making[0].charge(rivals.charge("charge")))
    await asyncio.sleep(0.2)
    await _set_status(rivals, AccountStatus.FROZEN)
    answered = await asked
    assert answered.answer.status == 202
    assert len(rivals.done("charges")) == 1
    assert await rivals.reviews() == 1  # a person is told that it cannot be booked
    words = await rivals.db.pool.fetch("select outcome from provider_attempts")
    assert [it["outcome"] for it in words] == ["approved"]
    await _set_status(rivals, AccountStatus.ACTIVE)
    (payment_id,) = await rivals.db.pool.fetchrow(
        "select id from payments where payment_method is not null"
    )
    await rivals.settle(PaymentId.of(payment_id))
    assert await rivals.balance() == (5_000, 5_000)
    again = await rivals.making[1].charge(rivals.charge("charge"))
    assert (again.answer.status, again.replayed, len(rivals.done("charges"))) == (201, True, 1)


async def _set_status(rivals: Rivals, status: AccountStatus) -> None:
    async with rivals.db.transaction() as tx:
        await accounts_store.set_status(tx, rivals.account.id, status)


async def test_charges_that_are_refused_take_no_slot_from_what_waits(rivals: Rivals) -> None:
    """They do not come back by themselves: however many are sent away, a turn waits no longer."""
    call = await rivals.open_charge()
    gateway, cause = rivals.apps[0].gateway, prepare.system_cause()
    await set_breaker(
        rivals.db,
        cause,
        provider="stripe",
        known=gateway.providers,
        wanted=State.OPEN,
        why="a test",
    )
    requests = [rivals.charge(f"refused-{i}") for i in range(500)]
    outcomes = await open_charges(rivals.db, gateway, rivals.apps[0].settling.schedule, requests)
    assert {type(it).__name__ for it in outcomes} == {"ProviderUnavailable"}
    assert await rivals.open_turn(call.operation.target) is None
    wait = await rivals.db.pool.fetchval(
        "select max(execute_after) - now() from pgqueuer where dedupe_key like 'settle:%:1:%'"
    )
    assert wait < gateway.policy.cooldown + timedelta(seconds=1)


@pytest.mark.parametrize("what", ["charge", "refund"])
async def test_a_turn_whose_job_died_comes_again_and_a_person_is_told(
    rivals: Rivals, what: str
) -> None:
    call = await rivals.open_charge()
    task: SettlePayment | SettleRefund = SettlePayment(call.operation.payment_id, turn=3)
    if what == "refund":
        await rivals.hear(call, Approved("pi_1"))
        call = await rivals.open_refund(call)
        task = SettleRefund(RefundId.of(call.operation.id), turn=3)
    job = REGISTRY.jobs[task.job_name()]
    assert job.on_dead is not None
    async with rivals.db.transaction() as tx:
        await job.on_dead(tx, prepare.system_cause(), [task], ["its worker died 5 times"])
    queued = await rivals.db.pool.fetchval(
        "select count(*) from pgqueuer where dedupe_key like $1",
        f"settle:{call.operation.target}:3:%",
    )
    assert (queued, await rivals.reviews()) == (1, 1)
    await rivals.db.pool.execute("delete from pgqueuer")
