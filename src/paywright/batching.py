"""Many waiting callers, one transaction.

Each caller submits one item and waits for one result. While a batch is being worked on, the next
one collects; as soon as a writer is free it takes everything that waits, up to a bound. A caller
on an idle server waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from paywright.core.errors import Problem, Unavailable
from paywright.db.pool import (
    DatabaseBusy,
    DatabaseUnavailable,
    is_connection_lost,
    is_lock_timeout,
    is_transient,
)
from paywright.telemetry import metrics

_MANY = 8  # items in a batch, from which on one more is likely to follow at once

Item = TypeVar("Item")
Result = TypeVar("Result")

# The work on a batch: one result an item, in order. A Problem as a result refuses that item alone.
Work = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Problem]]]


class QueueFull(Unavailable):
    """More requests are waiting than can be served in good time.

    Nothing was done. Send the request again after the number of seconds in `Retry-After`.
    """


class Coalescer(Generic[Item, Result]):
    """Collects items and hands them to `work`, a batch at a time.

    work:      must be atomic and safe to repeat: a batch whose transaction failed is tried again
               whole, then item by item, so that one poisoned item cannot fail its neighbours
    name:      of the batches, in the metrics
    batch_max: items in one batch
    queue_max: items that may wait; beyond it `submit` raises QueueFull at once
    writers:   batches that may be under way at the same time
    linger_s:  how long a writer that has just finished a batch of many waits for the next one to
               fill, since those who were answered are likely to come again; nobody waits when few
               ask
    """

    def __init__(
        self,
        work: Work[Item, Result],
        *,
        name: str = "",
        batch_max: int = 256,
        queue_max: int = 10_000,
        writers: int = 1,
        linger_s: float = 0.0,
    ) -> None:
        self._work = work
        self._name = name
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._writers = writers
        self._linger_s = linger_s
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        # Counted by hand: a task that has ended is still in `_running` until its callbacks are
        # called, and an item that came meanwhile would wait for nobody.
        self._busy = 0
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """Wait for the result of `item`. Raises what refused it, or QueueFull.

        A caller that is cancelled stops waiting; its item may be worked on all the same.
        """
        if len(self._waiting) >= self._queue_max:
            raise QueueFull(f"{len(self._waiting)} requests wait", headers={"Retry-After": "1"})
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._busy < self._writers:
            self._busy += 1
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await result

    @property
    def depth(self) -> int:
        """How many items wait, not counting those under way."""
        return len(self._waiting)

    async def close(self) -> None:
        """Finish what was accepted. The caller makes sure that nothing more is submitted."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _drain(self) -> None:
        try:
            await self._work_on_what_waits()
        finally:
            self._busy -= 1

    async def _work_on_what_waits(self) -> None:
        last = 0
        while self._waiting:
            if self._linger_s and last >= _MANY and len(self._waiting) < last:
                await asyncio.sleep(self._linger_s)
            last = count = min(len(self._waiting), self._batch_max)
            if self._name:
                metrics.count_batch(name=self._name, size=count)
            batch = [self._waiting.popleft() for _ in range(count)]
            try:
                outcomes = await self._outcomes([item for item, _ in batch])
            except BaseException:  # cancelled: nobody may be left waiting for ever
                for _, result in batch:
                    result.cancel()
                raise
            for (_, result), outcome in zip(batch, outcomes, strict=True):
                if result.done():  # the caller went away
                    continue
                if isinstance(outcome, BaseException):
                    result.set_exception(outcome)
                else:
                    result.set_result(outcome)

    async def _outcomes(self, items: list[Item]) -> Sequence[Result | BaseException]:
        try:
            try:
                return await self._checked(items)
            except Exception as error:
                if not is_transient(error):
                    raise
                return await self._checked(items)
        except Exception as error:
            if is_connection_lost(error):
                lost = DatabaseUnavailable(str(error), headers={"Retry-After": "1"})
                lost.__cause__ = error
                return [lost] * len(items)
            if is_lock_timeout(error):
                # One by one they would wait as long, one after the other.
                busy = DatabaseBusy(str(error), headers={"Retry-After": "1"})
                busy.__cause__ = error
                return [busy] * len(items)
            if len(items) == 1:
                return [error]
        return [(await self._outcomes([item]))[0] for item in items]

    async def _checked(self, items: list[Item]) -> Sequence[Result | Problem]:
        results = await self._work(items)
        if len(results) != len(items):  # else somebody would wait for ever
            raise AssertionError(f"{len(results)} results for {len(items)} items")
        return results
