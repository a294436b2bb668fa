"""PgQueuer's queries, where its manager's own would lose, repeat or wrongly bury a job."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from paywright.core.backoff import RetryPolicy
from paywright.jobs import library, picks_store
from paywright.jobs.driver import QueueDriver
from paywright.jobs.isolation import admitted
from paywright.jobs.model import clean
from paywright.jobs.picks_store import Pick

_NO_TAKEOVER = timedelta(days=3650)
_RELEASE_DELAY = timedelta(seconds=1)
_SLOW_SECONDS = 0.02
_REFRESH_SECONDS = 60.0

Outcome = tuple[Job, JOB_STATUS, TracebackRecord | None]


def pick_of(job: Job) -> Pick:
    return Pick(job.id, job.updated)


def takeovers_of(job: Job) -> int:
    """How many workers died with this job under way since it was last tried to an end."""
    count = (job.headers or {}).get("takeovers", 0)
    return count if isinstance(count, int) else 0


def traceback_json(record: TracebackRecord) -> str:
    """As PostgreSQL can store it."""
    return record.model_copy(
        update={
            "exception_message": clean(record.exception_message),
            "traceback": clean(record.traceback),
        }
    ).model_dump_json()


@dataclasses.dataclass
class Claims(Queries):
    """What one lane of a worker says to the queue.

    - A job is charged with an attempt for each worker that died of it, and jobs so charged are
      kept apart (see `isolation`).
    - Nothing is taken over right after an outage, when the living could not say so either.
    - Completions count only for the pick they belong to, and heartbeats wait for none of them.
    - A job is never 'canceled': a worker that must stop leaves it to be taken over.
    """

    qbe: QueryBuilderEnvironment = dataclasses.field(default_factory=lambda: library.ENVIRONMENT)
    qbq: QueryQueueBuilder = dataclasses.field(default_factory=lambda: library.QUEUE)
    queue: QueueDriver = dataclasses.field(kw_only=True)
    policies: dict[str, RetryPolicy] = dataclasses.field(kw_only=True)
    jitter: Callable[[], float] = dataclasses.field(kw_only=True)
    running: dict[int, Job] = dataclasses.field(default_factory=dict, init=False)
    _answer_lost: bool = dataclasses.field(default=False, init=False)
    _refreshed_at: float = dataclasses.field(default=float("-inf"), init=False)

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        async def claim() -> list[dict[str, Any]]:
            # An answer may have been lost, and with it jobs that are ours.
            if self._answer_lost and (ours := await self._unanswered(queue_manager_id)):
                return ours
            self._answer_lost = True
            query = self.qbq.build_dequeue_query(
                batch_size=batch_size,
                entrypoints=list(entrypoints),
                concurrency_limits=[limit.concurrency_limit for limit in entrypoints.values()],
                queue_manager_id=queue_manager_id,
                global_concurrency_limit=global_concurrency_limit,
                # Asked each time: the outage may have been during this very statement.
                heartbeat_timeout=_NO_TAKEOVER
                if self.queue.outage.costs_heartbeats(heartbeat_timeout)
                else heartbeat_timeout,
            )
            began = time.monotonic()
            rows = await self.queue.fetch_once(query.sql, *query.args)
            self._answer_lost = False
            if len(rows) == batch_size and time.monotonic() - began > _SLOW_SECONDS:
                await self._refresh_statistics()
            return rows

        rows = await self.queue.outage.through(claim)
        jobs = [Job.model_validate(row) for row in rows]
        jobs = [job for job in jobs if not self._is_running(job)]
        if jobs:
            jobs = await self._keep_apart(jobs)
            self.running.update((job.id, job) for job in jobs)
        return jobs

    async def _refresh_statistics(self) -> None:
        """Make the planner look at the queue.

        A queue is empty when statistics are taken, as a rule. Of a sudden backlog of 100,000 jobs
        each claim then sorts them all: 3,400 jobs/s instead of 11,000, until autovacuum comes by.
        """
        if time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._refreshed_at = time.monotonic()
            await picks_store.refresh_statistics(self.driver)

    async def _unanswered(self, queue_manager_id: QueueManagerId) -> list[dict[str, Any]]:
        ours = await picks_store.picked_by(
            self.driver, queue_manager_id, except_ids=list(self.running)
        )
        self._answer_lost = False
        return ours

    def _is_running(self, job: Job) -> bool:
        """Whether the job is under way here, and was picked again because our heartbeat came late.

        The job goes on under the new pick, or its end would not count.
        """
        if (mine := self.running.get(job.id)) is None:
            return False
        mine.updated = job.updated
        return True

    async def _keep_apart(self, jobs: list[Job]) -> list[Job]:
        """Charge the suspects among the jobs, and give back those whose turn has not come."""
        repeated = await picks_store.takeovers(self.driver, [job.id for job in jobs])
        suspects: list[Job] = []
        for job in jobs:
            if count := takeovers_of(job) + repeated.get(job.id, 0):
                job.headers = {**(job.headers or {}), "takeovers": count}
                job.attempts += count
                suspects.append(job)
        if not suspects:
            return jobs
        verdicts = admitted(
            [self._attempts_left(job) for job in self.running.values() if takeovers_of(job)],
            [self._attempts_left(job) for job in suspects],
        )
        postponed = [job for job, fits in zip(suspects, verdicts, strict=True) if not fits]
        await self._release(postponed)
        gone = {job.id for job in postponed}
        return [job for job in jobs if job.id not in gone]

    def _attempts_left(self, job: Job) -> int:
        return self.policies[job.entrypoint].attempts_max - job.attempts

    async def _release(self, jobs: Sequence[Job]) -> None:
        if jobs:
            await picks_store.release(
                self.driver,
                [pick_of(job) for job in jobs],
                takeovers=[takeovers_of(job) for job in jobs],
                delay=_RELEASE_DELAY * (0.5 + self.jitter()),
            )

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        await picks_store.beat(self.driver, list(set(job_ids)))

    async def log_jobs(self, job_status: list[Outcome]) -> None:
        done = [job for job, status, _ in job_status if status == "successful"]
        if done:
            await picks_store.complete(self.driver, [pick_of(job) for job in done])
        # Our executor buries its dead by itself: what comes here is a bug, made visible.
        failed = [(job, record) for job, _, record in job_status if record is not None]
        if failed:
            await picks_store.hold(
                self.driver,
                [pick_of(job) for job, _ in failed],
                attempts=[job.attempts + 1 for job, _ in failed],
                tracebacks=[traceback_json(record) for _, record in failed],
            )
        for job, _, _ in job_status:
            self._forget(job)

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        await picks_store.retry(
            self.driver,
            pick_of(job),
            attempts=job.attempts + 1,
            delay=delay,
            traceback=traceback_json(traceback_record) if traceback_record else None,
        )
        self._forget(job)

    def _forget(self, job: Job) -> None:
        if self.running.get(job.id) is job:
            del self.running[job.id]
