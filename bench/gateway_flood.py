"""What calls through the gateway cost when many are in flight, and how many it keeps there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx2
import msgspec

from bench.gateway_calls import (
    POLICY,
    AtOnce,
    bank,
    cause,
    gateway,
    intent,
    must_be_paid,
    now,
    order,
    percentiles,
    timed,
)
from bench.gateway_provider import Stats
from bench.stack import Process, Server
from paywright.batching import Coalescer
from paywright.db.pool import Database
from paywright.gateway import calls
from paywright.gateway.calling import Gateway
from paywright.gateway.calls import Begun, Ended
from paywright.gateway.model import PayoutOrder
from paywright.gateway.partner_bank import PartnerBank

IN_FLIGHT = 256


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """So many calls in flight, which share their transactions.

    client_us: of the clock on the wall, a call by the client alone
    added_us:  by all that the gateway adds, commits included
    ratio:     of what the client takes, to both together
    """

    in_flight: int
    client_us: float
    added_us: float
    ratio: float
    client_ms: dict[str, float]
    added_ms: dict[str, float]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Calls through the gateway alone, with all that it writes down, to a provider that takes its
    time: callers at once, calls a second, and requests in flight as the provider saw them, on
    average over the middle four fifths of the time"""

    callers: int
    delay_ms: int
    per_second: float
    at_provider_mean: float
    at_provider_max: int


async def measure(server: Server, *, count: int, delay_ms: int) -> tuple[Flood, Kept]:
    """delay_ms: of the provider that takes its time. Raises BenchFailed."""
    url = await server.fresh_database("gateway_flood")
    db = await Database.connect(url, connections_max=6)
    try:
        async with bank(server, url, delay_ms=0) as (_, client):
            await _flood(db, client, count=count)  # warms up
            flood = await _flood(db, client, count=4 * count)
        async with bank(server, url, delay_ms=delay_ms) as (provider, client):
            kept = await _kept(db, provider, client, count=8 * count, delay=delay_ms)
        return flood, kept
    finally:
        await db.close()


class _Shared:
    """Calls that share their transactions, as payments have them share."""

    def __init__(self, db: Database, providers: Gateway) -> None:
        self._db = db
        self._gateway = providers
        self._begins: Coalescer[PayoutOrder, Begun] = Coalescer(self._begin)
        self._ends: Coalescer[Ended, None] = Coalescer(self._end)

    async def call(self) -> None:
        asked = order()
        begun = await self._begins.submit(asked)
        called = await self._gateway.call(begun.provider, asked, begun.call)
        must_be_paid(called.answer)
        await self._ends.submit(
            Ended(
                operation_id=asked.payment_id,
                payment_id=asked.payment_id,
                kind=asked.kind,
                begun=begun,
                tries=called.tries,
            )
        )

    async def _begin(self, orders: Sequence[PayoutOrder]) -> list[Begun]:
        async with self._db.transaction() as tx:
            found = await calls.begin(tx, [intent(it) for it in orders], policy=POLICY, at=now())
        return [it for it in found if isinstance(it, Begun)]

    async def _end(self, ended: Sequence[Ended]) -> list[None]:
        async with self._db.transaction() as tx:
            await calls.end(tx, cause(), ended, policy=POLICY, at=now())
        return [None] * len(ended)


async def _flood(db: Database, client: PartnerBank, *, count: int) -> Flood:
    async def alone() -> None:
        must_be_paid(await client.submit(order()))

    client_us, client_ms = await _all_at_once(alone, count)
    added_us, added_ms = await _all_at_once(_Shared(db, gateway(AtOnce())).call, count)
    return Flood(
        in_flight=IN_FLIGHT,
        client_us=round(client_us, 1),
        added_us=round(added_us, 1),
        ratio=round(client_us / (client_us + added_us), 2),
        client_ms=client_ms,
        added_ms=added_ms,
    )


async def _kept(
    db: Database, provider: Process, client: PartnerBank, *, count: int, delay: int
) -> Kept:
    await _all_at_once(_Shared(db, gateway(client)).call, count)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{provider.port}") as to_bank:
        stats = msgspec.json.decode((await to_bank.get("/stats")).content, type=Stats)
    return Kept(
        callers=IN_FLIGHT,
        delay_ms=delay,
        per_second=round(stats.answered / stats.seconds, 1),
        at_provider_mean=round(stats.in_flight_mean, 1),
        at_provider_max=stats.in_flight_max,
    )


async def _all_at_once(
    call: Callable[[], Awaitable[None]], count: int
) -> tuple[float, dict[str, float]]:
    """Microseconds of the wall a call, and how long each took in milliseconds."""
    left = iter(range(count))
    taken_ms: list[float] = []

    async def caller() -> None:
        taken_ms.extend([await timed(call) / 1000 for _ in left])

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return (time.perf_counter() - started) * 1e6 / count, percentiles(taken_ms)
