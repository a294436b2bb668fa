"""One request at a time for an idempotency key, as with Stripe: the second is told to wait.

A key is in use while its request is under way to where it is carried out: through the first half
of the latency. Then there is an answer, which a repetition gets.
"""

from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Send

from paywright.simulator.stripe.errors import error_body

_IN_USE = "paywright.release_key"

_BODY = msgspec.json.encode(
    error_body(
        "There is currently another in-progress request using this idempotency key.",
        type="idempotency_error",
        code="idempotency_key_in_use",
    )
)


class KeysInUse:
    """ASGI around the line, which is where requests take their time."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self._held: dict[tuple[bytes, ...], object] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        name = _name(scope)
        if name is None:
            await self._inner(scope, receive, send)
            return
        if name in self._held:
            await _say_in_use(send)
            return
        mine = self._held[name] = object()

        def release() -> None:
            if self._held.get(name) is mine:
                del self._held[name]

        scope["state"][_IN_USE] = release
        try:
            await self._inner(scope, receive, send)
        finally:
            release()


def release_key(scope: Any) -> None:
    """What is asked for has been carried out: the next one gets its answer."""
    release = scope["state"].get(_IN_USE)
    if release is not None:
        release()


def _name(scope: Any) -> tuple[bytes, ...] | None:
    """Whose key it is: the secret key, the connected account, the idempotency key."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    if not scope["path"].startswith("/stripe/"):
        return None
    headers = dict(scope["headers"])
    key = headers.get(b"idempotency-key")
    if not key:
        return None
    return headers.get(b"authorization", b""), headers.get(b"stripe-account", b""), key


async def _say_in_use(send: Send) -> None:
    length = str(len(_BODY)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 409, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})
