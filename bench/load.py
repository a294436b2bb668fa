"""Load over HTTP/1.1: raw asyncio connections that are kept alive, each with one request at a time.

An ordinary client costs several times what the server does, and would be all that is measured.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

_PATIENCE_S = 300.0


class LoadFailed(Exception):
    """The server hung up, or took too long."""


class Loaded(msgspec.Struct, frozen=True):
    """What came of a number of requests. `seconds`: from the first sent to the last answered."""

    seconds: float
    latencies_ms: Sequence[float]
    statuses: Sequence[int]
    bodies: Sequence[bytes]

    @property
    def per_second(self) -> float:
        return len(self.bodies) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


class _Load:
    """What the connections share: the requests that are left, and the answers."""

    def __init__(self, requests: Sequence[bytes], told: Callable[[int], None]) -> None:
        self.requests = requests
        self.left = iter(range(len(requests)))
        self.latencies_ms: list[float] = []
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.all_answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told = told

    def answered(self, latency_ms: float, status: int, body: bytes) -> None:
        self.latencies_ms.append(latency_ms)
        self.statuses.append(status)
        self.bodies.append(body)
        self._told(1)
        if len(self.bodies) == len(self.requests) and not self.all_answered.done():
            self.all_answered.set_result(None)

    def failed(self, reason: str) -> None:
        if not self.all_answered.done():
            self.all_answered.set_exception(LoadFailed(reason))


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at: float | None = None  # None: nothing is under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def send_next(self) -> None:
        assert self._transport is not None
        index = next(self._load.left, None)
        if index is None:
            self._sent_at = None
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._load.requests[index])

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head_end = received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        at = received.find(b"content-length: ", 0, head_end)
        if at < 0:
            self._load.failed("an answer without content-length")
            return
        line_end = received.find(b"\r\n", at)
        body_end = head_end + 4 + int(received[at + 16 : line_end])
        if len(received) < body_end or self._sent_at is None:
            return
        latency_ms = (time.perf_counter() - self._sent_at) * 1000
        self._received = b""
        self._load.answered(latency_ms, int(received[9:12]), received[head_end + 4 : body_end])
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent_at is not None:
            self._load.failed(f"the server hung up: {exc or 'no reason given'}")

    def close(self) -> None:
        self._sent_at = None
        if self._transport is not None:
            self._transport.abort()


async def post_all(
    port: int, requests: Sequence[bytes], *, connections: int, told: Callable[[int], None]
) -> Loaded:
    """Send the requests, in order, over so many connections. Raises LoadFailed.

    told: called with the number of requests that were answered just now
    """
    loop = asyncio.get_running_loop()
    load = _Load(requests, told)
    doors = [
        (await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    started = time.perf_counter()
    try:
        for door in doors:
            door.send_next()
        async with asyncio.timeout(_PATIENCE_S):
            await load.all_answered
    except TimeoutError as error:
        raise LoadFailed(f"not done within {_PATIENCE_S:g} s") from error
    finally:
        seconds = time.perf_counter() - started
        for door in doors:
            door.close()
    return Loaded(seconds, load.latencies_ms, load.statuses, load.bodies)
