"""The same charge, asked for at two processes at once while its provider is tried again: locks that
both need are taken in one order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.builders import TEST_KEY
from tests.faults.stage import holding
from tests.ledger.building import opened
from tests.processes import until
from tests.simulator.simulating import Simulator

from paywright.cli import prepare
from paywright.core.ids import AccountId
from paywright.core.money import Money
from paywright.payments.charge import ChargeRequest, open_charges
from paywright.payments.making import Making
from paywright.payments.operations import ProviderUnavailable
from paywright.settings import Settings
from paywright.wiring import App, build

_QUEUE = "lock table pgqueuer in exclusive mode"  # others can read it, and not change it


@pytest.fixture
async def apps(
    database_url: str, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[tuple[App, App]]:
    """Two processes, as far as the database can tell, on the same books."""
    settings = Settings(
        encryption_key=TEST_KEY,
        paywright_data_dir=tmp_path,
        stripe_api_key="sk_test_simulator",
        stripe_api_base=simulator.urls["stripe"],
        stripe_timeout_ms=3_000,
        circuit_breaker_probes=2,
    )
    async with AsyncExitStack() as stack:
        found = []
        for number in (0, 1):
            app = await build(settings, url=database_url, application=f"rival-{number}")
            stack.push_async_callback(app.close)
            found.append(app)
        await prepare.ensure_rules(found[0])
        await prepare.load_samples(found[0])
        yield found[0], found[1]


def a_charge(account_id: AccountId, key: str) -> ChargeRequest:
    return ChargeRequest(
        cause=prepare.system_cause(),
        key=key,
        customer_id="cust_042",
        amount=Money(5_000, "EUR"),
        payment_method="pm_card_visa",
        credit_account_id=account_id,
    )


async def is_tried_again(app: App) -> None:
    """The provider's breaker was open for long enough: some calls are let through now."""
    await app.db.pool.execute(
        """
        insert into provider_breakers (provider, state, changed_at, window_at, open_until)
        values ('stripe', 'open', now(), now(), now() - interval '1 s')
            on conflict (provider) do update
           set state = 'open', open_until = now() - interval '1 s', probes_until = '{}'
        """
    )


async def waiting(app: App, count: int, *, statement: str = "%") -> None:
    """Wait until so many statements wait for a lock."""

    async def hang() -> bool:
        found = await app.db.pool.fetchval(
            """
            select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query ilike $1
            """,
            statement,
        )
        return found >= count

    await until(hang, what=f"{count} to wait for a lock")


async def test_of_a_charge_that_a_provider_tried_again_has_no_place_for_nothing_is_kept(
    apps: tuple[App, App],
) -> None:
    """Its key had been claimed by then: it is free again."""
    account = await opened(apps[0].db, owner="cust_217")
    await is_tried_again(apps[0])
    app = apps[0]
    requests = [a_charge(account.id, f"one-of-{number}") for number in range(4)]
    outcomes = await open_charges(app.db, app.gateway, app.settling.schedule, requests)
    refused = [it for it in outcomes if isinstance(it, ProviderUnavailable)]
    assert (len(outcomes), len(refused)) == (4, 2)
    kept = await app.db.pool.fetch("select key, length(body) > 0 as told from idempotency_keys")
    made = await app.db.pool.fetch("select request_key from payments where request_key is not null")
    assert all(row["told"] for row in kept)
    assert {row["key"] for row in kept} == {row["request_key"] for row in made}
    assert len(made) == 2
    # While both places are taken it stays so, and nobody waits for a lock for that.
    keys = {row["key"] for row in kept}
    again = [it for it in requests if it.key not in keys]
    outcomes = await open_charges(app.db, app.gateway, app.settling.schedule, again)
    assert [type(it) for it in outcomes] == [ProviderUnavailable] * 2


async def deadlocks(app: App) -> int:
    await asyncio.sleep(1.3)  # sessions report them once a second
    return await app.db.pool.fetchval(
        "select deadlocks from pg_stat_database where datname = current_database()"
    )


async def test_one_key_at_two_processes_is_never_waited_for_with_a_breaker_in_hand(
    apps: tuple[App, App], database_url: str
) -> None:
    """Else the one that has asked, and wants to record the answer under that key, would wait for
    the breaker, and both of them for each other."""
    account = await opened(apps[0].db, owner="cust_217")
    making = [Making(app.db, app.settling) for app in apps]
    await is_tried_again(apps[0])
    async with AsyncExitStack() as stack:
        release = await stack.enter_async_context(holding(database_url, _QUEUE))
        first = asyncio.create_task(making[0].charge(a_charge(account.id, "twice")))
        await waiting(apps[0], 1)
        second = asyncio.create_task(making[1].charge(a_charge(account.id, "twice")))
        await waiting(apps[0], 2)
        # The first is on file, and asks; who wants to change the queue after that has to wait.
        again = asyncio.create_task(stack.enter_async_context(holding(database_url, _QUEUE)))
        await waiting(apps[0], 3)
        await release()
        release = await again
        await waiting(apps[0], 1, statement="%delete from pgqueuer%")
        await asyncio.sleep(0.3)
        await release()
        answers = await asyncio.gather(first, second)
    assert [it.answer.status for it in answers] in ([201, 201], [201, 202])
    made = "select status from payments where request_key is not null"
    assert [row["status"] for row in await apps[0].db.pool.fetch(made)] == ["succeeded"]
    assert await deadlocks(apps[0]) == 0
