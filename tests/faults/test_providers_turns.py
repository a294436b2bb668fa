"""Turns of one payment that come together: after a death more of them are due than one."""

import asyncio
from pathlib import Path

import pytest
from tests.faults.providers_clients import Clients
from tests.faults.providers_plan import Plan, plan_of
from tests.faults.providers_town import town_on

from paywright.cli import prepare
from paywright.core.ids import PaymentId

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["rising", "falling"])
async def test_turns_that_come_together_leave_one_that_comes_later(
    database_url: str, folder: Path, order: tuple[int, int]
) -> None:
    plan = plan_of(5, payments=12, calm=True)
    paid = [it for it in plan.askings if it.whom == "Nordlicht Bau GmbH"]
    plan = Plan(plan.seed, tuple(paid[:2]), ())
    async with town_on(database_url, folder, seed=1) as town:
        for name in ("api-0", "api-1"):
            town.start(name)
        await town.are_ready()
        await town.outsides[0].turn("bank", {"settle_after_ms": 60_000})
        async with Clients(town, plan) as clients:
            for asking in plan.askings:
                await clients.carry_out(asking)
            told = [it.answers[0].about for it in clients.requests]
        one, other = (PaymentId.parse(it or "") for it in told)
        cause, settle = prepare.system_cause(), town.app.settling.settle
        await settle(cause, one, turn=0)
        await settle(cause, one, turn=1)
        # As a worker has them that takes them over; while the other is begun, these two wait.
        await town.app.db.pool.execute("update pgqueuer set status = 'picked'")
        await asyncio.gather(
            settle(cause, other, turn=0), *(settle(cause, one, turn=turn) for turn in order)
        )
        left = await town.app.db.pool.fetchval(
            "select count(*) from pgqueuer where status = 'queued' and dedupe_key like $1",
            f"settle:{one}:%",
        )
        assert left == 1
