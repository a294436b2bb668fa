"""Runs that are made by themselves: at their times of day, once by all workers together."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.payment_runs.running import Payroll, treasurer
from tests.payments.paying import an_office, settings_of
from tests.simulator.simulating import Simulator

from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.jobs.model import Run
from paywright.jobs.registry import REGISTRY
from paywright.payment_runs import jobs
from paywright.payment_runs.due import ask_for_due_runs, make_runs
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.tasks import MakePaymentRuns
from paywright.payment_runs.views import list_runs
from paywright.payments.model import PaymentStatus

SLOT = datetime.now(UTC).replace(second=0, microsecond=0)
TIMES = (SLOT.time(),)


@pytest.fixture
async def payroll(database_url: str, simulator: Simulator) -> AsyncIterator[Payroll]:
    async with an_office(database_url, settings_of(simulator)) as office:
        payroll = Payroll(office)
        await payroll.prepare()
        yield payroll


def at(minutes: float = 0) -> Cause:
    return Cause(actor=SYSTEM, at=SLOT + timedelta(minutes=minutes), request_id="req_test")


async def asked_for(payroll: Payroll) -> list[str]:
    return [it["currency"] for it in await payroll.office.jobs("make_payment_runs")]


async def made(payroll: Payroll) -> list[PaymentRun]:
    return list((await list_runs(payroll.db, treasurer(), limit=100)).items)


async def test_at_its_time_what_waits_leaves_by_itself(payroll: Payroll) -> None:
    waiting = await payroll.waiting(100, 200)
    await payroll.waiting(400, vendor="sued")  # waits for a file, and a person
    await ask_for_due_runs(payroll.db, at(-1), times=TIMES)
    assert await asked_for(payroll) == []
    await ask_for_due_runs(payroll.db, at(0.5), times=TIMES)
    assert await asked_for(payroll) == ["EUR"]
    await make_runs(payroll.db, payroll.app.vendor_parts, at(1), currency="EUR")
    (run,) = await made(payroll)
    assert (run.method, run.status, run.payments) == (RunMethod.PROVIDER, RunStatus.RELEASED, 2)
    for it in waiting:
        assert (await payroll.office.settle(it)).status is PaymentStatus.SUCCEEDED


async def test_a_moment_counts_once_for_all_workers(payroll: Payroll) -> None:
    await payroll.waiting(100)
    await asyncio.gather(
        *(ask_for_due_runs(payroll.db, at(minutes), times=TIMES) for minutes in (0, 1, 1, 2, 60))
    )
    assert await asked_for(payroll) == ["EUR"]
    await ask_for_due_runs(payroll.db, at(90), times=TIMES)
    assert await asked_for(payroll) == ["EUR"]
    await ask_for_due_runs(payroll.db, at(24 * 60), times=TIMES)
    assert await asked_for(payroll) == ["EUR", "EUR"]


async def test_who_was_away_makes_up_for_it_within_two_hours(payroll: Payroll) -> None:
    await payroll.waiting(100)
    await ask_for_due_runs(payroll.db, at(120), times=TIMES)
    assert await asked_for(payroll) == []
    await ask_for_due_runs(payroll.db, at(119), times=TIMES)
    assert await asked_for(payroll) == ["EUR"]


async def test_of_several_that_were_missed_one_is_enough(payroll: Payroll) -> None:
    await payroll.waiting(100)
    times = [(SLOT - timedelta(minutes=it)).time() for it in (0, 10, 20)]
    await ask_for_due_runs(payroll.db, at(1), times=times)
    assert await asked_for(payroll) == ["EUR"]
    assert await payroll.db.pool.fetchval("select count(*) from payment_run_slots") == 3


async def test_the_job_that_comes_twice_makes_one_run(payroll: Payroll) -> None:
    await payroll.waiting(100, 200)
    parts = payroll.app.vendor_parts
    await asyncio.gather(*(make_runs(payroll.db, parts, at(), currency="EUR") for _ in range(4)))
    assert [it.payments for it in await made(payroll)] == [2]
    assert len(await payroll.office.jobs("settle_payment")) == 2


async def test_payments_of_a_paused_vendor_wait_until_it_is_paid_again(
    payroll: Payroll, monkeypatch: pytest.MonkeyPatch
) -> None:
    await payroll.waiting(100, 200)
    until = datetime.now(UTC) + timedelta(hours=1)
    await payroll.db.pool.execute("update vendors set paused_until = $1", until)
    monkeypatch.setattr("paywright.payment_runs.due.RUN_MAX", 1)
    async with asyncio.timeout(20):
        await make_runs(payroll.db, payroll.app.vendor_parts, at(), currency="EUR")
    assert await made(payroll) == []
    await payroll.db.pool.execute("update vendors set paused_until = null")
    await make_runs(payroll.db, payroll.app.vendor_parts, at(), currency="EUR")
    assert sum(it.status is RunStatus.RELEASED for it in await made(payroll)) == 2


async def test_the_worker_knows_the_job_and_both_schedules(payroll: Payroll) -> None:
    assert {"make_payment_runs", "complete_payment_runs"} <= set(REGISTRY.schedules)
    assert REGISTRY.jobs["make_payment_runs"].task is MakePaymentRuns
    run = Run(app=payroll.app, cause=at(), attempt=1, job_id=0, causes=[at()])
    await jobs.run_ask_for_due_runs(run)  # no times are set: nothing is due
    await jobs.run_make_payment_runs(run, MakePaymentRuns("EUR"))
    await jobs.run_complete_payment_runs(run)
    assert await made(payroll) == []
    assert payroll.app.settings.payment_run_times == ""
