"""A process is killed between any two writes of a charge, a refund or a payout: with the provider
asked or not, told or not. In the end all books agree."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.faults.providers_clients import Clients
from tests.faults.providers_plan import Asking, Back, Manner, Plan
from tests.faults.providers_scenario import all_answered, all_ended, all_wrong
from tests.faults.providers_town import Town, town_on
from tests.faults.stage import holding

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
PATIENT = Manner(copies=1, patience_s=10.0, tries_max=0, reuses_key=False)
LOCKED = "lock table {} in share row exclusive mode"


@pytest.fixture
async def town(database_url: str, folder: Path) -> AsyncIterator[Town]:
    async with town_on(database_url, folder, seed=1) as town:
        yield town


# What is written when a charge is opened, when it is recorded, and when a refund is opened.
OPENED = ("provider_attempts", "payments", "pgqueuer", "idempotency_keys", "events")
RECORDED = ("accounts", "ledger_transfers", "payment_transitions", "provider_breakers")
REFUNDED = ("refunds", "open_holds")
# What a worker writes before and after it asks a bank.
PAID = ("provider_attempts", *RECORDED, "open_holds")


@pytest.mark.parametrize("tables", [OPENED, (*RECORDED, *REFUNDED)], ids=["opened", "recorded"])
async def test_an_api_killed_in_the_middle_of_a_charge_leaves_it_once_or_not_at_all(
    town: Town, tables: Sequence[str]
) -> None:
    askings = [
        Asking(
            number=number,
            at_s=0,
            kind="charge",
            whom="pm_card_visa",
            amount_minor=3_000 + number,
            currency="EUR",
            wallet=0,
            manner=PATIENT,
            refunds=(Back(1_000, PATIENT),),
        )
        for number in range(len(tables))
    ]
    await killed_at(town, Plan(1, tuple(askings), ()), tables, "api-0", "paywright-api")


async def test_a_worker_killed_in_the_middle_of_a_payout_leaves_it_once_or_not_at_all(
    town: Town,
) -> None:
    askings = [
        Asking(
            number=number,
            at_s=0,
            kind="payout",
            whom="Nordlicht Bau GmbH",
            amount_minor=3_000 + number,
            currency="EUR",
            wallet=0,
            manner=PATIENT,
        )
        for number in range(len(PAID))
    ]
    await killed_at(town, Plan(1, tuple(askings), ()), PAID, "worker-0", "paywright-worker")


async def killed_at(
    town: Town, plan: Plan, tables: Sequence[str], name: str, application: str
) -> None:
    """One asking for each table, in the middle of whose write the process is killed."""
    await town.start_all()
    town.processes["worker-1"].kill()
    if name.startswith("api"):  # the only one that there is
        town.processes["api-1"].kill()
    async with Clients(town, plan) as clients, asyncio.TaskGroup() as asking:
        for it, table in zip(plan.askings, tables, strict=True):
            if name.startswith("worker"):
                town.processes[name].kill()
                await clients.carry_out(it)
            async with holding(town.stage.url, LOCKED.format(table)):
                if name.startswith("worker"):
                    town.start(name)
                else:
                    asking.create_task(clients.carry_out(it))
                await town.hangs(application)
                town.processes[name].kill()
            town.start(name)
            await all_ended(town)
        await town.start_all()
        await all_answered(town, clients)
        assert await all_wrong(town, plan, clients) == []
