"""Work through the queue: PgQueuer's manager, one a lane, and the schedules."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pgqueuer.core.qm import QueueManager

from paywright.core.backoff import RetryPolicy, retry_delay
from paywright.db.pool import Database
from paywright.jobs.attempt import Executor, Surroundings
from paywright.jobs.claims import Claims
from paywright.jobs.driver import QueueDriver
from paywright.jobs.lanes import Lane, lanes_of
from paywright.jobs.library import SETTINGS
from paywright.jobs.outage import Outage
from paywright.jobs.registry import Registry
from paywright.jobs.schedules import run_schedules

log = structlog.get_logger()

POLICY = RetryPolicy(
    attempts_max=5, delay_first=timedelta(seconds=2), delay_max=timedelta(minutes=10)
)
_REBUILD = RetryPolicy(
    attempts_max=2**31, delay_first=timedelta(seconds=0.5), delay_max=timedelta(seconds=15)
)
_CANCELS_MAX = 50
_STOP_OUTAGE_MAX = timedelta(seconds=5)


def _now() -> datetime:
    return datetime.now(UTC)


class Worker:
    """Runs jobs and schedules until it is told to stop.

    concurrency: single jobs under way at the same time; batch jobs have their own bound
    calls_max:   jobs of the lane `calls` under way at the same time
    lease:       how long a job stays with a worker that shows no sign of life
    poll:        how often to look for work without having been notified; a job whose worker was
                 killed is taken over within `lease` + `poll`

    Should have `concurrency` connections for the handlers, one for each writer of a batch job,
    those that calls share, and two for each of the three lanes; with fewer than six it does not
    listen, and finds work by looking for it.
    """

    def __init__(
        self,
        db: Database,
        app: Any,
        registry: Registry,
        *,
        concurrency: int = 5,
        calls_max: int = 256,
        policy: RetryPolicy = POLICY,
        lease: timedelta = timedelta(seconds=12),
        poll: timedelta = timedelta(seconds=2),
        clock: Callable[[], datetime] = _now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._registry = registry
        self._concurrency = concurrency
        self._calls_max = calls_max
        self._lease = lease
        self._poll = poll
        self._shared = Surroundings(
            db=db,
            app=app,
            outage=Outage(db, jitter=jitter),
            policy=policy,
            clock=clock,
            jitter=jitter,
        )
        self._stopping = asyncio.Event()
        self._managers: dict[str, QueueManager] = {}
        self._executors: list[Executor] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until `stop`. Outages of the database are waited out."""
        self._lanes = {asyncio.create_task(self._keep_up("schedules", self._run_schedules))}
        for lane in lanes_of(
            self._registry.jobs.values(), concurrency=self._concurrency, calls_max=self._calls_max
        ):
            self._start_lane(lane)
        log.info("jobs.worker_started", tasks=sorted(self._registry.jobs))
        try:
            await asyncio.wait(self._lanes)
        finally:
            await self._abandon()
            log.info("jobs.worker_stopped")

    async def stop(self, timeout: timedelta) -> bool:  # noqa: ASYNC109 - the jobs', not ours
        """Take no more jobs and wait for those under way; whether all of them were finished.

        What is not finished within `timeout` is cancelled and stays picked, for another worker to
        take over when the lease is up. So is what waits for a database that is away: often the
        database is being stopped, too, and nothing can be finished without it.
        """
        self._stopping.set()
        for manager in self._managers.values():
            manager.shutdown.set()
        if not self._lanes:
            return True
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout.total_seconds()
        late = self._lanes
        while late and clock() < deadline and not self._shared.outage.lasts(_STOP_OUTAGE_MAX):
            pause_s = min(0.25, max(0.0, deadline - clock()))
            _, late = await asyncio.wait(late, timeout=pause_s)
        await self._abandon()
        return not late

    async def _abandon(self) -> None:
        """Cancel what is left of the lanes; what they hold is for others to take over."""
        late = {lane for lane in self._lanes if not lane.done()}
        if not late:
            return
        log.warning("jobs.abandoned", lanes=len(late))
        self._stopping.set()
        self._shared.outage.abandon()
        for executor in self._executors:
            executor.cancel()
        for _ in range(_CANCELS_MAX):
            # Again and again: the first makes the manager wait for its jobs, only the next ends
            # that.
            for lane in late:
                lane.cancel()
            _, late = await asyncio.wait(late, timeout=0.1)
            if not late:
                return

    def _start_lane(self, lane: Lane) -> None:
        async def run() -> None:
            await self._run_manager(lane)

        self._lanes.add(asyncio.create_task(self._keep_up(lane.name, run)))

    async def _keep_up(self, name: str, run: Callable[[], Any]) -> None:
        """Run a lane until `stop`; begin anew when it breaks."""
        failures = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            try:
                await run()
            except Exception:
                lasted = asyncio.get_running_loop().time() - started
                failures = 1 if lasted > 60 else failures + 1
                if failures == 1:
                    log.exception("jobs.lane_failed", lane=name)
                delay = retry_delay(_REBUILD, attempt=failures, jitter=self._shared.jitter())
                try:
                    async with asyncio.timeout((delay or _REBUILD.delay_max).total_seconds()):
                        await self._stopping.wait()
                except TimeoutError:
                    pass
            else:
                return

    async def _run_manager(self, lane: Lane) -> None:
        driver = self._driver()
        claims = Claims(
            driver,
            queue=driver,
            policies={job.name: job.policy or self._shared.policy for job in lane.jobs},
            jitter=self._shared.jitter,
        )
        manager = QueueManager(claims, channel=SETTINGS.channel)
        slots = asyncio.Semaphore(lane.slots)
        executors = {job.name: Executor(job, self._shared, slots) for job in lane.jobs}
        for task, executor in executors.items():
            manager.register_executor(task, executor)
        self._managers[lane.name] = manager
        self._executors.extend(executors.values())
        if self._stopping.is_set():
            return
        await manager.run(
            dequeue_timeout=self._poll,
            batch_size=lane.size,
            max_concurrent_tasks=lane.held_max,
            heartbeat_timeout=self._lease,
            # Nobody reads the library's statistics, and gathering them rewrites every log row.
            log_aggregation_interval=timedelta(0),
        )

    async def _run_schedules(self) -> None:
        await run_schedules(
            self._driver(),
            self._shared,
            self._registry.schedules,
            lease=self._lease,
            stopping=self._stopping,
        )

    def _driver(self) -> QueueDriver:
        return QueueDriver(
            self._db,
            self._shared.outage,
            timeout=max(self._lease / 2, timedelta(seconds=1)),
        )
