"""The few routes that thousands call in a second, answered before the framework is asked.

A hot route does what its twin in Litestar does, with the same functions: that one documents it,
this one skips routing, dependency injection and response objects, which cost more than the
transfer itself.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from paywright.api.auth import Doorkeeper, cause_for, secret_of
from paywright.api.edge import BARE
from paywright.api.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    as_problem,
    document,
)
from paywright.api.requests import decode
from paywright.batching import Coalescer
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.payments.orders import Answered, Order
from paywright.payments.vendor.create import NewPayment
from paywright.telemetry import metrics
from paywright.telemetry.request_id import accept_request_id

log = structlog.get_logger()

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", MEDIA_TYPE.encode())
_REPLAYED = (b"idempotency-replayed", b"true")
_NONE: Mapping[str, str] = {}


class Desk(msgspec.Struct, frozen=True):
    """Where orders to move money are handed in, and bills of vendors."""

    moves: Coalescer[Order, Answered]
    batches: Coalescer[Order, Answered]
    bills: Coalescer[NewPayment, Answered]

    async def close(self) -> None:
        """Finish what was accepted."""
        await self.moves.close()
        await self.batches.close()
        await self.bills.close()


class HotRoute(msgspec.Struct, frozen=True):
    """A POST: who may, what the body is, and what is done with it and the idempotency key."""

    permission: Permission
    body: Any
    submit: Callable[[Desk, Cause, Any, str | None], Awaitable[Answered]]


class HotRoutes:
    """Stands before the application, its edge included, and answers POSTs to the hot paths by
    itself."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, HotRoute],
        *,
        desk: Desk,
        doorkeeper: Doorkeeper,
        body_max: int,
    ) -> None:
        self._app = app
        self._routes = routes
        self._desk = desk
        self._doorkeeper = doorkeeper
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = None
        if scope["type"] == "http" and scope["method"] == "POST":
            route = self._routes.get(scope["path"])
        if route is None:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        given = _Given()
        state: dict[str, Any] = scope.setdefault("state", {})
        given.read(scope)
        state["request_id"] = accept_request_id(given.request_id)
        headers = [_JSON, *BARE]
        try:
            answered = await self._answer(route, scope, receive, given)
            status, body = answered.answer.status, answered.answer.body
            if answered.replayed:
                headers.append(_REPLAYED)
        except Exception as error:
            status, body, more = _explain(error, scope)
            headers += more
        if status >= 400:
            headers[0] = _PROBLEM
        headers.append((b"x-request-id", state["request_id"].encode()))
        headers.append((b"content-length", b"%d" % len(body)))
        for name, value in state.get("rate_limit", _NONE).items():
            headers.append((name.lower().encode(), value.encode()))
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})
        finally:
            seconds = time.perf_counter() - started
            metrics.count_request(
                method="POST", route=scope["path"], status=status, seconds=seconds
            )

    async def _answer(
        self, route: HotRoute, scope: Scope, receive: Receive, given: "_Given"
    ) -> Answered:
        if given.length > self._body_max:
            raise BodyTooLarge(f"{self._body_max} bytes at most")
        if given.is_ambiguous:
            raise InvalidRequest.field("Idempotency-Key", "stands twice")
        secret = secret_of(given.authorization, given.x_api_key)
        actor = await self._doorkeeper.admit(scope, secret, route.permission)
        body = decode(route.body, given.content_type, await self._read(receive))
        return await route.submit(self._desk, cause_for(scope, actor), body, given.key)

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > self._body_max:
                raise BodyTooLarge(f"{self._body_max} bytes at most")
        return body


class _Given:
    """The headers of a request that matter here."""

    __slots__ = (
        "authorization",
        "content_type",
        "is_ambiguous",
        "key",
        "length",
        "request_id",
        "x_api_key",
    )

    def __init__(self) -> None:
        self.authorization: str | None = None
        self.x_api_key: str | None = None
        self.content_type: str | None = None
        self.key: str | None = None
        self.request_id: str | None = None
        self.length = 0
        self.is_ambiguous = False

    def read(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"idempotency-key":
                self.is_ambiguous = self.key is not None
                self.key = value.decode("latin-1")
            elif name == b"content-type":
                self.content_type = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit():
                self.length = int(value)
            elif name == b"x-api-key":
                self.x_api_key = value.decode("latin-1")
            elif name == b"x-request-id":
                self.request_id = value.decode("latin-1")


def _explain(error: Exception, scope: Scope) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Status, problem document and headers for anything that was raised."""
    request_id = scope["state"]["request_id"]
    problem = as_problem(error)
    if isinstance(problem, InternalError):
        log.error("request failed", exc_info=error, path=scope["path"], request_id=request_id)
    body = document(problem, instance=scope["path"], request_id=request_id)
    headers = [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
    return problem.status, body, headers


class ClientGone(Problem):
    """The client hung up before the request was complete."""

    status = 400
