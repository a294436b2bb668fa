"""PgQueuer's way to the database: through our pool, and through outages.

The library's own drivers raise when the server goes away. Its manager then stops, waits for the
jobs under way and, where it cannot write down how one ended, declares it dead: by our outage.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

import structlog
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback

from paywright.db.pool import Database, is_connection_lost
from paywright.jobs.outage import Outage

log = structlog.get_logger()

_LISTENER_CHECK_SECONDS = 15.0
_PROBE_SECONDS = 5.0
_CANCEL_AGAIN_SECONDS = 0.1
# Each of three lanes keeps a connection to listen; in a smaller pool the work would find too few.
_LISTEN_POOL_MIN = 6


class QueueDriver:
    """A `pgqueuer.ports.driver.Driver` for one lane of a worker. Holds one connection to listen.

    timeout: after it a statement counts as lost; well below the lease, or heartbeats come too late
    """

    def __init__(self, db: Database, outage: Outage, *, timeout: timedelta) -> None:
        self.outage = outage
        self._pool = db.pool
        self._timeout = timeout.total_seconds()
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: Any) -> list[dict[str, Any]]:
        return await self.outage.through(lambda: self.fetch_once(query, *args))

    async def fetch_once(self, query: str, *args: Any) -> list[dict[str, Any]]:
        """`fetch`, for one that does not bear to be sent again as it is."""
        rows = await self._pool.fetch(query, *args, timeout=self._timeout)
        return [dict(row) for row in rows]

    async def execute(self, query: str, *args: Any) -> str:
        return await self.outage.through(
            lambda: self._pool.execute(query, *args, timeout=self._timeout)
        )

    async def notify(self, channel: str, payload: str) -> None:
        await self._pool.execute("select pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        if self._listener is not None:
            raise RuntimeError("a lane listens once")
        if self._pool.get_max_size() < _LISTEN_POOL_MIN:
            log.warning("jobs.not_listening", reason="the connection pool is too small")
            return
        self._listener = asyncio.create_task(self._listen(channel, _relay(callback)))
        await self._listening.wait()

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        listener, self._listener = self._listener, None
        while listener is not None and not listener.done():
            # Again and again: the driver turns a cancel that comes as the connection is lost into
            # an error, after which we would listen anew.
            listener.cancel()
            await asyncio.wait({listener}, timeout=_CANCEL_AGAIN_SECONDS)

    async def _listen(self, channel: str, relay: Callable[..., None]) -> None:
        """Hold a connection that listens; find another whenever it breaks, for ever."""
        attempt = 0
        while True:
            try:
                async with self._pool.acquire(timeout=self._timeout) as connection:
                    attempt = 0
                    await self._listen_on(connection, channel, relay)
            except Exception as error:
                # Work is found all the same: the manager looks for it every so often.
                if not is_connection_lost(error):
                    log.exception("jobs.listener_failed")
                attempt += 1
                self._listening.set()
                await asyncio.sleep(self.outage.delay_seconds(attempt))

    async def _listen_on(self, connection: Any, channel: str, relay: Callable[..., None]) -> None:
        broken = asyncio.Event()

        def on_termination(_connection: object) -> None:
            broken.set()

        connection.add_termination_listener(on_termination)
        try:
            await connection.add_listener(channel, relay)
            self._listening.set()
            while not broken.is_set():
                try:
                    async with asyncio.timeout(_LISTENER_CHECK_SECONDS):
                        await broken.wait()
                except TimeoutError:  # the network may be gone without a word
                    await connection.execute("select 1", timeout=_PROBE_SECONDS)
        finally:
            if not connection.is_closed():
                connection.remove_termination_listener(on_termination)
                await connection.remove_listener(channel, relay)


def _relay(callback: NotifyCallback) -> Callable[[object, object, object, object], None]:
    def relay(_connection: object, _pid: object, _channel: object, payload: object) -> None:
        if isinstance(payload, (str, bytes)):
            callback(payload)

    return relay
