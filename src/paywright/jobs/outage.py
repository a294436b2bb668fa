"""When the database is away, and getting through that.

A statement that was lost is sent again once the server is back; so all of them have to be safe to
repeat.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from paywright.core.backoff import RetryPolicy, retry_delay
from paywright.db.pool import Database, DatabaseUnavailable, is_connection_lost, is_transient

log = structlog.get_logger()

_PATIENCE = RetryPolicy(
    attempts_max=2**31, delay_first=timedelta(seconds=0.05), delay_max=timedelta(seconds=2)
)
_PROBE_SECONDS = 5.0
_ECHO_SECONDS = 5.0

T = TypeVar("T")


class Outage:
    """What one worker knows about outages. It logs each once, however many statements suffer."""

    def __init__(self, db: Database, *, jitter: Callable[[], float]) -> None:
        self._pool = db.pool
        self._jitter = jitter
        self._since: float | None = None  # the loop's clock, as all times here
        self._last: tuple[float, float] = (0.0, 0.0)
        self._is_echo = False
        self._probe: asyncio.Task[int] | None = None
        self._abandoned = False

    async def through(self, statement: Callable[[], Awaitable[T]]) -> T:
        """The result of the statement, sent again for as long as it is lost."""
        attempt = 0
        while True:
            try:
                result = await statement()
            except Exception as error:
                lost = is_connection_lost(error)
                if self._abandoned or not (lost or is_transient(error)):
                    raise
                attempt += 1
                if lost:
                    self._begin(error)
                await asyncio.sleep(self.delay_seconds(attempt))
            else:
                self._end()
                return result

    def delay_seconds(self, attempt: int) -> float:
        """How long to wait before the server is asked once more. attempt: 1 or more"""
        delay = retry_delay(_PATIENCE, attempt=attempt, jitter=self._jitter())
        return (delay or _PATIENCE.delay_max).total_seconds()

    async def until_over(self) -> None:
        """Return as soon as the server answers. However many wait, one asks."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self.through(self._ask))
        await asyncio.shield(self._probe)

    async def explains(self, error: Exception) -> bool:
        """Whether an error is the database's being away, rather than the job's own failure.

        A refused or timed out connection may be anybody's: then the database is asked.
        """
        if not (isinstance(error, DatabaseUnavailable) or is_connection_lost(error)):
            return False
        origin = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
        return not (isinstance(origin, OSError) and await self._answers())

    def abandon(self) -> None:
        """Wait for the server no more: from now on a lost statement raises."""
        self._abandoned = True

    def costs_heartbeats(self, lease: timedelta) -> bool:
        """Whether living workers may look dead: they could not, and cannot yet, show themselves.

        So for the length of a lease after an outage that was long enough to matter.
        """
        now = asyncio.get_running_loop().time()
        began, ended = self._last if self._since is None else (self._since, now)
        seconds = lease.total_seconds()
        return ended - began > seconds / 4 and now - ended < seconds

    def lasts(self, period: timedelta) -> bool:
        """Whether the database has been away for longer than `period`, and still is."""
        now = asyncio.get_running_loop().time()
        return self._since is not None and now - self._since > period.total_seconds()

    async def _ask(self) -> int:
        return await self._pool.fetchval("select 1", timeout=_PROBE_SECONDS)

    async def _answers(self) -> bool:
        try:
            await self._ask()
        except Exception as error:
            if not is_connection_lost(error):
                raise
            return False
        return True

    def _begin(self, error: Exception) -> None:
        if self._since is not None:
            return
        began, ended = self._last
        now = asyncio.get_running_loop().time()
        # Connections that broke in an outage are found broken one by one, also after its end.
        self._is_echo = ended > 0 and now - ended < _ECHO_SECONDS
        self._since = began if self._is_echo else now
        if not self._is_echo:
            log.warning("jobs.database_lost", error=f"{type(error).__name__}: {error}")

    def _end(self) -> None:
        if self._since is not None:
            now = asyncio.get_running_loop().time()
            if not self._is_echo:
                log.info("jobs.database_back", seconds=round(now - self._since, 1))
            self._last = (self._since, now)
            self._since = None
