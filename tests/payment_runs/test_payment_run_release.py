"""Runs that leave by providers: collected, released once, canceled, completed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.builders import eur
from tests.payment_runs.running import NO_FILES, Payroll, id_of, treasurer
from tests.payments.paying import an_office, settings_of, somebody
from tests.simulator.simulating import Simulator

from paywright.core.actor import PermissionMissing
from paywright.idempotency import KeyReused
from paywright.identity.permissions import Role
from paywright.payment_runs.collect import DayImpossible, FilesNotSetUp, NothingToCollect
from paywright.payment_runs.complete import complete_runs
from paywright.payment_runs.model import RunMethod, RunStatus
from paywright.payment_runs.release import NothingLeft
from paywright.payment_runs.state import OtherMethod, RunNotCollected
from paywright.payment_runs.views import list_runs
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.cancel import cancel_payment
from paywright.payments.vendor.refusals import PaymentLeft
from paywright.vendors.model import PayoutMode

S = PaymentStatus


@pytest.fixture
async def payroll(database_url: str, simulator: Simulator) -> AsyncIterator[Payroll]:
    async with an_office(database_url, settings_of(simulator)) as office:
        payroll = Payroll(office)
        await payroll.prepare()
        yield payroll


def paid(simulator: Simulator) -> list[int]:
    books = simulator.books()["payments"]
    return sorted(it["amount_minor"] for it in books if it["status"] == "settled")


async def test_a_run_takes_what_waits_and_lets_it_leave_together(
    payroll: Payroll, simulator: Simulator
) -> None:
    waiting = await payroll.waiting(100, 200, 300)
    assert [it.status for it in waiting] == [S.PROCESSING] * 3
    assert await payroll.office.jobs("settle_payment") == []
    run = await payroll.collect()
    assert (run.status, run.payments, run.amount) == (RunStatus.COLLECTED, 3, eur(600))
    assert await payroll.office.jobs("settle_payment") == []
    departure = await payroll.release(run)
    assert (departure.run.status, list(departure.held_back)) == (RunStatus.RELEASED, [])
    assert len(await payroll.office.jobs("settle_payment")) == 3
    await complete_runs(payroll.db, treasurer())
    assert (await payroll.see(run.id)).run.status is RunStatus.RELEASED
    for it in waiting:
        assert (await payroll.office.settle(it)).status is S.SUCCEEDED
    await complete_runs(payroll.db, treasurer())
    shown = await payroll.see(run.id)
    assert (shown.run.status, paid(simulator)) == (RunStatus.COMPLETED, [100, 200, 300])
    (total,) = shown.totals
    assert (total.status, total.payments, total.amount_minor) == ("succeeded", 3, 600)
    assert await payroll.office.events(run.id) == [
        "payment_run.collected",
        "payment_run.released",
        "payment_run.completed",
    ]


async def test_without_anything_that_waits_there_is_no_run(payroll: Payroll) -> None:
    await payroll.waiting(100, vendor="nordlicht")  # leaves at once
    await payroll.waiting(200, vendor="sued")  # waits for a file
    await payroll.office.enter(300, vendor_id="weser")  # waits for approval
    with pytest.raises(NothingToCollect):
        await payroll.ask()
    with pytest.raises(NothingToCollect):
        await payroll.ask(RunMethod.FILE, currency="USD")
    assert (await list_runs(payroll.db, treasurer(), limit=10)).items == []


async def test_a_limit_leaves_the_younger_ones_waiting(payroll: Payroll) -> None:
    waiting = await payroll.waiting(100, 200, 300)
    first = await payroll.collect(limit=2)
    assert [it.id for it in (await payroll.see(first.id)).payments.items] == [
        it.id for it in waiting[:2]
    ]
    second = await payroll.collect()
    assert [it.id for it in (await payroll.see(second.id)).payments.items] == [waiting[2].id]


async def test_the_same_request_makes_one_run(payroll: Payroll) -> None:
    await payroll.waiting(100)
    first = await payroll.ask(key="k")
    again = await payroll.ask(key="k")
    assert (first.answer, again.answer, again.replayed) == (again.answer, first.answer, True)
    with pytest.raises(KeyReused):
        await payroll.ask(key="k", limit=1)


async def test_two_people_at_once_never_take_the_same_payment(payroll: Payroll) -> None:
    waiting = await payroll.waiting(*range(101, 113))
    for _ in range(6):
        found = await asyncio.gather(*(payroll.ask() for _ in range(5)), return_exceptions=True)
        made = [it for it in found if not isinstance(it, BaseException)]
        assert all(isinstance(it, NothingToCollect) for it in found if it not in made)
        assert len(made) == 1
        shown = [await payroll.see(id_of(it.answer)) for it in made]
        held = [it.id for run in shown for it in run.payments.items]
        assert sorted(held) == sorted(it.id for it in waiting)
        for it in shown:
            await payroll.cancel(it.run)


async def test_the_same_key_at_once_makes_one_run(payroll: Payroll) -> None:
    await payroll.waiting(100)
    answers = await asyncio.gather(*(payroll.ask(key="k") for _ in range(5)))
    assert len({it.answer.body for it in answers}) == 1
    assert sorted(it.replayed for it in answers) == [False, True, True, True, True]


async def test_two_who_release_at_once_release_once(payroll: Payroll) -> None:
    await payroll.waiting(100, 200)
    run = await payroll.collect()
    found = await asyncio.gather(*(payroll.release(run) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(it, RunNotCollected) for it in found) == 4
    assert len(await payroll.office.jobs("settle_payment")) == 2
    assert (await payroll.office.events(run.id)).count("payment_run.released") == 1


async def test_of_release_and_cancel_at_once_one_wins(payroll: Payroll) -> None:
    for minor in (100, 200, 300, 400):
        await payroll.waiting(minor)
        run = await payroll.collect()
        found = await asyncio.gather(
            payroll.release(run), payroll.cancel(run), return_exceptions=True
        )
        assert sum(isinstance(it, RunNotCollected) for it in found) == 1
        left = await payroll.office.jobs("settle_payment")
        is_released = (await payroll.see(run.id)).run.status is RunStatus.RELEASED
        assert bool(left) == is_released
        await payroll.db.pool.execute("delete from pgqueuer")


async def test_a_canceled_run_gives_its_payments_back(payroll: Payroll) -> None:
    waiting = await payroll.waiting(100, 200)
    run = await payroll.collect()
    assert (await payroll.cancel(run)).status is RunStatus.CANCELED
    with pytest.raises(RunNotCollected):
        await payroll.release(run)
    with pytest.raises(RunNotCollected):
        await payroll.cancel(run)
    another = await payroll.collect()
    assert another.payments == len(waiting)


async def test_what_is_in_a_run_is_not_canceled_by_itself(payroll: Payroll) -> None:
    (only,) = await payroll.waiting(100)
    run = await payroll.collect()
    with pytest.raises(PaymentLeft):
        await cancel_payment(payroll.db, treasurer(), payment_id=only.id)
    await payroll.cancel(run)
    done = await cancel_payment(payroll.db, treasurer(), payment_id=only.id)
    assert done.status is S.CANCELED


async def test_what_may_not_leave_any_more_is_held_back(payroll: Payroll) -> None:
    await payroll.office.register("fulda", payout_mode=PayoutMode.RUN)
    (stays,) = await payroll.waiting(100, vendor="fulda")
    (goes,) = await payroll.waiting(200)
    run = await payroll.collect()
    await payroll.db.pool.execute("update vendors set status = 'blocked' where id = 'fulda'")
    departure = await payroll.release(run)
    assert [(it.payment_id, it.reason) for it in departure.held_back] == [
        (stays.id, "vendor_blocked")
    ]
    assert (departure.run.payments, departure.run.amount) == (1, eur(200))
    assert len(await payroll.office.jobs("settle_payment")) == 1
    assert (await payroll.office.see(stays.id)).status is S.CANCELED
    assert [it.id for it in (await payroll.see(run.id)).payments.items] == [goes.id]


async def test_a_run_of_which_nothing_may_leave_is_canceled(payroll: Payroll) -> None:
    await payroll.waiting(100)
    run = await payroll.collect()
    await payroll.db.pool.execute("update vendors set status = 'blocked' where id = 'weser'")
    with pytest.raises(NothingLeft) as refused:
        await payroll.release(run)
    assert [it["reason"] for it in refused.value.extra["held_back"]] == ["vendor_blocked"]
    assert (await payroll.see(run.id)).run.status is RunStatus.CANCELED
    with pytest.raises(RunNotCollected):
        await payroll.release(run)


async def test_a_vendor_who_is_paused_is_held_back_and_waits_for_the_next_run(
    payroll: Payroll,
) -> None:
    await payroll.office.register("paused", payout_mode=PayoutMode.RUN)
    (waits,) = await payroll.waiting(100, vendor="paused")
    await payroll.waiting(200)
    run = await payroll.collect()
    until = datetime.now(UTC) + timedelta(hours=1)
    await payroll.db.pool.execute("update vendors set paused_until = $1 where id = 'paused'", until)
    departure = await payroll.release(run)
    assert [(it.payment_id, it.reason) for it in departure.held_back] == [
        (waits.id, "vendor_paused")
    ]
    assert departure.run.amount == eur(200)
    await payroll.db.pool.execute("update vendors set paused_until = null")
    assert (await payroll.collect()).amount == eur(100)


async def test_what_a_run_cannot_be_is_refused(payroll: Payroll) -> None:
    await payroll.waiting(100)
    today = datetime.now(UTC).date()
    with pytest.raises(DayImpossible):
        await payroll.ask(execution_date=today)
    for day in (today - timedelta(days=1), today + timedelta(days=367)):
        with pytest.raises(DayImpossible):
            await payroll.ask(RunMethod.FILE, execution_date=day)
    with pytest.raises(FilesNotSetUp):
        await payroll.ask(RunMethod.FILE, terms=NO_FILES)
    run = await payroll.collect()
    with pytest.raises(OtherMethod):
        await payroll.export(run)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DISPATCHER, Role.APPROVER, Role.REVIEWER])
async def test_who_may_not_manage_runs_is_refused(payroll: Payroll, role: Role) -> None:
    with pytest.raises(PermissionMissing):
        await payroll.ask(cause=somebody("usr_vera", role))
