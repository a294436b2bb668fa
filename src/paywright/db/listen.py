"""Hear what other processes announce by NOTIFY, and know when one might have missed something."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from asyncpg.pool import PoolConnectionProxy

from paywright.db.pool import Database, is_connection_lost

log = structlog.get_logger()

# The connection is asked for a sign of life this often. One that has not answered for
# `_SILENCE_S` may be a line that was cut: what comes by it is not relied upon.
_BEAT_S = 1.0
_SILENCE_S = 3.0
_AGAIN_S = 0.5


class Listener:
    """Listens on one channel, on a connection of its own, for as long as the process runs.

    on_message: called with each payload
    on_start:   called whenever listening begins (again): what was announced before is unknown
    """

    def __init__(
        self,
        db: Database,
        channel: str,
        *,
        on_message: Callable[[str], None],
        on_start: Callable[[], None],
    ) -> None:
        self._db = db
        self._channel = channel
        self._on_message = on_message
        self._on_start = on_start
        self._heard_at = float("-inf")
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def is_alive(self, now: float) -> bool:
        """Whether everything that was announced until a moment ago has come. `now`: monotonic
        seconds."""
        return now - self._heard_at < _SILENCE_S

    async def start(self) -> None:
        """Begin to listen. A database that is away is waited for in the background."""
        started = asyncio.Event()
        self._task = asyncio.create_task(self._run(started), name=f"listen {self._channel}")
        with suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), timeout=_SILENCE_S)

    async def stop(self) -> None:
        """Give the connection back."""
        self._heard_at = float("-inf")
        self._stopping.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=_SILENCE_S)
        while not done:
            # Again and again: a driver that is just connecting may swallow it.
            self._task.cancel()
            done, _ = await asyncio.wait({self._task}, timeout=_AGAIN_S)

    async def _run(self, started: asyncio.Event) -> None:
        while not self._stopping.is_set():
            try:
                async with self._db.pool.acquire() as connection:
                    await self._listen(connection, started)
            except Exception as error:
                if is_connection_lost(error) or isinstance(error, TimeoutError):
                    reason = type(error).__name__
                    log.warning("listener.lost", channel=self._channel, reason=reason)
                else:
                    log.exception("listener.failed", channel=self._channel)
            finally:
                self._heard_at = float("-inf")
            await self._pause(_AGAIN_S)

    async def _listen(self, connection: PoolConnectionProxy, started: asyncio.Event) -> None:
        def lost(_: object) -> None:
            self._heard_at = float("-inf")

        def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            self._on_message(str(payload))

        connection.add_termination_listener(lost)
        await connection.add_listener(self._channel, heard)
        try:
            self._on_start()
            while not self._stopping.is_set():
                asked_at = time.monotonic()
                await connection.execute("select 1", timeout=_SILENCE_S)
                # As of when it was asked: later announcements may still be on their way.
                self._heard_at = asked_at
                started.set()
                await self._pause(_BEAT_S)
            await connection.remove_listener(self._channel, heard)
            connection.remove_termination_listener(lost)
        except BaseException:
            # No goodbye on a line that may be dead: the server forgets whom it cannot reach.
            connection.terminate()
            raise

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)
