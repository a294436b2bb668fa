"""What a call through the gateway costs, beside the same call of the bare provider."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from bench.stack import BenchFailed, Process, Server
from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.gateway import calls
from paywright.gateway.breaker import Policy
from paywright.gateway.calling import Gateway, Retries
from paywright.gateway.calls import Begun, Ended, Intent
from paywright.gateway.model import Approved, Creditor, OrderKind, PayoutOrder, Provider
from paywright.gateway.partner_bank import PartnerBank
from paywright.gateway.routes import Routes

CONNECTIONS_MAX = 300
TOKEN = "bench"
BANK = "partner_bank"
POLICY = Policy(
    failures_in_a_row=5,
    failure_rate=0.5,
    window=timedelta(seconds=60),
    window_min=20,
    cooldown=timedelta(seconds=30),
    probes=3,
    drain_per_s=50,
)
_RETRIES = Retries(retries_max=3, backoff_ms=(250, 1000, 3000), deadline_ms=30_000)


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of one call, by name: `median` and `p99`. One call after the other.

    client:  the provider's client alone, over HTTP to a server that answers at once
    begin:   statements of `calls.begin`, in a transaction that the payment has anyway
    wrapped: `Gateway.call` around a provider that answers at once
    end:     statements of `calls.end`, as with begin
    added:   begin, wrapped and end
    commits: what is left of beginning and committing the two transactions, if nobody shares them
    """

    client: dict[str, float]
    begin: dict[str, float]
    wrapped: dict[str, float]
    end: dict[str, float]
    added: dict[str, float]
    commits: dict[str, float]


class AtOnce:
    """A provider that answers at once."""

    handles = frozenset({OrderKind.PAYOUT})

    async def submit(self, order: PayoutOrder) -> Approved:
        await asyncio.sleep(0)
        return Approved(order.idempotency_key)

    async def close(self) -> None:
        pass


async def measure(server: Server, *, count: int) -> Overhead:
    """Raises BenchFailed."""
    url = await server.fresh_database("gateway_calls")
    db = await Database.connect(url, connections_max=6)
    try:
        async with bank(server, url, delay_ms=0) as (_, client):
            for _ in range(2):  # the first warms up
                overhead = await _one_by_one(db, client, count=count)
            return overhead
    finally:
        await db.close()


@asynccontextmanager
async def bank(
    server: Server, url: str, *, delay_ms: int
) -> AsyncGenerator[tuple[Process, PartnerBank]]:
    process = Process(
        f"provider-of-{delay_ms}-ms",
        ["bench.gateway_provider", "--delay-ms", str(delay_ms)],
        folder=server.folder,
        url=url,
    )
    try:
        await process.wait_until_listening()
        client = PartnerBank(
            url=f"http://127.0.0.1:{process.port}/bank/v1",
            token=TOKEN,
            timeout_ms=20_000,
            connections_max=CONNECTIONS_MAX,
        )
        try:
            yield process, client
        finally:
            await client.close()
    finally:
        process.stop()


def gateway(provider: object) -> Gateway:
    return Gateway(
        {BANK: cast("Provider", provider)},
        retries=_RETRIES,
        policy=POLICY,
        routes=Routes({}),
        jitter=random.random,
        monotonic=time.monotonic,
    )


async def _one_by_one(db: Database, client: PartnerBank, *, count: int) -> Overhead:
    """In turns, so that all see the same machine."""
    through = gateway(AtOnce())
    alone: list[float] = []
    parts: list[dict[str, float]] = []
    for _ in range(count):
        alone.append(await timed(lambda: client.submit(order())))
        parts.append(await _through(db, through))
    names = ("begin", "wrapped", "end", "added", "commits")
    return Overhead(
        client=percentiles(alone), **{n: percentiles([it[n] for it in parts]) for n in names}
    )


async def _through(db: Database, providers: Gateway) -> dict[str, float]:
    asked = order()
    started = time.perf_counter()
    async with db.transaction() as tx:
        at = time.perf_counter()
        [begun] = await calls.begin(tx, [intent(asked)], policy=POLICY, at=now())
        begin = time.perf_counter() - at
    assert isinstance(begun, Begun)
    at = time.perf_counter()
    called = await providers.call(begun.provider, asked, begun.call)
    wrapped = time.perf_counter() - at
    ended = Ended(
        operation_id=asked.payment_id,
        payment_id=asked.payment_id,
        kind=asked.kind,
        begun=begun,
        tries=called.tries,
    )
    async with db.transaction() as tx:
        at = time.perf_counter()
        await calls.end(tx, cause(), [ended], policy=POLICY, at=now())
        end = time.perf_counter() - at
    through = time.perf_counter() - started
    must_be_paid(called.answer)
    return {
        name: value * 1e6
        for name, value in (
            ("begin", begin),
            ("wrapped", wrapped),
            ("end", end),
            ("added", begin + wrapped + end),
            ("commits", through - begin - wrapped - end),
        )
    }


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds."""
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1e6


def must_be_paid(answer: object) -> None:
    if not isinstance(answer, Approved):
        raise BenchFailed(f"the provider of the bench answered {answer}")


def order() -> PayoutOrder:
    at = now()
    return PayoutOrder(
        payment_id=PaymentId.new(at),
        amount=Money(1_000, "EUR"),
        debtor_reference="bench",
        creditor=Creditor(name="A Supplier", country="DE", iban="DE89370400440532013000"),
        asked_at=at,
    )


def intent(asked: PayoutOrder) -> Intent:
    return Intent(
        operation_id=asked.payment_id,
        payment_id=asked.payment_id,
        kind=asked.kind,
        call="submit",
        providers=[BANK],
    )


def cause() -> Cause:
    return Cause(SYSTEM, now(), "req_bench")


def now() -> datetime:
    return datetime.now(UTC)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)], 1),
    }
