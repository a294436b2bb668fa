"""Which handler does which work. Filled by decorators at import, read by the worker."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeVar

import msgspec

from paywright.core.backoff import RetryPolicy
from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.jobs.model import Run, Task

# `async def mark_failed(tx, cause, tasks, reasons)`: inside the transaction that declares the
# jobs dead. One call a cause.
OnDead = Callable[[Tx, Cause, Sequence[Any], Sequence[str]], Awaitable[None]]
Handler = Callable[[Run, Any], Awaitable[Any]]
Chore = Callable[[Run], Awaitable[None]]

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Any]])


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of task is worked on.

    batch_max: 1: the handler takes one task and returns nothing; more: it takes a list and returns
               None or an exception for each. It must then be atomic and safe to repeat.
    writers:   batches under way at the same time in one worker
    timeout:   of one call of the handler
    policy:    None: the worker's
    lane:      `calls`: it waits for the network most of the time, and holds no connection to the
               database while it does; hundreds of such may be under way. None: as any other work
    """

    name: str
    task: type[Task]
    handler: Handler
    batch_max: int
    writers: int
    timeout: timedelta
    on_dead: OnDead | None
    policy: RetryPolicy | None
    lane: Literal["calls"] | None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A chore that one process of the fleet does, again and again.

    every: from the start of one run to the start of the next
    """

    name: str
    every: timedelta
    chore: Chore


class Registry:
    """The jobs and the schedules that a worker runs."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}

    def job(
        self,
        task: type[Task],
        *,
        batch_max: int = 1,
        writers: int = 1,
        timeout: timedelta = timedelta(minutes=5),
        on_dead: OnDead | None = None,
        policy: RetryPolicy | None = None,
        lane: Literal["calls"] | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """Decorator: the function works on tasks of this kind.

        Raises ValueError on a duplicate, and for a lane of batches.
        """
        name = task.job_name()
        if lane is not None and batch_max > 1:
            raise ValueError(f"{name}: batches have a lane of their own")

        def register(handler: _Handler) -> _Handler:
            if name in self.jobs:
                raise ValueError(f"there is a handler for {name} already")
            self.jobs[name] = Job(
                name=name,
                task=task,
                handler=handler,
                batch_max=batch_max,
                writers=writers,
                timeout=timeout,
                on_dead=on_dead,
                policy=policy,
                lane=lane,
            )
            return handler

        return register

    def schedule(self, name: str, *, every: timedelta) -> Callable[[Chore], Chore]:
        """Decorator: run the function every so often. Raises ValueError on a duplicate."""

        def register(chore: Chore) -> Chore:
            if name in self.schedules:
                raise ValueError(f"there is a schedule {name} already")
            self.schedules[name] = Schedule(name=name, every=every, chore=chore)
            return chore

        return register


# The application's own. Importing a slice's `jobs` module fills it.
REGISTRY = Registry()
job = REGISTRY.job
schedule = REGISTRY.schedule
