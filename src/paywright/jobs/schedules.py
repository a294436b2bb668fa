"""Chores that one process of the fleet does at a time, every so often.

Our own loop over PgQueuer's table of schedules. The library's scheduler ends with the first outage
and fixes its lease at 30 s. A claim here is a row that is updated, not a lock that would hold a
connection.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.jobs import store
from paywright.jobs.attempt import Surroundings
from paywright.jobs.driver import QueueDriver
from paywright.jobs.model import Run
from paywright.jobs.registry import Schedule

log = structlog.get_logger()

_TICK_MAX = timedelta(seconds=5)


async def run_schedules(
    driver: QueueDriver,
    shared: Surroundings,
    schedules: Mapping[str, Schedule],
    *,
    lease: timedelta,
    stopping: asyncio.Event,
) -> None:
    """Run what is due until `stopping`, then wait for what is under way."""
    if not schedules:
        return
    await store.ensure_schedules(driver, list(schedules))
    tick = min(_TICK_MAX, lease / 3, *(schedule.every / 2 for schedule in schedules.values()))
    running: dict[str, asyncio.Task[None]] = {}
    try:
        while not stopping.is_set() or running:
            if running:
                await store.beat_schedules(driver, list(running))
            if not stopping.is_set():
                for name in await store.claim_schedules(
                    driver,
                    list(schedules),
                    [schedule.every for schedule in schedules.values()],
                    lease=lease,
                ):
                    if name not in running:
                        chore = _run(driver, shared, schedules[name])
                        running[name] = asyncio.create_task(chore)
            pause = asyncio.create_task(_pause(stopping, tick, idle=not running))
            await asyncio.wait({pause, *running.values()}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            running = {name: task for name, task in running.items() if not task.done()}
    finally:
        for task in running.values():
            task.cancel()


async def _pause(stopping: asyncio.Event, tick: timedelta, *, idle: bool) -> None:
    if stopping.is_set() and not idle:
        await asyncio.sleep(tick.total_seconds())
        return
    try:
        async with asyncio.timeout(tick.total_seconds()):
            await stopping.wait()
    except TimeoutError:
        pass


async def _run(driver: QueueDriver, shared: Surroundings, schedule: Schedule) -> None:
    at = shared.clock()
    cause = Cause(SYSTEM, at, f"schedule_{schedule.name}_{int(at.timestamp())}")
    try:
        await schedule.chore(Run(app=shared.app, cause=cause, attempt=1, job_id=0, causes=[cause]))
    except Exception:
        # The next run is the retry.
        log.exception("jobs.schedule_failed", schedule=schedule.name)
    await store.finish_schedule(driver, schedule.name)
