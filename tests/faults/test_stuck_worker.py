"""A worker that cannot finish in time says so, and what it leaves behind is done by the next."""

import asyncio
import time

import pytest
from tests.faults.stage import Clients, Stage, all_decided, balance, holding, waiting_on_lock

from paywright.db.pool import Database

pytestmark = pytest.mark.faults


async def test_a_worker_that_hangs_gives_up_in_time_with_status_1(
    stage: Stage, db: Database, clients: Clients
) -> None:
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 5)
    async with holding(stage.url, "lock table decisions in share row exclusive mode"):
        worker = stage.start("work", SHUTDOWN_TIMEOUT_MS=1000)
        await waiting_on_lock(db, "paywright-worker")
        worker.popen.terminate()
        asked = time.monotonic()
        assert await asyncio.to_thread(worker.wait) == 1
        assert time.monotonic() - asked < 20  # and not the usual 30
    stage.start("work")
    await all_decided(db)
    await balance(db, clients)
