"""A process that moves money without HTTP: `move_money`, batch after batch.

    python -m bench.ledger_writer       settings as of `paywright`

Reads a `Job` from its input, gets ready, says so, waits for a line, answers with a `Done`, and
waits for the end of its input.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import uvloop

from bench import ledger_workload as workload
from bench.ledger_checks import ids_of
from bench.ledger_watch import Samples, Timed
from bench.load import Loaded
from paywright.api.movement_answers import RENDER
from paywright.cli.processes import end_with_supervisor
from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.db.pool import Database
from paywright.payments.move import move_money
from paywright.payments.orders import Answered, Order
from paywright.settings import Settings, read_settings
from paywright.telemetry.request_id import new_request_id
from paywright.wiring import build_patiently

WARM_UP = 4  # batches of each task

Watch = Literal["", "statements", "samples"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """seed:  of the transfers; no two jobs on one database have the same
    tasks:  writers in this process; each has accounts of its own, as have all `shards` processes
    watch:  statements: how long each takes; samples: where the processor is, making the orders
            included
    """

    transfers: int
    batch: int
    seed: int
    tasks: int = 1
    shard: int = 0
    shards: int = 1
    watch: Watch = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds of the clock on the wall. `spent`: by what `watch` looked at, in seconds.
    `ids`: of all transfers that were acknowledged, those of warming up included."""

    started: float
    ended: float
    cpu_s: float
    asked: int
    spent: dict[str, float]
    ids: list[str]


class Task:
    """One writer: its orders, and the answers that it got."""

    def __init__(self, job: Job, number: int) -> None:
        share = workload.ACCOUNTS // (job.shards * job.tasks)
        first = (job.shard * job.tasks + number) * share
        accounts = range(first, first + share)
        seed = job.seed * 1_000 + job.shard * job.tasks + number
        cause = Cause(SYSTEM, datetime.now(UTC), new_request_id(), "127.0.0.1")
        self.asked = WARM_UP * job.batch + job.transfers // job.tasks
        wishes = workload.wishes(self.asked, seed=seed, accounts=accounts)
        self._orders = workload.orders(wishes, cause, job.batch)
        self._warm_up = [next(self._orders) for _ in range(WARM_UP)]
        self.answers: list[Answered | Problem] = []

    def make_orders(self) -> None:
        """Now, so that it costs nothing later."""
        self._orders = iter(list(self._orders))

    async def warm_up(self, db: Database) -> None:
        await self._move(db, self._warm_up)

    async def move(self, db: Database) -> None:
        await self._move(db, self._orders)

    async def _move(self, db: Database, batches: Iterable[list[Order]]) -> None:
        for orders in batches:
            self.answers += await move_money(db, orders, render=RENDER)


async def run(settings: Settings) -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    app = await build_patiently(settings, url=settings.database_url, application="bench-writer")
    db = Timed(app.db.pool) if job.watch == "statements" else app.db
    tasks = [Task(job, number) for number in range(job.tasks)]
    await asyncio.gather(*(task.warm_up(db) for task in tasks))
    if job.watch != "samples":
        for task in tasks:
            task.make_orders()
    gc.collect()
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()

    samples = Samples(enabled=job.watch == "samples")
    if isinstance(db, Timed):
        db.spent.clear()
    cpu, started = time.process_time(), time.time()
    with samples:
        await asyncio.gather(*(task.move(db) for task in tasks))
    ended, cpu = time.time(), time.process_time() - cpu
    done = Done(
        started=started,
        ended=ended,
        cpu_s=cpu,
        asked=sum(task.asked for task in tasks),
        spent=db.spent if isinstance(db, Timed) else samples.shares(cpu),
        ids=[text for task in tasks for text in _acknowledged(task.answers)],
    )
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    sys.stdout.flush()
    sys.stdin.readline()  # the connections stay until they have been looked at
    await app.close()


def _acknowledged(outcomes: Iterable[Answered | Problem]) -> list[str]:
    answers = [it.answer for it in outcomes if isinstance(it, Answered)]
    told = Loaded(1.0, [], [it.status for it in answers], [it.body for it in answers])
    return [uuid.hex for uuid in ids_of(told)]


if __name__ == "__main__":
    end_with_supervisor()
    uvloop.run(run(read_settings()))
