"""The bad line between the caller and the APIs: it delays, drops, fails and loses answers."""

import asyncio
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paywright.simulator.faults import Ending, Fate, FaultSource

_HANG_UP = "paywright.hang_up"
_BEFORE = {Ending.DROPPED, Ending.FAILED, Ending.THROTTLED}


class Line(HttpToolsProtocol):
    """Lets the application hang up, as a crash or a cut cable does. ASGI itself cannot."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_HANG_UP: {"now": self.transport.abort}}


class BadLine:
    """ASGI around the APIs. `/control` is spared."""

    def __init__(self, inner: ASGIApp, faults: FaultSource) -> None:
        self._inner = inner
        self._faults = faults

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/control"):
            await self._inner(scope, receive, send)
            return
        fate = self._faults.draw()
        await asyncio.sleep(fate.pause_s)
        if fate.ending in _BEFORE:
            await self._end(fate, scope, receive, send)
            return
        scope["state"]["is_declined"] = fate.is_declined
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._inner(scope, receive, keep)
        await asyncio.sleep(fate.pause_s)
        if fate.ending != Ending.ANSWERED:
            await self._end(fate, scope, receive, send)
            return
        for message in answer:
            await send(message)

    async def _end(self, fate: Fate, scope: Any, receive: Receive, send: Send) -> None:
        match fate.ending:
            case Ending.DROPPED | Ending.CLOSED:
                scope["extensions"][_HANG_UP]["now"]()
                await _gone(receive)
            case Ending.HUNG:
                await _gone(receive)
            case Ending.FAILED:
                await _say(send, fate.status, b'{"code":"failure","message":"by request"}')
            case Ending.ERROR_AFTER:
                await _say(send, 500, b'{"code":"failure","message":"by request"}')
            case Ending.THROTTLED:
                body = b'{"code":"too_many_requests","message":"slower, please"}'
                await _say(send, 429, body, (b"retry-after", b"1"))
            case Ending.GARBAGE:
                await _say(send, 200, b"<html><body>We will be back soon.</body></html>")


async def _gone(receive: Receive) -> None:
    """Wait until the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    kind = b"application/json" if body.startswith(b"{") else b"text/html"
    length = str(len(body)).encode()
    fixed = [(b"content-type", kind), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fixed})
    await send({"type": "http.response.body", "body": body, "more_body": False})
