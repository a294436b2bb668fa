"""One run of one variant: what is started, loaded, timed and checked."""

import asyncio
import time
from collections.abc import Callable, Sequence

import asyncpg
import msgspec

from bench import checks, workload
from bench.load import Loaded, LoadFailed, post_all
from bench.stack import BenchFailed, Process, Server
from paywright.core.ids import IssueId

END_TO_END_CONNECTIONS = 64
CREATE_CONNECTIONS = (32, 128)
_WARM_UP = 300
_POLL_S = 0.05
_PATIENCE_S = 300.0

Told = Callable[[int], None]


class Variant(msgspec.Struct, frozen=True):
    """`prepare`: SQL that is run on its fresh database."""

    name: str
    api: Sequence[str]
    worker: Sequence[str]
    prepare: str = ""


OURS = Variant("ours", ("paywright", "serve"), ("paywright", "work"))
NAIVE = Variant(
    "naive",
    ("bench.naive", "serve"),
    ("bench.naive", "work"),
    # It does not listen, and the lock that notifying takes would only slow its commits down.
    "alter table pgqueuer disable trigger tg_pgqueuer_changed",
)


class Created(msgspec.Struct, frozen=True):
    per_second: float
    p50_ms: float
    p99_ms: float


class Figures(msgspec.Struct, frozen=True):
    """
    end_to_end:   issues created and decided in a second, both processes at work
    create:       by number of connections, the worker at rest
    drain:        issues decided in a second from a backlog, the API at rest
    *_cpu_ms:     processor time an issue, end to end
    """

    end_to_end: float
    create: dict[str, Created]
    drain: float
    api_cpu_ms: float
    worker_cpu_ms: float
    api_memory_mb: float
    worker_memory_mb: float
    wrong: Sequence[str]


class Run:
    """A variant at work on a database of its own."""

    def __init__(
        self, server: Server, variant: Variant, url: str, database: asyncpg.Connection, told: Told
    ) -> None:
        self.ids: list[IssueId] = []
        self.wrong: list[str] = []
        self._server = server
        self._variant = variant
        self._url = url
        self._database = database
        self._told = told
        self._posted = 0
        self._decided = 0
        self.api = self._start("api", variant.api)
        self.worker = self._start("worker", variant.worker)

    def _start(self, name: str, command: Sequence[str]) -> Process:
        label = f"{self._variant.name}-{name}"
        return Process(label, command, folder=self._server.folder, url=self._url)

    def start_worker(self) -> None:
        self.worker = self._start("worker", self._variant.worker)

    async def create(self, count: int, *, connections: int) -> Loaded:
        secret = self._server.secret
        requests = workload.requests(count, first=self._posted, secret=secret)
        self._posted += count
        try:
            loaded = await post_all(
                self.api.port, requests, connections=connections, told=self._told
            )
        except LoadFailed:
            await asyncio.sleep(1)
            self.api.must_run()  # if it does not, its log says more
            raise
        self.ids += checks.ids_of(loaded)
        self.wrong += checks.refusals(loaded)
        return loaded

    async def until_decided(self, wanted: int) -> None:
        """Wait for so many decisions in all. Raises BenchFailed when they stop coming."""
        deadline = time.monotonic() + _PATIENCE_S
        while self._decided < wanted:
            await asyncio.sleep(_POLL_S)
            decided = await self._database.fetchval("select count(*) from decisions")
            self._told(decided - self._decided)
            self._decided = decided
            self.api.must_run()
            self.worker.must_run()
            if time.monotonic() > deadline:
                raise BenchFailed(f"{wanted - decided} issues of {wanted} were never decided")

    async def until_queue_empty(self) -> None:
        """Completions may be written down a moment after the decision."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if not await self._database.fetchval("select exists (select from pgqueuer)"):
                return
            await asyncio.sleep(_POLL_S)

    def stop(self) -> None:
        self.api.stop()
        self.worker.stop()


def size_of(issues: int) -> int:
    """How many creations and decisions one run makes, for the progress display."""
    return 2 * (_WARM_UP + issues + len(CREATE_CONNECTIONS) * (issues // 2))


async def measure(server: Server, variant: Variant, *, issues: int, told: Told) -> Figures:
    """One run. Raises BenchFailed and LoadFailed; broken invariants are in `wrong`."""
    name = f"bench_{variant.name}"
    url = await server.fresh_database(name)
    database = await asyncpg.connect(url)
    try:
        if variant.prepare:
            await database.execute(variant.prepare)
        run = Run(server, variant, url, database, told)
        try:
            await run.api.wait_until_listening()
            return await _measure(run, database, issues)
        finally:
            run.stop()
    finally:
        await database.close()
        await server.drop(name)


async def _measure(run: Run, database: asyncpg.Connection, issues: int) -> Figures:
    await run.create(_WARM_UP, connections=END_TO_END_CONNECTIONS)
    await run.until_decided(_WARM_UP)
    await run.until_queue_empty()

    api_cpu, worker_cpu = run.api.cpu_seconds(), run.worker.cpu_seconds()
    started = time.perf_counter()
    creating = asyncio.create_task(run.create(issues, connections=END_TO_END_CONNECTIONS))
    deciding = asyncio.create_task(run.until_decided(_WARM_UP + issues))
    await asyncio.gather(creating, deciding)
    end_to_end = issues / (time.perf_counter() - started)
    api_cpu, worker_cpu = run.api.cpu_seconds() - api_cpu, run.worker.cpu_seconds() - worker_cpu
    await run.until_queue_empty()
    worker_memory_mb = run.worker.memory_mb()

    run.worker.stop()
    created: dict[str, Created] = {}
    for connections in CREATE_CONNECTIONS:
        loaded = await run.create(issues // 2, connections=connections)
        created[str(connections)] = Created(
            round(loaded.per_second),
            round(loaded.percentile_ms(50), 1),
            round(loaded.percentile_ms(99), 1),
        )

    backlog = len(CREATE_CONNECTIONS) * (issues // 2)
    run.start_worker()
    await run.until_decided(_WARM_UP + issues + 1)
    started = time.perf_counter()
    begun = await database.fetchval("select count(*) from decisions") - _WARM_UP - issues
    await run.until_decided(_WARM_UP + issues + backlog)
    drain = (backlog - begun) / (time.perf_counter() - started)
    await run.until_queue_empty()
    return Figures(
        end_to_end=round(end_to_end),
        create=created,
        drain=round(drain),
        api_cpu_ms=round(api_cpu / issues * 1000, 3),
        worker_cpu_ms=round(worker_cpu / issues * 1000, 3),
        api_memory_mb=round(run.api.memory_mb(), 1),
        worker_memory_mb=round(max(worker_memory_mb, run.worker.memory_mb()), 1),
        wrong=run.wrong + await checks.violations(database, run.ids),
    )
