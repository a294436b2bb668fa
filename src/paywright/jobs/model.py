"""What a job is: the task it carries, the call that works on it, and what is left of a dead one."""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from re import sub
from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import Id


class Priority(IntEnum):
    """Higher first."""

    LOW = 0
    NORMAL = 10
    HIGH = 20
    CRITICAL = 30


class Task(msgspec.Struct, frozen=True):
    """Base of all work that can be put into the queue: what is to be done, as data.

    A new field needs a default: jobs that an older version enqueued are still in the queue.
    """

    name: ClassVar[str] = ""  # where the name derived from the class would not do

    @classmethod
    def job_name(cls) -> str:
        """`DecideIssue` → `decide_issue`. What the queue knows this work by; keep it stable."""
        return cls.name or sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Raises msgspec.ValidationError or DecodeError when it is not a task of this kind."""
        return msgspec.json.decode(payload, type=cls, dec_hook=_decode_id)


def _decode_id(type: type, value: Any) -> Any:
    if issubclass(type, Id):  # JSON holds the plain UUID
        return type.of(UUID(value))
    raise NotImplementedError(f"a task cannot hold a {type.__name__}")


class JobRequest(msgspec.Struct, frozen=True):
    """Ask for work to be done.

    at:       not before this moment; None: as soon as possible
    priority: higher first; see Priority
    key:      at most one job of this key is queued or under way; asking again changes nothing
    """

    task: Task
    at: datetime | None = None
    priority: int = 0
    key: str | None = None


class Run(msgspec.Struct, frozen=True):
    """One call of a handler.

    cause:   the system, now, in the request that asked for the work
    attempt: 1 for the first; an attempt during which the worker died counts, too
    causes:  for a batch, the cause of each task in order; the fields above tell of the first
    """

    app: Any
    cause: Cause
    attempt: int
    job_id: int
    causes: Sequence[Cause]


class GiveUp(Exception):
    """Raised by a handler: trying this job again would be pointless. The text says why."""


class WorkerDied(Exception):
    """The job was under way when its worker died, as often as it may be tried."""


class JobTimeout(Exception):
    """The handler did not finish in time."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A job that was given up.

    payload:      the task as it was enqueued, decoded from JSON
    reason:       type and message of the last error
    requested_by: id of the actor who caused the job
    """

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


class Depth(msgspec.Struct, frozen=True):
    """How much of one kind of work there is.

    oldest_age_seconds: for how long the job that waits the longest has been due; 0 for none
    """

    task: str
    queued: int
    picked: int
    failed: int
    oldest_age_seconds: float


_REASON_MAX = 500


def clean(text: str) -> str:
    """A text that PostgreSQL can store: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def reason_of(error: BaseException) -> str:
    """An error in one line: `TypeError: expected str`."""
    return clean(f"{type(error).__name__}: {error}".removesuffix(": "))[:_REASON_MAX]
