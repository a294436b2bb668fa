"""One attempt at a job: run its handler, and decide what becomes of the job."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context
from pgqueuer.domain.models import Job as Claimed

from paywright.batching import Coalescer
from paywright.core.actor import SYSTEM
from paywright.core.backoff import RetryPolicy, retry_delay
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.jobs.bury import Burial, bury
from paywright.jobs.claims import pick_of, takeovers_of
from paywright.jobs.model import GiveUp, JobTimeout, Run, Task, WorkerDied, reason_of
from paywright.jobs.outage import Outage
from paywright.jobs.registry import Job
from paywright.telemetry import metrics

log = structlog.get_logger()

# How often a job is run anew because the database went away under it, before that counts as its
# own failure: it may be what brings the database down.
_RERUNS_MAX = 10


class Surroundings(msgspec.Struct, frozen=True):
    """What all the jobs of one worker share."""

    db: Database
    app: Any
    outage: Outage
    policy: RetryPolicy
    clock: Callable[[], datetime]
    jitter: Callable[[], float]


class Call(msgspec.Struct, frozen=True):
    """One job, ready for its handler."""

    task: Task
    cause: Cause
    attempt: int
    job_id: int


class Executor(AbstractEntrypointExecutor):
    """Runs the jobs of one kind for PgQueuer's manager.

    Returns when the job is over, dead ones included; raises RetryRequested when it is to be tried
    again. Anything else that it raises is a bug of ours.
    """

    def __init__(self, job: Job, shared: Surroundings, slots: asyncio.Semaphore) -> None:
        super().__init__(
            EntrypointExecutorParameters(
                concurrency_limit=0, func=self._never, accepts_context=True, on_failure="hold"
            )
        )
        self._job = job
        self._shared = shared
        self._slots = slots
        self._policy = job.policy or shared.policy
        self._batches: set[asyncio.Task[Any]] = set()
        self._is_cancelled = False
        self._coalescer: Coalescer[Call, None] = Coalescer(
            self._work, name=job.name, batch_max=job.batch_max, writers=job.writers
        )
        self._burials: Coalescer[Burial, None] = Coalescer(self._bury, batch_max=200)

    async def execute(self, job: Claimed, context: Context) -> None:
        started = asyncio.get_running_loop().time()
        error = await self._outcome(job)
        seconds = asyncio.get_running_loop().time() - started
        outcome = "done" if error is None else "failed"
        metrics.count_job(task=job.entrypoint, outcome=outcome, seconds=seconds)
        if error is None:
            return
        attempt = min(job.attempts + 1, self._policy.attempts_max)
        delay = retry_delay(self._policy, attempt=attempt, jitter=self._shared.jitter())
        reason = reason_of(error)
        if delay is None or isinstance(error, GiveUp):
            log.error("jobs.dead", task=job.entrypoint, job_id=job.id, reason=reason)
            await self._through_outages(
                lambda: self._burials.submit(self._burial(job, error, attempt))
            )
        else:
            log.warning(
                "jobs.failed",
                task=job.entrypoint,
                job_id=job.id,
                attempt=attempt,
                reason=reason,
                exc_info=error,
            )
            raise RetryRequested(delay, reason) from error

    def cancel(self) -> None:
        """Stop the batches under way; their transactions roll back."""
        self._is_cancelled = True
        for batch in self._batches:
            batch.cancel()

    async def _outcome(self, job: Claimed) -> Exception | None:
        """What the attempt came to: None, or why it failed."""
        if job.attempts >= self._policy.attempts_max:
            return WorkerDied(f"its worker died {takeovers_of(job)} times")
        try:
            task = self._job.task.decode(job.payload or b"")
        except (msgspec.DecodeError, ValueError) as error:  # of another version, perhaps
            return error
        call = Call(task, self._cause(job), job.attempts + 1, job.id)
        submit = self._coalescer.submit if self._job.batch_max > 1 else self._run_one
        try:
            await self._through_outages(lambda: submit(call))
        except Exception as error:  # whatever it is, it is how the job ended
            return error
        return None

    async def _through_outages(self, work: Callable[[], Awaitable[None]]) -> None:
        outage = self._shared.outage
        for rerun in range(1, _RERUNS_MAX + 1):
            try:
                return await work()
            except Exception as error:
                if not await outage.explains(error):
                    raise
                await outage.until_over()
                await asyncio.sleep(outage.delay_seconds(rerun))
        return await work()

    async def _run_one(self, call: Call) -> None:
        async with self._slots:
            await self._timed(self._job.handler(self._run([call]), call.task))

    async def _work(self, calls: Sequence[Call]) -> Sequence[Any]:
        """A batch. Its answers are checked, since the coalescer relies on their number."""
        tasks = [call.task for call in calls]
        batch = asyncio.ensure_future(self._timed(self._job.handler(self._run(calls), tasks)))
        self._batches.add(batch)
        batch.add_done_callback(self._batches.discard)
        try:
            answers = await batch
        except JobTimeout as error:  # one by one, each would take as long again
            return [error] * len(calls)
        except asyncio.CancelledError:
            if self._is_cancelled:
                raise
            # Not by us: the driver, on losing a connection, may cancel what it was waiting for.
            raise ConnectionAbortedError("the handler was cancelled from within") from None
        if not isinstance(answers, Sequence) or len(answers) != len(calls):
            raise TypeError(f"{self._job.name}: a batch handler returns one answer for each task")
        return answers

    async def _timed(self, work: Awaitable[Any]) -> Any:
        seconds = self._job.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise JobTimeout(f"not done within {seconds:g} s") from error

    async def _bury(self, burials: Sequence[Burial]) -> Sequence[None]:
        return await bury(self._shared.db, self._job, burials)

    def _burial(self, job: Claimed, error: Exception, attempts: int) -> Burial:
        return Burial(
            pick_of(job), self._job.name, job.payload or b"", self._cause(job), attempts, error
        )

    def _run(self, calls: Sequence[Call]) -> Run:
        first = calls[0]
        return Run(
            app=self._shared.app,
            cause=first.cause,
            attempt=first.attempt,
            job_id=first.job_id,
            causes=[call.cause for call in calls],
        )

    def _cause(self, job: Claimed) -> Cause:
        request_id = (job.headers or {}).get("request_id")
        return Cause(SYSTEM, self._shared.clock(), str(request_id or f"job_{job.id}"))

    async def _never(self, job: Claimed, context: Context) -> None:
        raise NotImplementedError("PgQueuer calls `execute`")
