"""PostgreSQL goes away under load and comes back: the processes get over it by themselves."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest
from tests.faults.stage import Clients, Stage, all_decided, balance, ready, staged
from tests.processes import Process, reachable_folder, residents, until

from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.db.pool import Database

pytestmark = pytest.mark.faults


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A durable server of this test's own."""
    with reachable_folder() as path:
        server = EmbeddedServer(path / "postgres")
        server.start()
        yield server
        server.stop()


def stop(server: EmbeddedServer) -> None:
    server.stop()


def kill(server: EmbeddedServer) -> None:
    """kill -9 of the whole server: as when the machine loses power, but for the disks."""
    for process in residents(server.data_dir):
        process.kill()


@pytest.mark.parametrize("end", [stop, kill])
async def test_an_outage_of_the_database_loses_doubles_and_buries_nothing(
    server: EmbeddedServer, clients: Clients, end: object
) -> None:
    await migrate(server.url)
    with reachable_folder() as folder:
        async with staged(server.url, folder) as stage:
            await endure(stage, server, clients, end)


async def test_processes_that_start_before_the_database_wait_for_it(
    server: EmbeddedServer, clients: Clients
) -> None:
    await migrate(server.url)
    with reachable_folder() as folder:
        async with staged(server.url, folder) as stage:
            await asyncio.to_thread(server.stop)
            api, worker = stage.start("serve"), stage.start("work")
            for process in (api, worker):
                await until(lambda p=process: waits(p), what=f"{process.name} to wait")
            await asyncio.to_thread(server.start)
            await ready(api)
            async with stage.client(api) as client:
                await clients.post_new(client, 3)
                await until(lambda: has_decided(client, clients), what="the first decision")


async def waits(process: Process) -> bool:
    assert process.is_running(), process.complained()
    return "database.awaited" in process.complained()


async def endure(stage: Stage, server: EmbeddedServer, clients: Clients, end: object) -> None:
    url = server.url
    api, worker = await stage.api(), stage.start("work")
    async with stage.client(api) as client, clients.posting(client):
        await clients.count_beyond(100)
        await until(lambda: has_decided(client, clients), what="the first decision")
        for _ in range(2):
            before = len(clients.refusals)
            await asyncio.to_thread(end, server)
            await away(client, clients, refusals=before + 12)
            assert await asyncio.to_thread(server.start) == url
            await clients.count_beyond(len(clients.answers) + 100)
    assert api.is_running()
    assert worker.is_running()
    async with stage.client(api) as client:
        await clients.send_again(client)
    for process in (api, worker):
        lines = process.complained().splitlines()
        assert not [line for line in lines if '"level":"error"' in line or "Traceback" in line]
    for answer in clients.refusals:
        assert_is_unavailable(answer)
    db = await Database.connect(server.url, connections_max=2)
    try:
        await all_decided(db)
        await balance(db, clients)
    finally:
        await db.close()


async def has_decided(client: httpx2.AsyncClient, clients: Clients) -> bool:
    """Whether the worker works."""
    first = clients.issue_id(min(clients.answers))
    return (await client.get(f"/api/v1/issues/{first}")).json()["decision"] is not None


async def away(client: httpx2.AsyncClient, clients: Clients, *, refusals: int) -> None:
    """While the database is away the API lives and says so, to writers, readers and probes."""

    async def refused() -> bool:
        return len(clients.refusals) >= refusals

    await until(refused, what="refusals")
    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/health/ready")).status_code == 503
    assert_is_unavailable(await client.get("/api/v1/issues"))
    metrics = await client.get("/metrics")
    assert metrics.status_code == 200
    assert "database_up 0.0" in metrics.text


def assert_is_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("/problems/database-unavailable", 503)
    assert problem["request_id"] == answer.headers["x-request-id"]
