"""A worker is killed in the middle of a job: another takes over, and each issue is decided once."""

import os
import signal
import time

import pytest
from tests.faults.stage import Clients, Stage, all_decided, balance, holding, waiting_on_lock
from tests.processes import Process, until

from paywright.db.pool import Database

pytestmark = pytest.mark.faults

WORKER = "paywright-worker"
# A worker hangs in the transaction that claims an issue, or in the one that decides it.
CLAIMING = "select 1 from issues order by id limit 1 for update"
DECIDING = "lock table decisions in share row exclusive mode"


@pytest.mark.parametrize("lock", [CLAIMING, DECIDING], ids=["claiming", "deciding"])
async def test_the_jobs_of_a_killed_worker_are_taken_over_and_done_once(
    stage: Stage, db: Database, clients: Clients, lock: str
) -> None:
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 20)
    async with holding(stage.url, lock) as release:
        doomed = stage.start("work")
        await waiting_on_lock(db, WORKER)
        doomed.kill()
        await release()
    stage.start("work")
    await all_decided(db)
    await balance(db, clients)


async def test_with_the_usual_lease_it_takes_less_than_30_seconds(
    stage: Stage, db: Database, clients: Clients
) -> None:
    usual = {"QUEUE_LEASE_MS": "", "QUEUE_BACKOFF_DELAY_MS": ""}
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 5)
    async with holding(stage.url, DECIDING) as release:
        doomed = stage.start("work", **usual)
        await waiting_on_lock(db, WORKER)
        other = stage.start("work", **usual)
        await until(lambda: has_started(other), what="the other worker")
        doomed.kill()
        killed = time.monotonic()
        await release()
    await all_decided(db)
    assert time.monotonic() - killed < 30
    await balance(db, clients)


async def has_started(worker: Process) -> bool:
    return "jobs.worker_started" in worker.complained()


async def test_a_worker_killed_again_and_again_gets_everything_done_in_the_end(
    stage: Stage, db: Database, clients: Clients
) -> None:
    """Whole groups die with their worker, and none of them is blamed for it."""
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 60)
        for _ in range(2):
            async with holding(stage.url, DECIDING):
                doomed = stage.start("work")
                await waiting_on_lock(db, WORKER)
                doomed.kill()
            await clients.post_new(client, 20)
        stage.start("work")
        await all_decided(db)
    await balance(db, clients)


async def test_a_worker_that_comes_back_from_the_dead_decides_nothing_twice(
    stage: Stage, db: Database, clients: Clients
) -> None:
    """Stopped for longer than its lease before it decides, and let go when others have."""
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 10)
    # Between the two transactions it holds no lock: it waits for the lock of the rules.
    async with holding(stage.url, "lock table rule_set_activations in access exclusive mode") as go:
        stalled = stage.start("work")
        await waiting_on_lock(db, WORKER)
        os.kill(stalled.pid, signal.SIGSTOP)
        await go()
    stage.start("work")
    await all_decided(db)
    os.kill(stalled.pid, signal.SIGCONT)
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 30)
    await all_decided(db)
    assert stalled.is_running()
    await balance(db, clients)
