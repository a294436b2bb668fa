"""One worker process, and a provider that takes 100 ms for each payment: how many calls are under
way, how fast payments are settled, and what memory they take."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

import asyncpg
import httpx2
import msgspec

from bench.gateway_calls import TOKEN
from bench.gateway_provider import Stats
from bench.ledger_workload import account_id, open_accounts
from bench.load import post_all
from bench.stack import BenchFailed, Process, Server
from paywright.core.cause import Cause
from paywright.ledger.chart import chart, ensure_chart
from paywright.wiring import App

DELAY_MS = 100
CALLS_MAX = 256
_BANK = "partner_bank"
_CONNECTIONS = 64
_PART = 2_000  # payments that are asked for before memory is looked at again
_PATIENCE_S = 600.0
_LOOK_S = 0.05

Progress = Callable[[str], None]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Payments from a backlog, by one worker.

    per_second:     from the first request at the provider to its last answer
    at_provider:    requests in flight there, over the middle four fifths of that time
    under_way:      calls begun and not ended, by our own books, over the same time
    worker_cpu_us:  of one payment, with a share of starting up
    """

    payments: int
    per_second: float
    at_provider_mean: float
    at_provider_max: int
    under_way_mean: float
    under_way_max: int
    worker_cpu_us: float


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory of the worker. slope: of a line through the later half of `mb`, which holds
    the payments settled so far, and the megabytes then"""

    mb: list[tuple[int, float]]
    slope_bytes_per_payment: float


async def fill(app: App, cause: Cause) -> None:
    """For the template."""
    await open_accounts(app, cause)
    await ensure_chart(app.db, cause, accounts=chart(["EUR"], banks=[_BANK]))


async def measure(
    server: Server, *, backlog: int, payments: int, told: Progress
) -> tuple[Settled, Memory, list[str]]:
    """With what was wrong in the end. Raises BenchFailed."""
    url = await server.fresh_database("gateway_worker")
    bank = Process(
        "provider",
        ["bench.gateway_provider", "--delay-ms", str(DELAY_MS)],
        folder=server.folder,
        url=url,
    )
    settings = {
        "PARTNER_BANK_URL": f"http://127.0.0.1:{bank.port}/bank/v1",
        "PARTNER_BANK_TOKEN": TOKEN,
        "PAYMENT_CONCURRENCY": str(CALLS_MAX),
    }
    api = Process("api", ["paywright", "serve"], folder=server.folder, url=url, settings=settings)
    run = _Run(server, url, bank, api, settings)
    try:
        for process in (bank, api):
            await process.wait_until_listening()
        told(f"asking for {backlog} payments")
        await run.ask(backlog)
        told(f"settling {backlog} payments")
        settled = await run.settle_backlog(backlog)
        memory = await run.go_on(payments, told)
        return settled, memory, await run.wrong()
    finally:
        run.stop()


class _Run:
    def __init__(
        self, server: Server, url: str, bank: Process, api: Process, settings: dict[str, str]
    ) -> None:
        self._server = server
        self._url = url
        self._bank = bank
        self._api = api
        self._settings = settings
        self._worker: Process | None = None
        self._asked = 0
        self._amount_minor = 0

    async def ask(self, count: int) -> None:
        """Payments to another bank, over the API."""
        requests = [self._request(self._asked + n) for n in range(count)]
        self._asked += count
        loaded = await post_all(
            self._api.port, requests, connections=_CONNECTIONS, told=lambda _: None
        )
        if wrong := [
            body
            for status, body in zip(loaded.statuses, loaded.bodies, strict=True)
            if status != HTTPStatus.ACCEPTED
        ]:
            raise BenchFailed(f"{len(wrong)} payments were not taken in: {wrong[0].decode()}")

    async def settle_backlog(self, count: int) -> Settled:
        self._worker = Process(
            "worker",
            ["paywright", "work"],
            folder=self._server.folder,
            url=self._url,
            settings=self._settings,
        )
        under_way: list[int] = []
        connection = await asyncpg.connect(self._url)
        try:
            while (await self._stats()).answered < count:
                self._worker.must_run()
                under_way.append(
                    await connection.fetchval(
                        "select count(*) from provider_attempts where ended_at is null"
                    )
                )
                await asyncio.sleep(_LOOK_S)
        finally:
            await connection.close()
        await self._until_settled()
        cpu_s = self._worker.cpu_seconds()
        stats = await self._stats()
        busy = [n for n in under_way if n]
        middle = busy[len(busy) // 10 : len(busy) - len(busy) // 10] or [0]
        return Settled(
            payments=count,
            per_second=round(stats.answered / stats.seconds, 1),
            at_provider_mean=round(stats.in_flight_mean, 1),
            at_provider_max=stats.in_flight_max,
            under_way_mean=round(sum(middle) / len(middle), 1),
            under_way_max=max(under_way, default=0),
            worker_cpu_us=round(cpu_s * 1e6 / count, 1),
        )

    async def go_on(self, payments: int, told: Progress) -> Memory:
        """Ask while the worker settles; look at its memory in between."""
        assert self._worker is not None
        until = self._asked + payments
        mb = [(self._asked, self._worker.memory_mb())]
        while self._asked < until:
            told(f"settling, {self._asked:,} so far")
            await self.ask(min(_PART, until - self._asked))
            await self._until_settled()
            mb.append((self._asked, round(self._worker.memory_mb(), 2)))
        return Memory(mb=mb, slope_bytes_per_payment=round(_slope(mb[len(mb) // 2 :]), 1))

    async def wrong(self) -> list[str]:
        """Both books must tell the same."""
        stats = await self._stats()
        connection = await asyncpg.connect(self._url)
        try:
            succeeded = await connection.fetchval(
                "select count(*) from payments where status = 'succeeded'"
            )
            paid = await connection.fetchval(
                "select credits_posted from accounts where code = $1", f"bank:{_BANK}:EUR"
            )
            dead = await connection.fetchval("select count(*) from pgqueuer where status='failed'")
        finally:
            await connection.close()
        told = (
            (f"the provider has {stats.keys} payments", stats.keys == self._asked),
            (f"it was asked {stats.asked} times", stats.asked == self._asked),
            (f"{succeeded} payments succeeded", succeeded == self._asked),
            (f"{paid} left our account", paid == stats.amount_minor == self._amount_minor),
            (f"{dead} jobs are dead", dead == 0),
        )
        return [f"{what}, of {self._asked}" for what, is_right in told if not is_right]

    def stop(self) -> None:
        for process in (self._worker, self._api, self._bank):
            if process is not None:
                process.stop()

    async def _until_settled(self) -> None:
        assert self._worker is not None
        deadline = time.monotonic() + _PATIENCE_S
        connection = await asyncpg.connect(self._url)
        try:
            while await connection.fetchval(
                "select exists (select from payments where status in ('processing', 'unknown'))"
            ):
                self._worker.must_run()
                if time.monotonic() > deadline:
                    raise BenchFailed(f"not settled within {_PATIENCE_S:g} s")
                await asyncio.sleep(_LOOK_S)
        finally:
            await connection.close()

    async def _stats(self) -> Stats:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self._bank.port}") as client:
            return msgspec.json.decode((await client.get("/stats")).content, type=Stats)

    def _request(self, number: int) -> bytes:
        dice = random.Random(number)
        amount_minor = dice.randrange(1, 1_000)
        self._amount_minor += amount_minor
        body = msgspec.json.encode(
            {
                "debit_account_id": str(account_id(dice.randrange(1_000))),
                "amount_minor": amount_minor,
                "currency": "EUR",
                "beneficiary": {"name": "Alenio Wami", "iban": "DE89370400440532013000"},
            }
        )
        head = (
            "POST /api/v1/transfers HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: Bearer {self._server.secret}\r\nidempotency-key: bench-{number:08}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Bytes a payment: least squares."""
    if len(points) < 2:
        return 0.0
    x = sum(count for count, _ in points) / len(points)
    y = sum(mb for _, mb in points) / len(points)
    over = sum((count - x) * (mb - y) for count, mb in points)
    return over / sum((count - x) ** 2 for count, _ in points) * 1e6
