"""A worker in a process of its own, for tests that kill it: `python -m … URL MODE`.

hang:   its jobs write down that they began, and never end
poison: batches in which the task of the number 13 kills the process
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from tests.jobs.working import Count, CountMany, a_worker

from paywright.db.pool import Database
from paywright.jobs import Registry, Run

POISON = 13


def registry_of(db: Database, mode: str) -> Registry:
    registry = Registry()

    if mode == "hang":

        @registry.job(Count)
        async def count(run: Run, task: Count) -> None:
            await db.pool.execute(
                "insert into done (n, worker, attempt) values ($1, 'doomed', $2)",
                task.n,
                run.attempt,
            )
            await asyncio.sleep(3600)

    @registry.job(CountMany, batch_max=25)
    async def count_many(run: Run, tasks: Sequence[CountMany]) -> list[None]:
        if any(task.n == POISON for task in tasks):
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.01)
        await db.pool.execute(
            "insert into done (n) select unnest($1::bigint[])", [task.n for task in tasks]
        )
        return [None] * len(tasks)

    return registry


async def main(url: str, mode: str) -> None:
    db = await Database.connect(url, connections_max=8)
    await a_worker(db, registry_of(db, mode)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
