"""Money is moved while API processes and the database are killed: what was answered stays so, and
what was repeated happened once."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.faults.ledger_stage import (
    Crowd,
    Tellers,
    a_move,
    agree,
    complaints,
    no_deadlock,
    verified,
)
from tests.faults.stage import Stage, holding, ready, staged, waiting_on_lock
from tests.processes import postmaster, reachable_folder, residents, until

from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.db.pool import Database

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A durable server of this test's own."""
    with reachable_folder() as path:
        server = EmbeddedServer(path / "postgres")
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def on_server(server: EmbeddedServer) -> AsyncIterator[Stage]:
    await migrate(server.url)
    with reachable_folder() as folder:
        async with staged(server.url, folder) as stage:
            yield stage


async def books_agree(stage: Stage, tellers: Tellers) -> None:
    db = await Database.connect(stage.url, connections_max=2)
    try:
        await agree(db, tellers)
        await no_deadlock(db)
    finally:
        await db.close()
    await verified(stage)


async def lose(server: EmbeddedServer, tellers: Tellers, *, only_postmaster: bool) -> None:
    """kill -9 of the server; the callers notice; it comes back at the same place."""
    before = len(tellers.unavailable) + tellers.broken
    if only_postmaster:
        postmaster(server.data_dir.parent).kill()
    else:
        for process in residents(server.data_dir):
            process.kill()

    async def noticed() -> bool:
        return server.poll() is not None and len(tellers.unavailable) + tellers.broken > before + 5

    await until(noticed, what="callers to notice")
    url = server.url
    assert await asyncio.to_thread(server.start) == url


async def test_money_moves_once_whatever_is_killed(
    on_server: Stage, server: EmbeddedServer
) -> None:
    apis = list(await asyncio.gather(on_server.api(), on_server.api()))
    on_server.start("work")  # sweeps holds meanwhile
    async with Tellers(on_server, [int(api.port) for api in apis]) as tellers:
        crowd = await Crowd.of(tellers, purses=6, each=3000)
        async with crowd.at_work(callers=16):
            for door in (0, 1, 0):
                await tellers.count_beyond(len(tellers.answers) + 200)
                apis[door].kill()
                await tellers.count_beyond(len(tellers.answers) + 50)  # by the other one
                apis[door] = on_server.start("serve", PORT=apis[door].port)
                await tellers.count_beyond(len(tellers.answers) + 50)
                await lose(server, tellers, only_postmaster=door == 1)
                await asyncio.gather(*map(ready, apis))
            await tellers.count_beyond(len(tellers.answers) + 200)
        assert tellers.broken
        assert tellers.unavailable
        await tellers.send_again()
        await books_agree(on_server, tellers)
    assert all(api.is_running() for api in apis)


async def test_both_apis_and_the_database_killed_at_once_lose_nothing_that_was_told(
    on_server: Stage, server: EmbeddedServer
) -> None:
    apis = list(await asyncio.gather(on_server.api(), on_server.api()))
    async with Tellers(on_server, [int(api.port) for api in apis]) as tellers:
        crowd = await Crowd.of(tellers, purses=4, each=3000)
        async with crowd.at_work(callers=24):
            await tellers.count_beyond(len(tellers.answers) + 300)
            for process in residents(server.data_dir):
                process.kill()
            for api in apis:
                api.kill()
            await until(lambda: ended(server), what="the server to end")
            await asyncio.to_thread(server.start)
            for api in apis:
                on_server.start("serve", PORT=api.port)
            await tellers.count_beyond(len(tellers.answers) + 300)
        await tellers.send_again()
        await books_agree(on_server, tellers)


async def ended(server: EmbeddedServer) -> bool:
    return server.poll() is not None


async def test_what_a_killed_process_had_accepted_happens_once_or_not_at_all(
    on_server: Stage,
) -> None:
    api = await on_server.api()
    async with Tellers(on_server, [int(api.port)]) as tellers:
        crowd = await Crowd.of(tellers, purses=2, each=10_000)
        body = a_move(*crowd.purses, 1)
        for burst in range(4):
            before = len(tellers.answers)
            # More than there are connections: the last ones are not even sent by then.
            asks = [
                asyncio.create_task(tellers.move("/api/v1/transfers", body)) for _ in range(500)
            ]
            await tellers.count_beyond(before + 40 * burst)
            api.kill()
            assert not all(ask.done() for ask in asks), "killed too late"
            api = on_server.start("serve", PORT=api.port)
            await asyncio.gather(*asks)
        assert tellers.broken
        assert {answer.status for answer in tellers.answers.values()} == {201}
        await tellers.send_again()
        await books_agree(on_server, tellers)


@pytest.mark.parametrize(
    "table", ["accounts", "idempotency_keys", "ledger_transfers", "payments", "events"]
)
async def test_a_kill_between_two_writes_leaves_all_of_them_or_none(
    stage: Stage, db: Database, table: str
) -> None:
    doomed, other = await asyncio.gather(stage.api(), stage.api())
    async with Tellers(stage, [int(doomed.port), int(other.port)]) as tellers:
        crowd = await Crowd.of(tellers, purses=2, each=1000)
        body = a_move(*crowd.purses, 10)
        keys = [tellers.plan("/api/v1/transfers", body) for _ in range(20)]
        async with holding(stage.url, f"lock table {table} in share row exclusive mode"):
            asks = asyncio.gather(
                *(tellers.ask_once(tellers.sent[key], key, doors=[0]) for key in keys)
            )
            await waiting_on_lock(db, "paywright-api")
            doomed.kill()
            assert await asks == [None] * len(keys)
        await asyncio.gather(*(tellers.insist(key, doors=[1]) for key in keys))
        assert all(tellers.fresh[key] == 1 for key in keys)
        await agree(db, tellers)


async def test_asked_to_stop_under_load_it_answers_all_that_it_accepted(
    on_server: Stage,
) -> None:
    apis = list(await asyncio.gather(on_server.api(), on_server.api()))
    async with Tellers(on_server, [int(api.port) for api in apis]) as tellers:
        crowd = await Crowd.of(tellers, purses=4, each=1000)
        async with crowd.at_work(callers=24):
            await tellers.count_beyond(300)
            apis[0].popen.terminate()
            assert await asyncio.to_thread(apis[0].wait) == 0, apis[0].complained()
            await tellers.count_beyond(len(tellers.answers) + 50)
            await ready(on_server.start("serve", PORT=apis[0].port))
        assert tellers.unavailable == []
        assert complaints(*apis) == []
        await tellers.send_again()
        await books_agree(on_server, tellers)
