"""A worker whose jobs are calls, in a process of its own, to be killed: `python -m … URL MODE`.

hang:   its calls write down that they began, and never end
poison: the call of the number 13 kills the process, in the midst of the others
"""

import asyncio
import os
import signal
import sys

from tests.jobs.working import Count, a_worker

from paywright.db.pool import Database
from paywright.jobs import Registry, Run

POISON = 13


def registry_of(db: Database, mode: str) -> Registry:
    registry = Registry()

    @registry.job(Count, lane="calls")
    async def call(run: Run, task: Count) -> None:
        if mode == "poison":
            await asyncio.sleep(0.02)
            if task.n == POISON:
                os.kill(os.getpid(), signal.SIGKILL)
        await db.pool.execute("insert into done (n, attempt) values ($1, $2)", task.n, run.attempt)
        if mode == "hang":
            await asyncio.sleep(3600)

    return registry


async def main(url: str, mode: str) -> None:
    db = await Database.connect(url, connections_max=8)
    await a_worker(db, registry_of(db, mode)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
