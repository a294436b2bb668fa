"""Jobs over HTTP: how much waits, what died, put it back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.requests import read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.jobs.dead_letters import depth, list_dead, requeue
from paywright.jobs.model import DeadLetter
from paywright.wiring import App

JobNumber = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """`picked`: being worked on. `dead`: given up. `oldest_age_s`: of the longest waiting."""

    task: str
    queued: int
    picked: int
    dead: int
    oldest_age_s: float


class Queues(msgspec.Struct, frozen=True):
    items: Sequence[QueueView]


class DeadJob(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    task: str
    payload: Any
    priority: int
    attempts: int
    reason: str
    requested_by: str
    request_id: str
    queued_at: datetime
    died_at: datetime

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadJob":
        return cls(**{name: getattr(letter, name) for name in cls.__struct_fields__})


class DeadJobs(msgspec.Struct, frozen=True):
    items: Sequence[DeadJob]
    next_cursor: str | None


class RequeueRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ids` null: all dead jobs, at most 1,000 of them."""

    ids: Annotated[list[JobNumber], Meta(min_length=1, max_length=1000)] | None = None


class Requeued(msgspec.Struct, frozen=True):
    ids: Sequence[int]


@get("/jobs", opt={"permission": Permission.READ_JOBS})
async def get_queues(app: App, cause: Cause) -> Queues:
    """How much work waits, by task."""
    cause.actor.require(Permission.READ_JOBS)
    async with app.db.snapshot() as tx:
        depths = await depth(tx)
    return Queues(
        [
            QueueView(
                task=found.task,
                queued=found.queued,
                picked=found.picked,
                dead=found.failed,
                oldest_age_s=found.oldest_age_seconds,
            )
            for found in depths
        ]
    )


@get("/jobs/dead", opt={"permission": Permission.READ_JOBS})
async def get_dead(
    app: App,
    cause: Cause,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> DeadJobs:
    """Jobs whose every attempt failed, newest first, each with the reason."""
    cause.actor.require(Permission.READ_JOBS)
    async with app.db.snapshot() as tx:
        page = await list_dead(tx, limit=limit, cursor=cursor)
    return DeadJobs([DeadJob.of(letter) for letter in page.items], page.next_cursor)


@post(
    "/jobs/dead/requeue",
    status_code=200,
    opt={"permission": Permission.MANAGE_JOBS, "body": RequeueRequest},
)
async def requeue_dead(request: Request[Any, Any, Any], app: App, cause: Cause) -> Requeued:
    """Put dead jobs back into the queue, with all their attempts. One unknown id stops it all."""
    body: RequeueRequest = await read_body(request, RequeueRequest)
    return Requeued(await requeue(app.db, cause, ids=body.ids))


ROUTES = [get_queues, get_dead, requeue_dead]
