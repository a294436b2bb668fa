"""One circuit breaker, many processes: what any of them sees opens it for all, a few probes close
it, and what has waited drains evenly, without using up what it may try."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faults.charging_stage import CHARGES, Till, all_is_well, day_has_begun
from tests.faults.providers_town import Town, town_on
from tests.faults.stage import ready
from tests.processes import until

from paywright.identity.permissions import Role

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PROBES, DRAIN_PER_S, PAYOUTS = 2, 20, 120
COOLDOWN_S = 1.5
SIDES = ("bank", "stripe")
SECOND = timedelta(seconds=1)


SETTINGS = {
    "PROVIDER_ROUTES": "charge=stripe;payout=partner_bank",
    "PARTNER_BANK_TIMEOUT_MS": "5000",
    "STRIPE_TIMEOUT_MS": "5000",
    "PAYMENT_DEADLINE_MS": "5000",
    "PAYMENT_MAX_RETRIES": "0",
    "PAYMENT_CONCURRENCY": "16",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "5",
    "CIRCUIT_BREAKER_WINDOW_MIN": "10000",
    "CIRCUIT_BREAKER_COOLDOWN_MS": str(round(COOLDOWN_S * 1000)),
    "CIRCUIT_BREAKER_PROBES": str(PROBES),
    "PROVIDER_DRAIN_PER_S": str(DRAIN_PER_S),
}


@pytest.fixture
async def town(database_url: str, folder: Path) -> AsyncIterator[Town]:
    async with town_on(database_url, folder, seed=29, settings=SETTINGS) as town:
        yield town


@pytest.fixture
def till(town: Town) -> Till:
    return Till(town)


async def all_serve(town: Town, *names: str) -> None:
    for name in names:
        town.start(name)
    for name in names:
        if name.startswith("api"):
            await ready(town.processes[name])


async def state_of(town: Town, provider: str) -> str | None:
    return await town.app.db.pool.fetchval(
        "select state from provider_breakers where provider = $1", provider
    )


async def in_state(town: Town, provider: str, state: str) -> None:
    async def holds() -> bool:
        return await state_of(town, provider) == state

    await until(holds, seconds=60, what=f"{provider} to be {state}", every=0.02)


def requests_at(town: Town, side: str) -> int:
    """How many have arrived there."""
    books = town.outsides[0].now.http.get("/control/books", params={"limit": 0}).json()
    return sum(books["requests_by_side"][side].values())


async def attempts(town: Town, provider: str) -> list[Any]:
    return await town.app.db.pool.fetch(
        """
        select breaker, outcome, started_at, ended_at from provider_attempts
         where provider = $1 order by started_at
        """,
        provider,
    )


def at_once(rows: list[Any]) -> int:
    """The most that were under way at the same time."""
    moves = [(row["started_at"], 1) for row in rows] + [(row["ended_at"], -1) for row in rows]
    most = now = 0
    for _, step in sorted(moves):
        now += step
        most = max(most, now)
    return most


async def test_what_fails_in_one_process_is_left_alone_by_all(town: Town, till: Till) -> None:
    await all_serve(town, "api-0", "api-1")
    await town.outsides[0].turn("stripe", {"failure_rate": 1})
    failing = [till.charge() for _ in range(5)]
    for it in failing:
        await till.insist(it, door=0)
    assert {it.heard[-1].status_code for it in failing} == {202}
    assert await state_of(town, "stripe") == "open"
    before = await asyncio.to_thread(requests_at, town, "stripe")
    others = [till.charge() for _ in range(20)]
    answers = await asyncio.gather(*(till.once(it, door=1) for it in others))
    assert {answer and answer.status_code for answer in answers} == {503}
    waits = [int(answer.headers["retry-after"]) for answer in answers if answer]
    assert max(waits) <= COOLDOWN_S + 1
    assert await asyncio.to_thread(requests_at, town, "stripe") == before
    await town.outsides[0].turn("stripe", {})
    town.start("worker-0")
    await till.insist(*others, door=1)
    await all_is_well(town, till)


async def test_while_open_only_probes_arrive_and_what_waits_drains_evenly(
    town: Town, till: Till
) -> None:
    await all_serve(town, "api-0", "worker-0")
    await day_has_begun(town)
    town.processes["worker-0"].kill()
    await till.insist(*(till.payout() for _ in range(PAYOUTS)))
    asked_before = await asyncio.to_thread(requests_at, town, "bank")
    await town.outsides[0].turn("bank", {"failure_rate": 1, "latency": {"ms": 60}})
    await all_serve(town, "worker-0", "worker-1")
    for probes in (1, PROBES + 1):  # it opens again after the first
        await until(lambda n=probes: _probed(town, n), seconds=60, what="probes", every=0.02)
    await _nothing_is_used_up(town)
    await town.outsides[0].turn("bank", {})
    await in_state(town, "partner_bank", "closed")
    await all_is_well(town, till)
    rows = await attempts(town, "partner_bank")
    assert len(rows) == await asyncio.to_thread(requests_at, town, "bank") - asked_before
    until_open = [row for row in rows if row["started_at"] < _opened_at(rows)]
    # Each of two workers has 16 calls under way at the most when the fifth fails.
    assert len(until_open) <= 5 + 2 * 16
    half_open = [row for row in rows if row["breaker"] == "half_open"]
    assert {row["outcome"] for row in half_open} >= {"lost"}
    assert at_once(half_open) <= PROBES
    await _drained_evenly(town)
    await _nothing_is_used_up(town)


async def _probed(town: Town, count: int) -> bool:
    rows = await attempts(town, "partner_bank")
    return sum(row["breaker"] == "half_open" for row in rows) >= count


def _opened_at(rows: list[Any]) -> datetime:
    """When the first probe was let through: nobody else was since it had opened."""
    return min(row["started_at"] for row in rows if row["breaker"] == "half_open")


async def _nothing_is_used_up(town: Town) -> None:
    """No job of those that wait has failed or been tried in vain."""
    fetchval = town.app.db.pool.fetchval
    for used in (
        "select count(*) from pgqueuer where attempts > 0 and entrypoint ~ '^settle'",
        "select count(*) from pgqueuer where status = 'failed'",
        "select count(*) from pgqueuer_log where traceback is not null and entrypoint ~ '^settle'",
    ):
        assert await fetchval(used) == 0, used


async def _drained_evenly(town: Town) -> None:
    """As the bank's own books say, no second had much more than PROVIDER_DRAIN_PER_S."""
    books = await asyncio.to_thread(town.outsides[0].now.books)
    moments = sorted(datetime.fromisoformat(it["created_at"]) for it in books["payments"])
    assert len(moments) == PAYOUTS
    worst = max(sum(start <= it < start + SECOND for it in moments) for start in moments)
    spread = Counter(int((it - moments[0]).total_seconds()) for it in moments)
    assert worst <= DRAIN_PER_S * 1.5, sorted(spread.items())


