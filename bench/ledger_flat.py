"""What a transfer costs on ledgers of different sizes."""

import statistics
import time
from collections.abc import Callable, Sequence

import asyncpg
import msgspec

from bench.ledger_fill import check_room, fill
from bench.ledger_http import Figures
from bench.ledger_in_process import Books
from bench.stack import Server

BATCH = 256


class Flat(msgspec.Struct, frozen=True):
    """By the number of transfers that were on file.

    us_each:  microseconds of one transfer, in batches of 256 by one writer: medians of the rounds;
              with them the bytes of the log of changes
    database: bytes of all of it, before the first round
    ratio:    of the largest to the smallest, on the wall
    """

    us_each: dict[str, Figures]
    runs: dict[str, Sequence[Figures]]
    database: dict[str, int]
    fill_seconds: dict[str, float]
    ratio: float


async def measure(
    server: Server,
    rows: Sequence[int],
    *,
    transfers: int,
    rounds: int,
    told: Callable[[str], None],
) -> tuple[Flat, list[str]]:
    """On ledgers of so many transfers, in turn. Raises BenchFailed when the disk is too small."""
    check_room(server, sum(rows))
    books: dict[str, Books] = {}
    database: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for count in rows:
        told(f"fill {count:,}")
        name = f"bench_flat_{count}"
        url = await server.fresh_database(name)
        started = time.perf_counter()
        before = await fill(url, count)
        seconds[str(count)] = round(time.perf_counter() - started, 1)
        books[str(count)] = Books(server, url, before=before)
        database[str(count)] = await _size(url)
    runs: dict[str, list[Figures]] = {name: [] for name in books}
    for round_number in range(1, rounds + 1):
        for name, it in books.items():
            told(f"on {int(name):,}, round {round_number}")
            runs[name].append(await _measure(it, transfers))
    wrong: list[str] = []
    for name, it in books.items():
        told(f"verify {int(name):,}")
        wrong += [f"on a ledger of {int(name):,}: {what}" for what in await it.wrong()]
        await server.drop(f"bench_flat_{name}")
    us_each = {name: _medians(of_one) for name, of_one in runs.items()}
    walls = [us_each[str(count)]["wall"] for count in sorted(rows)]
    return Flat(us_each, dict(runs), database, seconds, round(walls[-1] / walls[0], 2)), wrong


async def _measure(books: Books, transfers: int) -> Figures:
    """With what the log of changes grew by: above all by pages that change for the first time
    since a checkpoint, of which a large index has many."""
    wal, made = await books.wal_bytes(), books.acknowledged
    moved = await books.move(transfers, batch=BATCH)
    wal, made = await books.wal_bytes() - wal, books.acknowledged - made
    return {**moved.us, "wal_bytes": round(wal / made)}


def _medians(runs: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}


async def _size(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select pg_database_size(current_database())")
    finally:
        await connection.close()
