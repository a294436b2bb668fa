"""Declare jobs dead: tell their owner, leave an event, and hold them for an operator."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import structlog
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JobId

from paywright.core.cause import Cause
from paywright.db.pool import Database, Tx, is_transient
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.jobs import picks_store
from paywright.jobs.claims import traceback_json
from paywright.jobs.model import Task, reason_of
from paywright.jobs.picks_store import Pick
from paywright.jobs.registry import Job

log = structlog.get_logger()


class Burial(msgspec.Struct, frozen=True):
    """A job to be declared dead, and the error it died of."""

    pick: Pick
    task: str
    payload: bytes
    cause: Cause
    attempts: int
    error: Exception


async def bury(db: Database, job: Job, burials: Sequence[Burial]) -> Sequence[None]:
    """In one transaction: hold the jobs, call the owner's `on_dead`, emit `job.dead`.

    A job that another worker has taken over is left to it. When `on_dead` fails the job is held
    and told of without it: a job that can neither live nor die would be worse.
    """
    try:
        async with db.transaction() as tx:
            await _bury(tx, job, burials, tell_owner=True)
    except Exception as error:
        if is_transient(error) or len(burials) > 1:  # tried again, in the end one by one
            raise
        log.exception("jobs.on_dead_failed", task=job.name, job_id=burials[0].pick.id)
        async with db.transaction() as tx:
            await _bury(tx, job, burials, tell_owner=False)
    return [None] * len(burials)


async def _bury(tx: Tx, job: Job, burials: Sequence[Burial], *, tell_owner: bool) -> None:
    ours = await picks_store.hold(
        tx,
        [burial.pick for burial in burials],
        attempts=[burial.attempts for burial in burials],
        tracebacks=[_traceback(burial) for burial in burials],
    )
    held = [burial for burial in burials if burial.pick.id in ours]
    if tell_owner:
        await _tell_owner(tx, job, held)
    await emit_all(tx, [(burial.cause, _event(burial)) for burial in held])


async def _tell_owner(tx: Tx, job: Job, burials: Sequence[Burial]) -> None:
    if job.on_dead is None:
        return
    by_request: dict[str, list[tuple[Burial, Task]]] = defaultdict(list)
    for burial in burials:
        if (task := _task(job, burial)) is not None:
            by_request[burial.cause.request_id].append((burial, task))
    for dead in by_request.values():
        await job.on_dead(
            tx,
            dead[0][0].cause,
            [task for _, task in dead],
            [reason_of(burial.error) for burial, _ in dead],
        )


def _task(job: Job, burial: Burial) -> Task | None:
    """None when it died of being unreadable."""
    try:
        return job.task.decode(burial.payload)
    except (msgspec.DecodeError, ValueError):
        return None


def _traceback(burial: Burial) -> str:
    return traceback_json(TracebackRecord.from_exception(burial.error, JobId(burial.pick.id)))


def _event(burial: Burial) -> Event:
    return Event(
        "job.dead",
        f"job_{burial.pick.id}",
        {
            "task": burial.task,
            "reason": reason_of(burial.error),
            "attempts": burial.attempts,
        },
    )
