"""Patience with a machine that is slow, and none with what is stuck: a wait goes on for as long as
there is less and less to wait for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

STUCK_S = 120  # without any progress; longer than the lease of a probe whose process was killed
START_S = 300  # for a process to start, where many others do

T = TypeVar("T")


async def until_none_left(
    left: Callable[[], Awaitable[int]], *, what: str, stuck_s: float = STUCK_S
) -> None:
    """Wait until nothing is left. Fails when that has not become less for so long: what comes back
    again and again counts as stuck."""
    least, since = await left(), time.monotonic()
    while now := await left():
        if now < least:
            least, since = now, time.monotonic()
        waited_s = time.monotonic() - since
        assert waited_s < stuck_s, f"waited {waited_s:.0f} s for {what}: {least} left"
        await asyncio.sleep(0.1)


async def while_it_moves(
    work: Awaitable[T], moves: Callable[[], Any], *, what: str, stuck_s: float = STUCK_S
) -> T:
    """Wait for the end of `work`. Fails when what `moves` tells has been the same for so long."""
    task = asyncio.ensure_future(work)
    seen, since = moves(), time.monotonic()
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=0.1)
            if (now := moves()) != seen:
                seen, since = now, time.monotonic()
            waited_s = time.monotonic() - since
            assert waited_s < stuck_s, f"waited {waited_s:.0f} s for {what}: {seen}"
        return await task
    finally:
        task.cancel()
        await asyncio.wait({task})
