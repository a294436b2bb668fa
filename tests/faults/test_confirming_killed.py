"""Payments are confirmed with codes and sent to another bank while API processes, the worker and
the bank are killed: what was answered stays so, and what was repeated happened once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.faults.confirming_stage import (
    Bank,
    Mixture,
    Payers,
    Town,
    agree,
    drive,
    no_job_is_due,
    settled_town,
    sign_in,
    the_bank_agrees,
    whole,
)
from tests.faults.ledger_stage import Tellers, no_deadlock
from tests.faults.stage import Stage, holding, ready, waiting_on_lock

from paywright.cli import prepare

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def bank(folder: Path) -> Iterator[Bank]:
    bank = Bank(folder)
    yield bank
    bank.close()


@pytest.fixture
async def town(stage: Stage, bank: Bank) -> AsyncIterator[Town]:
    async with settled_town(stage, bank, payers=12) as town:
        yield town


async def test_payments_are_confirmed_and_sent_once_whatever_is_killed(
    stage: Stage, bank: Bank, town: Town
) -> None:
    settings = bank.settings()
    apis = list(await asyncio.gather(stage.api(**settings), stage.api(**settings)))
    worker = stage.start("work", **settings)
    user = await prepare.ensure_development_user(town.app, stage.folder / "keys.json")
    async with Tellers(stage, [int(api.port) for api in apis], seed=11) as tellers:
        await sign_in(tellers.doors[1], user)
        payers = Payers(town, tellers)
        async with payers.at_work(callers=8):
            for door, faults in (
                (0, {"timeout_after_apply_rate": 0.5}),
                (1, {"drop_rate": 0.3, "failure_rate": 0.3, "error_after_apply_rate": 0.2}),
            ):
                await payers.paid_beyond(10)
                bank.now.set(**faults)
                apis[door].kill()
                await payers.paid_beyond(6)  # by the other one
                worker.kill()
                apis[door] = stage.start("serve", PORT=apis[door].port, **settings)
                worker = stage.start("work", **settings)
                await ready(apis[door])
                await payers.paid_beyond(10)
                await asyncio.to_thread(bank.kill)
                await payers.paid_beyond(10)
                await asyncio.to_thread(bank.start)
        assert tellers.broken
        await drive(town)
        await no_job_is_due(town)
        await payers.ask_again()
        left = await agree(town, payers)
    await asyncio.to_thread(the_bank_agrees, bank, left)
    assert left
    dead = await town.app.db.pool.fetchval("select count(*) from pgqueuer where status = 'failed'")
    assert dead == 0
    await no_deadlock(town.app.db)
    assert worker.is_running()
    assert all(api.is_running() for api in apis)


# Everything that is written when payments are weighed, challenged, confirmed and sent.
WRITTEN = (
    *("accounts", "challenge_subjects", "challenges", "events", "idempotency_keys"),
    *("ledger_transfers", "messages", "open_holds", "payment_transitions", "payments"),
    *("pgqueuer", "risk_assessments", "risk_profiles"),
)


@pytest.mark.parametrize("tables", [WRITTEN[:7], WRITTEN[7:]], ids=["first", "second"])
async def test_a_kill_between_two_writes_of_confirming_leaves_all_of_them_or_none(
    stage: Stage, bank: Bank, town: Town, tables: tuple[str, ...]
) -> None:
    settings = bank.settings()
    doomed, other = await asyncio.gather(stage.api(**settings), stage.api(**settings))
    async with Tellers(stage, [int(doomed.port), int(other.port)], seed=13) as tellers:
        payers = Payers(town, tellers)
        for table in tables:
            mixture = await Mixture.of(payers, door=1)
            async with holding(stage.url, f"lock table {table} in share row exclusive mode"):
                asks = asyncio.create_task(mixture.ask(door=0))
                await waiting_on_lock(town.app.db, "paywright-api")
                doomed.kill()
                await asks
            doomed = stage.start("serve", PORT=doomed.port, **settings)
            await whole(town)  # all that it wrote, or nothing
            assert await mixture.finish(door=1), f"killed too late for {table}"
            await ready(doomed)
        await drive(town)
        await payers.ask_again()
        left = await agree(town, payers)
    await asyncio.to_thread(the_bank_agrees, bank, left)


async def test_a_worker_killed_before_or_after_it_asked_the_bank_leaves_a_turn_that_finds_out(
    stage: Stage, bank: Bank, town: Town
) -> None:
    settings = bank.settings()
    api = await stage.api(**settings)
    async with Tellers(stage, [int(api.port)], seed=17) as tellers:
        payers = Payers(town, tellers)
        for table in ("provider_attempts", "ledger_transfers", "payment_transitions"):
            for kind in ("outside", "rejected", "outside"):
                await payers.carry_through(payers.want(kind))
            async with holding(stage.url, f"lock table {table} in share row exclusive mode"):
                doomed = stage.start("work", **settings)
                await waiting_on_lock(town.app.db, "paywright-worker")
                doomed.kill()
            await whole(town)
        stage.start("work", **settings)
        await no_job_is_due(town)
        await drive(town)
        left = await agree(town, payers)
    await asyncio.to_thread(the_bank_agrees, bank, left)
    assert len(left) == 6
