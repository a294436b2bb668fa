"""Connections to one provider."""

import asyncio
import math
import select
from collections.abc import Mapping
from ssl import SSLContext
from urllib.parse import urlencode
from weakref import WeakSet

import aiohttp
import httpx2
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from paywright.gateway.exchange import BODY_MAX, exchange
from paywright.gateway.heard import Heard
from paywright.gateway.model import Lost, Why

# Less than the 5 s after which many servers close: what is sent into that would be lost.
_IDLE_S = 4.0


class Connections:
    """Sends requests to one provider over connections that are kept. They are opened with the
    first request, inside the loop that runs then.

    deadline_s:      for a request, from waiting for a connection to the last byte of the answer
    connections_max: at the same time
    Raises ValueError for what is no URL.
    """

    def __init__(
        self,
        *,
        deadline_s: float,
        connections_max: int,
        base_url: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._deadline_s = deadline_s
        self._max = connections_max
        self._base_url = str(URL(base_url))
        self._headers = {"Accept-Encoding": "gzip, deflate", **(headers or {})}
        # What the system trusts; what variables of the environment name is not asked.
        self._trusted = httpx2.create_ssl_context(trust_env=False)
        self._trusted.set_alpn_protocols(["http/1.1"])
        # First come, first served. The library gives a connection that has just been given back to
        # whoever asks next, past those who wait.
        self._places = asyncio.Semaphore(connections_max)
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        body_max: int = BODY_MAX,
    ) -> Heard | Lost:
        """Send one request, once.

        path:     below the base URL; without one, the whole address
        body_max: bytes of the answer
        """
        query = f"?{urlencode(params)}" if params else ""
        waited_s = await self._take_a_place()
        if waited_s is None:
            return Lost(why=Why.UNREACHABLE, detail="too many at once", sent=False)
        try:
            return await exchange(
                self._session or self._open(),
                method,
                URL(f"{self._base_url}{path}{query}", encoded=True),
                deadline_s=self._deadline_s - waited_s,
                body_max=body_max,
                headers=headers,
                content=content,
            )
        finally:
            self._places.release()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _take_a_place(self) -> float | None:
        """How long that took; None: there was none in half the time."""
        if not self._places.locked():
            await self._places.acquire()
            return 0.0
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._deadline_s / 2):
                await self._places.acquire()
        except TimeoutError:
            return None
        return clock() - began

    def _open(self) -> aiohttp.ClientSession:
        # Connecting has half the time, so that a provider that cannot be reached is told apart
        # from one that does not answer: only then it is sure that nothing was sent.
        timeout = aiohttp.ClientTimeout(connect=self._deadline_s / 2, ceil_threshold=math.inf)
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=self._max, keepalive_timeout=_IDLE_S, ssl=self._trusted),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=timeout,
            trust_env=False,  # where money orders go is said by our settings alone
            middlewares=[_send_once],
        )
        return self._session


class _Cut(aiohttp.ClientConnectionError):
    """The connection ended before the answer began."""


async def _send_once(
    request: aiohttp.ClientRequest, send: ClientHandlerType
) -> aiohttp.ClientResponse:
    """The library repeats a GET whose connection was cut. Where that one then finds no connection,
    it would look as if nothing had been sent."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and it is not repeated
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Cut from error


class _Connector(aiohttp.TCPConnector):
    """Never lends a connection again on which something came in that nobody had asked for, such as
    a server's 408: it would be taken for the answer to the next request. The library looks only
    whether the connection is open."""

    def __init__(self, *, limit: int, keepalive_timeout: float, ssl: SSLContext) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._lent: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None:
                return connection
            if protocol not in self._lent:
                self._lent.add(protocol)
                return connection
            if not protocol.should_close and not _is_readable(connection):
                return connection
            connection.close()


def _is_readable(connection: Connection) -> bool:
    """Something has come in, or the other side has hung up, and the loop has not seen it yet."""
    transport = connection.transport
    if transport is None:
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))
