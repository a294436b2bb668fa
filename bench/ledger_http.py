"""Transfers over HTTP: one run of one variant."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
import psutil

from bench import ledger_checks as checks
from bench import ledger_workload as workload
from bench.load import Loaded, LoadFailed, post_all
from bench.stack import Process, Server

CONNECTIONS = 128
BATCH_CONNECTIONS = 4
IDLE = 300  # requests, one after the other

Figures = dict[str, float]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many transfers each measurement makes."""

    ours: int
    naive: int
    batched: int
    in_process: int
    growth: int
    flat: int


class Variant(msgspec.Struct, frozen=True):
    name: str
    command: Sequence[str]


OURS = Variant("ours", ("paywright", "serve"))
NAIVE = Variant("naive", ("bench.ledger_naive",))


class Spent:
    """Processor time from its making to `us_each`: of whom, for one transfer."""

    def __init__(self, server: Server, apis: Sequence[Process]) -> None:
        self._server = server
        self._apis = apis
        self._then = self._now()
        self._started = time.perf_counter()

    def _now(self) -> Figures:
        mine = psutil.Process().cpu_times()
        clients, rest = self._server.cpu_seconds()
        return {
            "api": sum(api.cpu_seconds() for api in self._apis),
            "postgresql_clients": clients,
            "postgresql_rest": rest,
            "load_generator": mine.user + mine.system,
        }

    def us_each(self, transfers: int) -> Figures:
        wall = time.perf_counter() - self._started
        spent = {name: now - self._then[name] for name, now in self._now().items()}
        spent["wall"] = wall
        return {name: round(seconds / transfers * 1e6, 1) for name, seconds in spent.items()}


class Run:
    """A variant at work on a database of its own, with one API process or more."""

    def __init__(self, server: Server, variant: Variant, url: str, *, processes: int = 1) -> None:
        self.server = server
        self.url = url
        self.apis = [
            Process(f"{variant.name}-api-{n}", variant.command, folder=server.folder, url=url)
            for n in range(processes)
        ]
        self.spent: Figures = {}
        self._ids: list[UUID] = []
        self._asked = 0
        self._keys = 0
        self._seed = 0

    async def singles(
        self, count: int, *, connections: int = CONNECTIONS, hot: bool = False
    ) -> list[Loaded]:
        self._seed += 1
        requests = workload.singles(count, seed=self._seed, secret=self.server.secret, hot=hot)
        return await self._post(requests, connections=connections, transfers=count)

    async def batches(self, count: int, size: int) -> Loaded:
        self._seed += 1
        secret = self.server.secret
        requests = workload.batches(count, size, seed=self._seed, secret=secret)
        transfers = count * size
        return (await self._post(requests, connections=BATCH_CONNECTIONS, transfers=transfers))[0]

    async def _post(
        self, requests: Sequence[bytes], *, connections: int, transfers: int
    ) -> list[Loaded]:
        """Split among the processes. Measures what it cost, too."""
        shares = len(self.apis)
        spent = Spent(self.server, self.apis)
        try:
            loaded = await asyncio.gather(
                *(
                    post_all(
                        api.port,
                        requests[n::shares],
                        connections=connections // shares,
                        told=lambda _: None,
                    )
                    for n, api in enumerate(self.apis)
                )
            )
        except LoadFailed:
            await asyncio.sleep(1)
            for api in self.apis:
                api.must_run()  # if it does not, its log says more
            raise
        self.spent = spent.us_each(transfers)
        self._asked += transfers
        self._keys += len(requests)
        for it in loaded:
            self._ids += checks.ids_of(it)
        return loaded

    async def wrong(self) -> list[str]:
        return await checks.violations(self.url, self._ids, asked=self._asked, keys=self._keys)

    def stop(self) -> None:
        for api in self.apis:
            api.stop()


async def measure(server: Server, variant: Variant, sizes: Sizes) -> tuple[Figures, list[str]]:
    """The figures of one API process, and what is wrong with its books after it."""
    return await _on_fresh_database(server, variant, 1, lambda run: _measure(run, variant, sizes))


async def measure_two(server: Server, sizes: Sizes) -> tuple[Figures, list[str]]:
    """The same load on two API processes of ours."""

    async def measure_random(run: Run) -> Figures:
        await run.singles(sizes.ours // 8)
        figures = _speed("two_processes", await run.singles(sizes.ours))
        return figures | {f"us_{name}": value for name, value in run.spent.items()}

    return await _on_fresh_database(server, OURS, 2, measure_random)


async def _on_fresh_database(
    server: Server,
    variant: Variant,
    processes: int,
    work: Callable[[Run], Awaitable[Figures]],
) -> tuple[Figures, list[str]]:
    name = f"bench_{variant.name}"
    run = Run(server, variant, await server.fresh_database(name), processes=processes)
    try:
        for api in run.apis:
            await api.wait_until_listening()
        figures = await work(run)
        wrong = await run.wrong()
    finally:
        run.stop()
    await server.drop(name)
    return figures, wrong


async def _measure(run: Run, variant: Variant, sizes: Sizes) -> Figures:
    count = sizes.ours if variant is OURS else sizes.naive
    await run.singles(count // 8)
    figures = _speed("random", await run.singles(count))
    figures |= {f"us_{name}": value for name, value in run.spent.items()}
    # On one account naive waits for each commit: fewer tell as much.
    figures |= _speed("hot", await run.singles(count if variant is OURS else count // 4, hot=True))
    figures |= _speed("idle", await run.singles(IDLE, connections=1))
    if variant is OURS:
        for size in (100, 1_000):
            requests = max(sizes.batched // size, BATCH_CONNECTIONS)
            await run.batches(BATCH_CONNECTIONS, size)
            loaded = await run.batches(requests, size)
            figures |= {f"batch_{size}_{name}": it for name, it in _of(loaded).items()}
            figures[f"batch_{size}_per_second"] *= size
            figures[f"batch_{size}_us_api"] = run.spent["api"]
    figures["memory_mb"] = round(max(api.memory_mb() for api in run.apis), 1)
    return figures


def _speed(name: str, loaded: Sequence[Loaded]) -> Figures:
    """Of one load, or of several that ran at the same time."""
    whole = Loaded(
        max(it.seconds for it in loaded),
        [ms for it in loaded for ms in it.latencies_ms],
        [status for it in loaded for status in it.statuses],
        [body for it in loaded for body in it.bodies],
    )
    return {f"{name}_{figure}": value for figure, value in _of(whole).items()}


def _of(loaded: Loaded) -> Figures:
    return {
        "per_second": round(loaded.per_second, 1),
        "p50_ms": round(loaded.percentile_ms(50), 2),
        "p99_ms": round(loaded.percentile_ms(99), 2),
    }
