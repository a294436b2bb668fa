"""Transfers without HTTP, in processes of their own: speed, profile, growth."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from bench import ledger_checks as checks
from bench.ledger_http import Figures, Sizes
from bench.ledger_writer import Done, Job, Watch
from bench.stack import BenchFailed, Server, environment

_LINE_MAX = 1 << 28  # bytes; the answer of a writer names all its transfers
_PATIENCE_S = 600.0
_STOP_PATIENCE_S = 10.0

# name, batch, tasks in a process, processes
PLANS = (
    ("one_256", 256, 1, 1),
    ("one_1000", 1_000, 1, 1),
    ("two_tasks_256", 256, 2, 1),
    ("two_processes_256", 256, 1, 2),
    ("two_processes_1000", 1_000, 1, 2),
)

# Every table that a transfer writes, its partitions with it, and their indexes.
_BYTES = """
with recursive tree as (
     select oid, relname::text as name, relname::text as part_of
       from pg_class
      where oid = any($1::regclass[])
     union all
     select inhrelid, name, part_of
       from pg_inherits join tree on inhparent = oid),
     indexes as (
     select indexrelid as oid, indexrelid::regclass::text as name, tree.part_of
       from pg_index join tree on indrelid = tree.oid
      where tree.oid = any($1::regclass[])
     union all
     select inhrelid, indexes.name, part_of
       from pg_inherits join indexes on inhparent = oid)
select part_of, name, sum(pg_table_size(oid))::bigint as bytes from tree group by 1, 2
union all
select part_of, name, sum(pg_relation_size(oid))::bigint from indexes group by 1, 2
"""
_TABLES = ["idempotency_keys", "accounts", "ledger_transfers", "payments", "events", "open_holds"]


class Writer:
    """A process of `bench.ledger_writer`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, server: Server, url: str, job: Job) -> "Writer":
        """Returns when it is ready to go. Raises BenchFailed."""
        log = server.folder / f"writer-{job.shard}.log"
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.ledger_writer"),
                env=environment(server.folder, url),
                cwd=server.folder,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
                limit=_LINE_MAX,
                start_new_session=True,
            )
        writer = cls(process, log)
        try:
            await writer._say(msgspec.json.encode(job))
            await writer._hear()
        except BaseException:
            await writer.stop()
            raise
        return writer

    async def go(self) -> Done:
        await self._say(b"go")
        return msgspec.json.decode(await self._hear(), type=Done)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_PATIENCE_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()

    async def _hear(self) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            line = await self._process.stdout.readline()
        if not line:
            words = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
            raise BenchFailed(f"a writer ended; its log ends with:\n{words}")
        return line


class Books:
    """A database that writers work on. `before`: transfers that it held to begin with."""

    def __init__(self, server: Server, url: str, *, before: int = 0) -> None:
        self.server = server
        self.url = url
        self._before = before
        self._ids: list[UUID] = []
        self._asked = 0
        self._seed = 0

    async def move(
        self, transfers: int, *, batch: int, tasks: int = 1, shards: int = 1, watch: Watch = ""
    ) -> "Moved":
        """So many transfers, by so many processes with accounts of their own."""
        self._seed += 1
        jobs = [
            Job(
                transfers=transfers // shards,
                batch=batch,
                seed=self._seed,
                tasks=tasks,
                shard=shard,
                shards=shards,
                watch=watch,
            )
            for shard in range(shards)
        ]
        writers = [await Writer.start(self.server, self.url, job) for job in jobs]
        try:
            clients, rest = self.server.cpu_seconds()
            done = await asyncio.gather(*(writer.go() for writer in writers))
            now = self.server.cpu_seconds()
        finally:
            for writer in writers:
                await writer.stop()
        self._ids += [UUID(hex=text) for it in done for text in it.ids]
        self._asked += sum(it.asked for it in done)
        return Moved(transfers, done, now[0] - clients, now[1] - rest)

    @property
    def acknowledged(self) -> int:
        return len(self._ids)

    async def wrong(self) -> list[str]:
        return await checks.violations(
            self.url, self._ids, asked=self._asked, keys=self._asked, before=self._before
        )

    async def bytes_of(self) -> dict[str, dict[str, int]]:
        """By table, then by the table itself and each of its indexes."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("vacuum")
            rows = await connection.fetch(_BYTES, _TABLES)
        finally:
            await connection.close()
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["part_of"], {})[row["name"]] = row["bytes"]
        return found

    async def wal_bytes(self) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        finally:
            await connection.close()


class Moved:
    """What came of it. The server's processor time is that of clients, and of all the rest."""

    def __init__(self, transfers: int, done: Sequence[Done], clients: float, rest: float) -> None:
        self.seconds = max(it.ended for it in done) - min(it.started for it in done)
        self.per_second = round(transfers / self.seconds, 1)
        self.spent = {name: self._us(seconds, transfers) for name, seconds in done[0].spent.items()}
        self.us = {
            "wall": self._us(self.seconds, transfers),
            "writer": self._us(sum(it.cpu_s for it in done), transfers),
            "postgresql_clients": self._us(clients, transfers),
            "postgresql_rest": self._us(rest, transfers),
        }

    @staticmethod
    def _us(seconds: float, transfers: int) -> float:
        return round(seconds / transfers * 1e6, 1)


async def measure(server: Server, sizes: Sizes) -> tuple[Figures, list[str]]:
    """Every plan once, on one fresh database."""
    books = Books(server, await server.fresh_database("bench_in_process"))
    figures: Figures = {}
    for name, batch, tasks, shards in PLANS:
        moved = await books.move(sizes.in_process, batch=batch, tasks=tasks, shards=shards)
        figures[f"{name}_per_second"] = moved.per_second
        figures |= {f"{name}_us_{what}": us for what, us in moved.us.items()}
    wrong = await books.wrong()
    await server.drop("bench_in_process")
    return figures, wrong


class Profile(msgspec.Struct, frozen=True):
    """Microseconds of one transfer, in batches of 256 by one writer.

    processor:  of the writer, by subject; statements: waited for, by who asked
    bytes:      for a million transfers, by table and index; of the log of changes for one
    """

    processor: Figures
    statements: Figures
    wall: Figures
    bytes_per_million: dict[str, dict[str, int]]
    wal_bytes_each: int


async def profile(server: Server, sizes: Sizes) -> tuple[Profile, list[str]]:
    """Where the time goes, and how much larger the tables have become."""
    books = Books(server, await server.fresh_database("bench_profile"))
    before = await books.bytes_of()
    share = sizes.growth // 4
    sampled = await books.move(share, batch=256, watch="samples")
    timed = await books.move(share, batch=256, watch="statements")
    wal, made = await books.wal_bytes(), books.acknowledged
    plain = await books.move(sizes.growth // 2, batch=256)
    wal, made = await books.wal_bytes() - wal, books.acknowledged - made
    after = await books.bytes_of()
    found = Profile(
        processor=_largest_first(sampled.spent),
        statements=_largest_first(timed.spent),
        wall=plain.us,
        bytes_per_million={
            table: {
                name: round((size - before[table].get(name, 0)) / books.acknowledged * 1e6)
                for name, size in sorted(parts.items(), key=lambda it: -it[1])
            }
            for table, parts in after.items()
        },
        wal_bytes_each=round(wal / made),
    )
    wrong = await books.wrong()
    await server.drop("bench_profile")
    return found, wrong


def _largest_first(figures: Figures) -> Figures:
    return dict(sorted(figures.items(), key=lambda it: -it[1]))
