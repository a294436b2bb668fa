"""Counts that all processes share, in a Valkey or Redis.

Those who ask at the same time ask in one round trip. Whoever asks again and again is given a
slice of several requests, which is spent in this process without asking. A slice is good for
`SLICE_S`, so that in any window no more passes than if the window were that much longer, whatever
the number of processes: with 6,000 in 60 s at most 100 more. A limit below 200 is never sliced,
and exact.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from paywright.batching import Coalescer, QueueFull
from paywright.throttle.model import Allowance, told

log = structlog.get_logger()

SLICE_S = 1.0
_SLICE_SHARE = 100  # a slice is at most this part of the limit,
_SLICE_MAX = 100  # and at most this many requests
_SWEEP = 10_000  # names, after which what is known of them is dropped
_PAUSE_FIRST_S, _PAUSE_MAX_S = 1.0, 30.0

# Time is the server's own. `full` is the moment at which the bucket is empty again, counted in
# requests (`limit` to a window), so that adding a request is exact. Of each key: how many requests
# were granted, and in how many microseconds the bucket is empty.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers = {}
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local tick = now * limit / window
    local full = math.max(tonumber(redis.call('GET', key) or tick), tick)
    local free = math.floor(limit - (full - tick) + 0.001)
    local granted = math.max(0, math.min(tonumber(ARGV[3 * i]), free))
    full = full + granted
    local debt = (full - tick) * window / limit
    if granted > 0 then
        redis.call('SET', key, string.format('%.17g', full), 'PX', math.ceil(debt / 1000) + 1)
    end
    answers[2 * i - 1], answers[2 * i] = granted, math.ceil(debt)
end
return answers
"""


class _Ask(msgspec.Struct, frozen=True):
    """A request for `wanted` of a name's share. `now`: monotonic seconds."""

    key: str
    limit: int
    window_s: float
    wanted: int
    now: float


class _Known(msgspec.Struct):
    """What is known of a name until `until`: that `left` more may pass, or that none may.

    granted: in the last slice; 0 for a refusal
    """

    granted: int
    left: int
    empty_at: float
    until: float


