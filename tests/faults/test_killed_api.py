"""The API is killed; clients ask again with the same keys: nothing is lost and nothing doubled."""

import asyncio
import time

import pytest
from tests.faults.stage import Clients, Stage, all_decided, balance
from tests.processes import until

from paywright.db.pool import Database

pytestmark = pytest.mark.faults


async def test_what_was_answered_before_a_kill_is_replayed_after_it(
    stage: Stage, db: Database, clients: Clients
) -> None:
    for _ in range(2):
        api = await stage.api()
        async with stage.client(api) as client:
            answer = await clients.post(client, clients.new_key())
            api.kill()  # at once
        assert answer
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers
    async with stage.client(await stage.api()) as client:
        await clients.send_again(client)
    stage.start("work")
    await all_decided(db)
    await balance(db, clients)


async def test_a_kill_in_the_middle_of_a_burst_loses_and_doubles_nothing(
    stage: Stage, db: Database, clients: Clients
) -> None:
    stage.start("work")
    for burst in (0, 1):
        api = await stage.api()
        async with stage.client(api) as client:
            before = len(clients.answers)
            # More than the client has connections: the last ones are not even sent by then.
            keys = [clients.new_key() for _ in range(600)]
            posts = asyncio.gather(*(clients.post(client, key) for key in keys))
            await clients.count_beyond(before + 40 * burst)
            api.kill()
            answers = await posts
        assert {answer.status_code for answer in answers if answer} == {201}
        assert any(answer is None for answer in answers), "killed too late"
    async with stage.client(await stage.api()) as client:
        await clients.send_again(client)
        await clients.send_again(client)
    await all_decided(db)
    await balance(db, clients)


async def test_asked_to_stop_under_load_all_end_in_time_and_keep_what_they_promised(
    stage: Stage, db: Database, clients: Clients
) -> None:
    seconds = 15
    api = await stage.api(SHUTDOWN_TIMEOUT_MS=seconds * 1000)
    worker = stage.start("work", SHUTDOWN_TIMEOUT_MS=seconds * 1000)
    async with stage.client(api) as client, clients.posting(client, callers=20, insist=False):
        await clients.count_beyond(200)
        await until(lambda: some_decided(db), what="a decision")
        api.popen.terminate()
        worker.popen.terminate()
        asked = time.monotonic()
        statuses = [await asyncio.to_thread(process.wait) for process in (api, worker)]
        assert time.monotonic() - asked < seconds
    assert statuses == [0, 0], api.complained() + worker.complained()
    assert "Traceback" not in api.complained() + worker.complained()
    assert not clients.refusals
    async with stage.client(await stage.api()) as client:
        await clients.send_again(client)
    stage.start("work")
    await all_decided(db)
    await balance(db, clients)


async def some_decided(db: Database) -> bool:
    return await db.pool.fetchval("select exists (select from decisions)")


async def test_an_idle_api_with_open_connections_stops_at_once(
    stage: Stage, clients: Clients
) -> None:
    api = await stage.api(SHUTDOWN_TIMEOUT_MS=20_000)
    async with stage.client(api) as client:
        await clients.post_new(client, 30)
        api.popen.terminate()
        assert await asyncio.to_thread(api.wait, 15) == 0