async def test_at_most_the_probes_get_through_a_breaker_that_is_half_open(
    town: Town, till: Till
) -> None:
    await all_serve(town, "api-0", "api-1")
    await town.outsides[0].turn("stripe", {"failure_rate": 1})
    for _ in range(5):
        await till.insist(till.charge())
    await in_state(town, "stripe", "open")
    await town.outsides[0].turn("stripe", {"latency": {"ms": 700}})
    await asyncio.sleep(COOLDOWN_S + 0.1)
    before = await asyncio.to_thread(requests_at, town, "stripe")
    charges = [till.charge() for _ in range(40)]
    answers = await asyncio.gather(
        *(till.once(it, door=number % 2) for number, it in enumerate(charges))
    )
    statuses = Counter(answer and answer.status_code for answer in answers)
    assert statuses == {201: PROBES, 503: 40 - PROBES}
    assert await asyncio.to_thread(requests_at, town, "stripe") == before + PROBES
    await in_state(town, "stripe", "closed")
    await town.outsides[0].turn("stripe", {})
    await till.insist(*charges)
    town.start("worker-0")
    await all_is_well(town, till)


async def test_forced_open_it_stays_so_for_all_processes_and_after_restarts(
    town: Town, till: Till
) -> None:
    names = ("api-0", "api-1", "worker-0", "worker-1")
    await all_serve(town, *names)
    await day_has_begun(town)
    asked_before = await asyncio.gather(*(asyncio.to_thread(requests_at, town, it) for it in SIDES))
    for provider in ("stripe", "partner_bank"):
        await town.keep_breaker(provider, "open")
    await till.insist(*(till.payout() for _ in range(10)))
    charges = [till.charge(), till.charge()]
    for _ in range(2):
        for door in (0, 1):
            answer = await till.once(charges[door], door=door)
            assert answer is not None
            assert answer.status_code == 503
            async with town.caller(town.doors[door], timeout_s=5, role=Role.VIEWER) as caller:
                told = (await caller.get("/api/v1/providers/status")).json()["items"]
                assert (await caller.get(CHARGES)).json()["items"] == []
            forced = {it["name"]: it["breaker"]["forced"] for it in told}
            assert (forced["stripe"], forced["partner_bank"]) == ("open", "open")
        await asyncio.sleep(2 * COOLDOWN_S)
        for name in names:
            await asyncio.to_thread(town.processes[name].kill)
        await all_serve(town, *names)
    asked = await asyncio.gather(*(asyncio.to_thread(requests_at, town, it) for it in SIDES))
    assert asked == asked_before
    await _nothing_is_used_up(town)
    for provider in ("stripe", "partner_bank"):
        await town.keep_breaker(provider, "automatic")
    await till.insist(*charges)
    await all_is_well(town, till)