class SharedCounts:
    """Raises ModuleNotFoundError when the library is not installed, and ValueError for a URL
    that it does not understand.

    url:        redis://, rediss://, valkey:// or valkeys://
    deadline_s: of one round trip. A server that misses it is left alone for a second, then for
                longer and longer, half a minute at most
    """

    def __init__(self, url: str, *, deadline_s: float = 0.05) -> None:
        # An extra: installations without it must not need it.
        from valkey.asyncio import Valkey  # noqa: PLC0415
        from valkey.exceptions import ValkeyError  # noqa: PLC0415

        self._client: Any = Valkey.from_url(
            url, socket_timeout=deadline_s, socket_connect_timeout=deadline_s
        )
        self._deadline_s = deadline_s
        self._failures = (ValkeyError, OSError, TimeoutError)
        self._script: Any = self._client.register_script(_SCRIPT)
        self._asked: Coalescer[_Ask, tuple[int, float] | None] = Coalescer(
            self._ask, batch_max=256, writers=2
        )
        self._known: dict[str, _Known] = {}
        self._slicing: set[str] = set()  # names for which a slice is being asked for
        self._down_until = 0.0
        self._pause_s = 0.0  # above 0 while the server is away

    async def take(self, name: str, *, limit: int, window_s: float, now: float) -> Allowance | None:
        """Count one request of `name`; None when the shared count cannot be had."""
        key = f"{{paywright}}:limit:{limit}/{window_s:g}:{name}"
        known = self._live(key, now)
        if known is not None and (known.left or not known.granted):
            return _spend(known, limit=limit, window_s=window_s, now=now)
        if now < self._down_until:
            return None
        wanted = 1 if key in self._slicing else _wanted(known, limit)
        ask = _Ask(key, limit, window_s, wanted, now)
        if wanted > 1:
            self._slicing.add(key)
        try:
            answer = await self._asked.submit(ask)
        except QueueFull:
            return None
        finally:
            if wanted > 1:
                self._slicing.discard(key)
        return None if answer is None else self._learn(ask, *answer)

    async def close(self) -> None:
        await self._asked.close()
        await self._client.aclose()

    def _live(self, key: str, now: float) -> _Known | None:
        known = self._known.get(key)
        return known if known is not None and now < known.until else None

    def _learn(self, ask: _Ask, granted: int, debt_s: float) -> Allowance:
        """What the answer means for who asked, and for those who come after."""
        known = self._live(ask.key, ask.now)
        if not granted and known is not None and known.left:  # of a slice that came meanwhile
            return _spend(known, limit=ask.limit, window_s=ask.window_s, now=ask.now)
        allowance = told(debt_s, limit=ask.limit, window_s=ask.window_s, is_allowed=granted > 0)
        if ask.wanted == 1 and granted and known is not None:
            return _with(allowance, known)
        if len(self._known) > _SWEEP:
            self._known = {k: it for k, it in self._known.items() if it.until > ask.now}
            if len(self._known) > _SWEEP:
                self._known = {}  # they ask anew
        known = self._known[ask.key] = _Known(
            granted=granted,
            left=max(0, granted - 1),
            empty_at=ask.now + debt_s,
            # Nobody gives a share back: what was refused stays so until the next one grows.
            until=ask.now + (SLICE_S if granted else allowance.retry_after_s),
        )
        return _with(allowance, known)

    async def _ask(self, asks: Sequence[_Ask]) -> Sequence[tuple[int, float] | None]:
        """One round trip; all None when it failed."""
        now = max(ask.now for ask in asks)
        is_probe = self._pause_s > 0
        if is_probe:
            # Others need not try while this one does.
            self._down_until = now + self._pause_s
        arguments: list[Any] = []
        for ask in asks:
            arguments += (ask.limit, round(ask.window_s * 1e6), ask.wanted)
        try:
            # The client's own deadlines are for one step each: connecting, reading.
            async with asyncio.timeout(self._deadline_s):
                answers = await self._script(keys=[ask.key for ask in asks], args=arguments)
        except self._failures as error:
            self._lost(error, now, is_probe=is_probe)
            return [None] * len(asks)
        if self._pause_s:
            self._pause_s = self._down_until = 0.0
            log.info("throttle.shared_again")
        return [
            (int(granted), int(debt) / 1e6)
            for granted, debt in zip(answers[::2], answers[1::2], strict=True)
        ]

    def _lost(self, error: Exception, now: float, *, is_probe: bool) -> None:
        if not self._pause_s:
            log.warning("throttle.shared_lost", error=f"{type(error).__name__}: {error}")
            self._pause_s = _PAUSE_FIRST_S
        elif is_probe:
            self._pause_s = min(_PAUSE_MAX_S, 2 * self._pause_s)
        self._down_until = now + self._pause_s


def _wanted(known: _Known | None, limit: int) -> int:
    """One at first; twice as many as last time for who used all of them up in time."""
    if known is None:
        return 1
    return max(1, min(2 * known.granted, limit // _SLICE_SHARE, _SLICE_MAX))


def _spend(known: _Known, *, limit: int, window_s: float, now: float) -> Allowance:
    """Take one of what is left, or be refused once more, without asking."""
    debt = max(0.0, known.empty_at - now)
    if not known.granted:
        return told(debt, limit=limit, window_s=window_s, is_allowed=False)
    known.left -= 1
    return _with(told(debt, limit=limit, window_s=window_s, is_allowed=True), known)


def _with(allowance: Allowance, known: _Known) -> Allowance:
    """Count in what is left of the slice."""
    if not known.left:
        return allowance
    return msgspec.structs.replace(allowance, remaining=allowance.remaining + known.left)
