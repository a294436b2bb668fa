"""What the tests of the queue share: small tasks, a quick worker, and patience with a deadline."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from paywright.core.actor import SYSTEM
from paywright.core.backoff import RetryPolicy
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.jobs import JobRequest, Registry, Task, enqueue
from paywright.jobs.worker import Worker

ROOT = Path(__file__).parents[2]
QUICK = RetryPolicy(
    attempts_max=5, delay_first=timedelta(milliseconds=20), delay_max=timedelta(milliseconds=50)
)
LEASE = timedelta(seconds=2)  # less, and a busy machine makes living workers look dead
POLL = timedelta(seconds=0.2)


class Count(Task):
    """Write down a number."""

    n: int


class CountMany(Task):
    """Write down a number, along with others."""

    n: int


def a_cause(request_id: str = "req_test", at: datetime | None = None) -> Cause:
    return Cause(SYSTEM, at or datetime.now(UTC), request_id)


def a_worker(db: Database, registry: Registry, app: Any = None, **options: Any) -> Worker:
    return Worker(db, app, registry, **{"policy": QUICK, "lease": LEASE, "poll": POLL, **options})


@asynccontextmanager
async def working(
    db: Database, registry: Registry, app: Any = None, **options: Any
) -> AsyncIterator[Worker]:
    """A worker that runs while the block does."""
    worker = a_worker(db, registry, app, **options)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop(timedelta(seconds=10))
        await task


async def until(
    condition: Callable[[], Awaitable[Any]], *, seconds: float = 90, what: str = "it"
) -> Any:
    """Poll until the condition holds; its value. Fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := await condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        await asyncio.sleep(0.02)
    return value


async def put(db: Database, *requests: JobRequest, request_id: str = "req_test") -> list[int]:
    """Enqueue in a transaction of its own."""
    async with db.transaction() as tx:
        ids = await enqueue(tx, a_cause(request_id), *requests)
    return [id for id in ids if id is not None]


async def drained(db: Database) -> bool:
    """Whether nothing is queued or under way."""
    return await db.pool.fetchval(
        "select not exists (select from pgqueuer where status in ('queued', 'picked'))"
    )


async def statuses(db: Database) -> dict[int, str]:
    rows = await db.pool.fetch("select id, status::text as status from pgqueuer order by id")
    return {row["id"]: row["status"] for row in rows}


async def log_of(db: Database, job_id: int) -> list[str]:
    rows = await db.pool.fetch(
        "select status::text as status from pgqueuer_log where job_id = $1 order by id", job_id
    )
    return [row["status"] for row in rows]


async def make_done(db: Database) -> None:
    """The table that handlers write to. Safe to repeat, as a handler has to be."""
    await db.pool.execute(
        "create table if not exists done (n bigint, worker text, attempt integer)"
    )


async def done(db: Database) -> list[int]:
    return [row["n"] for row in await db.pool.fetch("select n from done order by n")]


class Proxy:
    """A way to the database that can be cut and mended, as an outage does."""

    def __init__(self, upstream: Any) -> None:
        self._upstream = upstream
        self._pairs: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.is_cut = False

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self.is_cut = True
        for writer in list(self._pairs):
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        if isinstance(self._upstream, str):
            back = await asyncio.open_unix_connection(self._upstream)
        else:
            back = await asyncio.open_connection(*self._upstream)
        self._pairs |= {writer, back[1]}
        for source, sink in ((reader, back[1]), (back[0], writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            self._pairs.discard(sink)
            sink.close()


@asynccontextmanager
async def through_proxy(database_url: str) -> AsyncIterator[tuple[Proxy, Database]]:
    """A second pool to the same database, by way of a proxy."""
    probe: Any = await asyncpg.connect(database_url)
    address, params = probe._addr, probe._params
    await probe.close()
    proxy = Proxy(address)
    await proxy.start()
    login = params.user + (f":{params.password}" if params.password else "")
    db = await Database.connect(
        f"postgresql://{login}@127.0.0.1:{proxy.port}/{params.database}?sslmode=disable",
        connections_max=12,
    )
    try:
        yield proxy, db
    finally:
        proxy.mend()
        await db.close()
        await proxy.close()


async def doomed_process(module: str, database_url: str, mode: str) -> Process:
    """A worker as a process of its own, which is going to die."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        database_url,
        mode,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src"},
        stdout=DEVNULL,
    )


async def deaths_of(db: Database, start: Callable[[], Awaitable[Process]], *, poisoned: int) -> int:
    """How many workers one job kills, each followed by the next, until nothing but it is left."""
    deaths = 0
    process = await start()
    try:
        deadline = time.monotonic() + 100
        while await statuses(db) != {poisoned: "failed"}:
            assert time.monotonic() < deadline
            if process.returncode is not None:
                assert process.returncode == -signal.SIGKILL
                deaths += 1
                process = await start()
            await asyncio.sleep(0.05)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return deaths
