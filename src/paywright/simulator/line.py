"""The bad line between the caller and the APIs: it delays, drops, fails and loses answers."""

import asyncio
from typing import Any

import msgspec
from litestar.types import ASGIApp, Message, Receive, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paywright.simulator.faults import SIDES, AllFaults, Ending, Fate, Side

_HANG_UP = "paywright.hang_up"
_BEFORE = {Ending.DROPPED, Ending.FAILED, Ending.THROTTLED}


class Line(HttpToolsProtocol):
    """Lets the application hang up, as a crash or a cut cable does. ASGI itself cannot."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_HANG_UP: {"now": self.transport.abort}}


class BadLine:
    """ASGI around the APIs, each with the faults of its side. `/control` is spared."""

    def __init__(self, inner: ASGIApp, faults: AllFaults) -> None:
        self._inner = inner
        self._faults = faults

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        side = _side_of(scope["path"]) if scope["type"] == "http" else None
        if side is None:
            await self._inner(scope, receive, send)
            return
        fate = self._faults.sides[side].draw()
        await asyncio.sleep(fate.pause_s)
        if fate.ending in _BEFORE:
            await _end(side, fate, scope, receive, send)
            return
        scope["state"]["is_declined"] = fate.is_declined
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._inner(scope, receive, keep)
        await asyncio.sleep(fate.pause_s)
        if fate.ending != Ending.ANSWERED:
            await _end(side, fate, scope, receive, send)
            return
        for message in answer:
            await send(message)


def _side_of(path: str) -> Side | None:
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return next((side for side in SIDES if side == first), None)


async def _end(side: Side, fate: Fate, scope: Any, receive: Receive, send: Send) -> None:
    match fate.ending:
        case Ending.DROPPED | Ending.CLOSED:
            scope["extensions"][_HANG_UP]["now"]()
            await _gone(receive)
        case Ending.HUNG:
            await _gone(receive)
        case Ending.FAILED:
            await _say(send, fate.status, _failure(side))
        case Ending.ERROR_AFTER:
            await _say(send, 500, _failure(side))
        case Ending.THROTTLED:
            wait = str(fate.retry_after_s).encode()
            await _say(send, 429, _throttled(side), (b"retry-after", wait))
        case Ending.GARBAGE:
            await _say(send, 200, b"<html><body>We will be back soon.</body></html>")


def _failure(side: Side) -> bytes:
    if side == "stripe":
        return _stripe_error(type="api_error", message="An unknown error occurred, by request.")
    return b'{"code":"failure","message":"by request"}'


def _throttled(side: Side) -> bytes:
    if side == "stripe":
        return _stripe_error(
            type="rate_limit_error", code="rate_limit", message="Slower, please: by request."
        )
    return b'{"code":"too_many_requests","message":"slower, please"}'


def _stripe_error(**error: str) -> bytes:
    """As in https://docs.stripe.com/api/errors"""
    return msgspec.json.encode({"error": error})


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
