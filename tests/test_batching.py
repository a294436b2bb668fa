"""Many callers, few batches; a poisoned item fails alone; a full queue says so."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from paywright.batching import Coalescer, QueueFull
from paywright.core.errors import Conflict, Problem
from paywright.db.pool import DatabaseUnavailable


class Refused(Conflict):
    """No."""


class Recorder:
    """Doubles numbers, slowly, and remembers the batches. Negative ones are refused; 13 breaks
    the whole batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.lost = 0

    async def work(self, items: Sequence[int]) -> list[int | Problem]:
        self.batches.append(list(items))
        await asyncio.sleep(0.01)
        if self.lost:
            self.lost -= 1
            raise ConnectionResetError("gone")
        if 13 in items:
            raise ValueError("thirteen")
        return [Refused(str(item)) if item < 0 else item * 2 for item in items]


async def test_what_waits_goes_together() -> None:
    recorder = Recorder()
    coalescer = Coalescer(recorder.work, batch_max=50)
    results = await asyncio.gather(*(coalescer.submit(i) for i in range(100, 220)))
    assert results == [i * 2 for i in range(100, 220)]
    # The first waits for nobody; the rest goes by fifties.
    assert [len(batch) for batch in recorder.batches] in ([50, 50, 20], [1, 50, 50, 19])


async def test_a_refusal_is_for_its_own_caller() -> None:
    coalescer = Coalescer(Recorder().work)
    results = await asyncio.gather(
        *(coalescer.submit(i) for i in (1, -1, 2)), return_exceptions=True
    )
    assert results[0] == 2
    assert isinstance(results[1], Refused)
    assert results[2] == 4


async def test_a_poisoned_item_fails_alone() -> None:
    recorder = Recorder()
    coalescer = Coalescer(recorder.work)
    results = await asyncio.gather(
        *(coalescer.submit(i) for i in (12, 13, 14, 15)), return_exceptions=True
    )
    assert [results[0], *results[2:]] == [24, 28, 30]
    assert isinstance(results[1], ValueError)


async def test_a_lost_connection_is_tried_once_more() -> None:
    recorder = Recorder()
    recorder.lost = 1
    assert await Coalescer(recorder.work).submit(4) == 8
    assert recorder.batches == [[4], [4]]


async def test_a_database_that_stays_away_is_told_to_everybody() -> None:
    recorder = Recorder()
    recorder.lost = 100
    coalescer = Coalescer(recorder.work)
    results = await asyncio.gather(*(coalescer.submit(i) for i in range(5)), return_exceptions=True)
    assert all(isinstance(result, DatabaseUnavailable) for result in results)
    assert results[0].headers == {"Retry-After": "1"}
    # Not one by one: that would take five times as long and end the same.
    assert len(recorder.batches) <= 4


async def test_a_bug_in_the_data_is_not_taken_for_an_outage() -> None:
    async def work(items: Sequence[int]) -> list[int | Problem]:
        raise asyncpg.DataError("invalid input for query argument $1")

    with pytest.raises(asyncpg.DataError):
        await Coalescer(work).submit(1)


async def test_a_full_queue_refuses_at_once() -> None:
    coalescer = Coalescer(Recorder().work, batch_max=1, queue_max=3)
    results = await asyncio.gather(
        *(coalescer.submit(i) for i in range(10)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, QueueFull)]
    assert len(refused) == 7
    assert refused[0].headers["Retry-After"] == "1"
    assert sorted(result for result in results if isinstance(result, int)) == [0, 2, 4]


async def test_a_caller_that_goes_away_does_not_stop_the_others() -> None:
    coalescer = Coalescer(Recorder().work)
    impatient = asyncio.create_task(coalescer.submit(1))
    patient = asyncio.create_task(coalescer.submit(2))
    await asyncio.sleep(0.001)
    impatient.cancel()
    assert await patient == 4


async def test_closing_finishes_what_was_accepted() -> None:
    coalescer = Coalescer(Recorder().work, batch_max=2)
    waiting = [asyncio.create_task(coalescer.submit(i)) for i in range(7)]
    await asyncio.sleep(0)
    await coalescer.close()
    assert [task.result() for task in waiting] == [i * 2 for i in range(7)]


async def test_work_that_is_cancelled_leaves_nobody_waiting() -> None:
    async def work(items: Sequence[int]) -> list[int | Problem]:
        raise asyncio.CancelledError

    coalescer = Coalescer(work)
    waiting = [asyncio.create_task(coalescer.submit(i)) for i in range(3)]
    done, pending = await asyncio.wait(waiting, timeout=5)
    assert not pending
    assert all(task.cancelled() for task in done)


async def test_an_item_that_comes_as_the_last_batch_ends_is_not_forgotten() -> None:
    """Each is submitted in the very step of the loop in which the writer ends."""

    async def work(items: Sequence[int]) -> list[int | Problem]:
        return list(items)

    coalescer = Coalescer(work)
    loop = asyncio.get_running_loop()
    later: list[asyncio.Task[int]] = []
    for i in range(50):
        first = asyncio.create_task(coalescer.submit(i))
        await asyncio.sleep(0)  # submitted: the writer is scheduled
        for step in range(4):  # around the step in which it ends
            loop.call_soon(
                lambda n=i * 4 + step: later.append(asyncio.create_task(coalescer.submit(n)))
            )
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await first == i
            await asyncio.gather(*later)
