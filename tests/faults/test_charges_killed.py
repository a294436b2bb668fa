"""API and worker are killed between any two writes of a charge, a refund or a payout, and while
they wait for the provider: all that belongs together was written or none of it, and money moves
once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.faults.charging_stage import (
    Ask,
    Till,
    all_is_well,
    calls_under_way,
    day_has_begun,
    whole,
)
from tests.faults.providers_scenario import all_ended
from tests.faults.providers_town import Town, town_on
from tests.faults.stage import holding, ready, waiting_on_lock

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

API, WORKER = "paywright-api", "paywright-worker"
_LOCK = "lock table {} in share row exclusive mode"
# Everything that is written when charges and refunds are opened, and when answers are recorded.
OPENED = (
    *("accounts", "events", "idempotency_keys", "ledger_transfers", "open_holds", "payments"),
    *("pgqueuer", "provider_attempts", "refunds"),
)
RECORDED = (
    *("accounts", "events", "idempotency_keys", "ledger_transfers", "open_holds", "payments"),
    *("payment_transitions", "pgqueuer", "provider_attempts", "provider_breakers", "refunds"),
)


SETTINGS = {
    "PROVIDER_ROUTES": "charge=stripe;payout=partner_bank",
    "PARTNER_BANK_TIMEOUT_MS": "10000",
    "STRIPE_TIMEOUT_MS": "10000",
    "PAYMENT_DEADLINE_MS": "10000",
    "PAYMENT_MAX_RETRIES": "0",
    "QUEUE_MAX_RETRIES": "100",  # a job whose worker died five times would be taken for poison
    "PAYMENT_CONCURRENCY": "128",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000",
    "CIRCUIT_BREAKER_WINDOW_MIN": "10000",
}


@pytest.fixture
async def town(database_url: str, folder: Path) -> AsyncIterator[Town]:
    async with town_on(database_url, folder, seed=23, settings=SETTINGS) as town:
        yield town


@pytest.fixture
def till(town: Town) -> Till:
    return Till(town)


async def begin(town: Town, name: str) -> None:
    town.start(name)
    await ready(town.processes[name])


async def mixture(till: Till) -> list[Ask]:
    """Requests that end in different ways; what is given back has been charged before."""
    charged = [till.charge() for _ in range(3)]
    await till.insist(*charged)
    refunds = [till.refund(it, minor) for it, minor in zip(charged, (500, 278, 377), strict=True)]
    methods = ("pm_card_visa", "pm_card_chargeDeclined", "pm_simulator_processing")
    return [*refunds, *(till.charge(it) for it in methods)]


@pytest.mark.parametrize("tables", [OPENED[:5], OPENED[5:]], ids=["first", "second"])
async def test_a_kill_between_two_writes_of_opening_leaves_all_of_them_or_none(
    town: Town, till: Till, tables: tuple[str, ...]
) -> None:
    await begin(town, "api-0")
    for table in tables:
        asks = await mixture(till)
        async with holding(town.stage.url, _LOCK.format(table)):
            under_way = asyncio.gather(*map(till.once, asks))
            await waiting_on_lock(town.app.db, API)
            town.processes["api-0"].kill()
            assert None in await under_way, f"killed too late for {table}"
        await whole(town)
        await begin(town, "api-0")
        await till.insist(*asks)
    town.start("worker-0")
    await all_is_well(town, till)


@pytest.mark.parametrize("tables", [RECORDED[:6], RECORDED[6:]], ids=["first", "second"])
async def test_a_kill_between_two_writes_of_an_answer_leaves_a_turn_that_finds_out(
    town: Town, till: Till, tables: tuple[str, ...]
) -> None:
    await begin(town, "api-0")
    for number, table in enumerate(tables):
        asks = await mixture(till)
        slow = {"latency": {"ms": 800}, "error_after_apply_rate": 0.4 * (number % 2)}
        await town.outsides[0].turn("stripe", slow)
        under_way = asyncio.gather(*map(till.once, asks))
        await calls_under_way(town, len(asks))
        async with holding(town.stage.url, _LOCK.format(table)):
            await waiting_on_lock(town.app.db, API)
            town.processes["api-0"].kill()
            assert None in await under_way, f"killed too late for {table}"
        await whole(town)
        await town.outsides[0].turn("stripe", {})
        await begin(town, "api-0")
        await till.insist(*asks)  # told that nobody knows yet
    town.start("worker-0")
    await all_is_well(town, till)


async def test_a_worker_killed_between_two_writes_of_a_turn_leaves_another_one(
    town: Town, till: Till
) -> None:
    await begin(town, "api-0")
    for table in RECORDED:
        # Where a job is picked that is written, too: a worker would hang before it begins.
        if table == "pgqueuer":
            continue
        charged = till.charge()
        await till.insist(charged)
        await town.outsides[0].turn("stripe", {"error_after_apply_rate": 1})
        unknown = [till.charge(), till.refund(charged, 300)]
        payouts = [till.payout(f"Nordlicht Bau {it}") for it in ("GmbH", "GmbH AC04", "Later")]
        await till.insist(*unknown, *payouts)
        await town.outsides[0].turn("stripe", {})
        async with holding(town.stage.url, _LOCK.format(table)):
            town.start("worker-0")
            await waiting_on_lock(town.app.db, WORKER)
            town.processes["worker-0"].kill()
        await whole(town)
    town.start("worker-0")
    await all_is_well(town, till)


async def test_the_api_dies_while_it_waits_for_a_slow_provider_and_the_worker_finds_out(
    town: Town, till: Till
) -> None:
    await begin(town, "api-0")
    charged = [till.charge() for _ in range(3)]
    await till.insist(*charged)
    town.start("worker-0")
    await town.outsides[0].turn("stripe", {"latency": {"ms": 1000}})
    asks = [till.charge() for _ in range(5)] + [till.refund(it, 400) for it in charged]
    under_way = asyncio.gather(*map(till.once, asks))
    await calls_under_way(town, len(asks))
    town.processes["api-0"].kill()
    assert await under_way == [None] * len(asks)
    await town.outsides[0].turn("stripe", {})
    await begin(town, "api-1")
    await all_ended(town)
    await till.insist(*asks, door=1)
    assert {it.heard[-1].status_code for it in asks} == {201}
    assert {it.heard[-1].headers.get("idempotency-replayed") for it in asks} == {"true"}
    await all_is_well(town, till, door=1)


async def test_a_worker_dies_with_a_hundred_payouts_under_way_and_each_is_paid_once(
    town: Town, till: Till
) -> None:
    await begin(town, "api-0")
    payouts = [till.payout() for _ in range(100)]
    await till.insist(*payouts)
    await town.outsides[0].turn("bank", {"latency": {"ms": 3000}})
    town.start("worker-0")
    await calls_under_way(town, 100)
    town.processes["worker-0"].kill()
    await town.outsides[0].turn("bank", {})
    town.start("worker-1")
    await all_is_well(town, till)


async def test_asked_to_stop_with_calls_under_way_all_of_them_are_finished(
    town: Town, till: Till
) -> None:
    await begin(town, "api-0")
    town.start("worker-0")
    await day_has_begun(town)
    await town.outsides[0].turn("bank", {"latency": {"ms": 3000}})
    await town.outsides[0].turn("stripe", {"latency": {"ms": 1500}})
    await till.insist(*(till.payout() for _ in range(60)))
    await calls_under_way(town, 60)
    charges = [till.charge() for _ in range(10)]
    under_way = asyncio.gather(*map(till.once, charges))
    await calls_under_way(town, 70)
    for name in ("api-0", "worker-0"):
        town.processes[name].send(signal.SIGTERM)
    answers = await under_way
    assert [answer and answer.status_code for answer in answers] == [201] * 10
    for name in ("api-0", "worker-0"):
        process = town.processes[name]
        assert await asyncio.to_thread(process.wait) == 0, process.complained()
    # Nothing is left for anybody else: what was under way was finished.
    left = "select count(*) from provider_attempts where ended_at is null"
    assert await town.app.db.pool.fetchval(left) == 0
    await begin(town, "api-1")
    town.start("worker-1")
    await all_is_well(town, till, door=1)
