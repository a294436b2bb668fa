"""The checks of the scenarios can fail: books that were tampered with, and an adapter with a bug,
are found out."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.faults.providers_clients import Clients, Told
from tests.faults.providers_plan import Plan, plan_of
from tests.faults.providers_scenario import all_answered, all_ended, all_wrong
from tests.faults.providers_town import Town, town_on
from tests.simulator.simulating import TOKEN

from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.gateway.calling import Gateway
from paywright.gateway.model import Answer, Order, PayoutOrder
from paywright.gateway.partner_bank import PartnerBank
from paywright.payments.settle import Settling

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture
async def town(database_url: str, folder: Path) -> AsyncIterator[Town]:
    async with town_on(database_url, folder, seed=1) as town:
        yield town


async def carried_out(town: Town, plan: Plan, clients: Clients) -> None:
    for asking in plan.askings:
        await clients.carry_out(asking)
    await all_ended(town)
    await all_answered(town, clients)


async def test_books_that_were_tampered_with_are_found_out(town: Town) -> None:
    plan = plan_of(5, payments=12, calm=True)
    await town.start_all()
    async with Clients(town, plan) as clients:
        await carried_out(town, plan, clients)
        assert await all_wrong(town, plan, clients) == []

        async def finds(*words: str) -> None:
            wrong = await all_wrong(town, plan, clients)
            assert any(all(word in it for word in words) for it in wrong), wrong

        fetchval, execute = town.app.db.pool.fetchval, town.app.db.pool.execute
        bank = town.outsides[1].now
        bank.pay("nobody-knows-it", amount_minor=7)
        await finds("nobody-knows-it", "not on our books")
        await finds("bank:backup_bank:EUR", "not what was carried out")
        await finds("reconciliation with backup_bank")

        paid = await fetchval(
            "select id from payments where beneficiary is not null and status = 'succeeded'"
        )
        bank.pay(str(PaymentId.of(paid)), amount_minor=7)
        await finds(str(PaymentId.of(paid)), "was carried out as [", "), Theirs(")

        charged = await fetchval(
            "select id from payments where kind = 'charge' and status = 'succeeded'"
        )
        await execute("update payments set status = 'failed' where id = $1", charged)
        await finds(str(PaymentId.of(charged)), "was carried out as [Theirs(")
        await finds("was told 201, and it is failed")
        await finds("verify: ", str(PaymentId.of(charged)))

        await execute(
            "insert into pgqueuer (entrypoint, priority, status) values ('settle', 0, 'failed')"
        )
        await finds("a job of settle is dead")

        told = clients.requests[0].answers[-1]
        late = told.heard_at + 1
        clients.requests[0].answers.append(Told(late, late, 201, b'{"id": "pay_other"}'))
        await finds(clients.requests[0].key, "pay_other")


class Forgetful(PartnerBank):
    """A bank's adapter with a bug: each time it asks, it is under another key."""

    async def submit(self, order: Order) -> Answer:
        assert isinstance(order, PayoutOrder)
        return await super().submit(
            msgspec.structs.replace(order, payment_id=PaymentId.new(datetime.now(UTC)))
        )


def settling_with(town: Town, change: Callable[[], PartnerBank]) -> Settling:
    ours = town.app.gateway
    gateway = Gateway(
        {**ours.providers, "partner_bank": change()},
        retries=ours.retries,
        policy=ours.policy,
        routes=ours.routes,
        jitter=ours.jitter,
        monotonic=ours.monotonic,
    )
    schedule = town.app.settling.schedule
    return Settling(
        town.app.db, town.app.keys, gateway, schedule=schedule, clock=lambda: datetime.now(UTC)
    )


async def test_an_adapter_that_forgets_its_keys_is_found_out(town: Town) -> None:
    plan = plan_of(5, payments=12, calm=True)
    paid = [it for it in plan.askings if it.whom == "Nordlicht Bau GmbH"]
    assert paid
    plan = Plan(plan.seed, tuple(paid[:3]), ())
    town.start("api-0")
    town.start("api-1")
    await town.are_ready()
    async with Clients(town, plan) as clients:
        for asking in plan.askings:
            await clients.carry_out(asking)
        await town.outsides[0].turn(
            "bank", {"timeout_after_apply_rate": 0.5, "lost_answer": "close"}
        )
        url = town.outsides[0].now.urls["bank"]
        settling = settling_with(town, lambda: Forgetful(url=url, token=TOKEN, timeout_ms=500))
        ids = await town.app.db.pool.fetch("select id from payments")
        for row in ids:
            await settling.settle(prepare.system_cause(), PaymentId.of(row["id"]), turn=0)
        wrong = await all_wrong(town, plan, clients)
        assert any("is not on our books" in it for it in wrong), wrong
        assert any("was carried out as []" in it for it in wrong), wrong
        await settling.close()
        await settling.gateway.providers["partner_bank"].close()
