"""What both APIs have in common: who may ask, what a body is, and how a refusal looks."""

import hashlib
import hmac
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

T = TypeVar("T")

AnyRequest = Request[Any, Any, Any]


class Refused(Exception):
    """An answer that is no success. `reason_code` makes it a definite no to a payment."""

    def __init__(
        self, status: int, code: str, message: str, *, reason_code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message}
        if reason_code is not None:
            self.body["reason_code"] = reason_code


def explain(_: AnyRequest, refused: Refused) -> Response[dict[str, str]]:
    return Response(refused.body, status_code=refused.status)


def check_token(request: AnyRequest, token: str) -> None:
    """Raises Refused, 401."""
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "unauthorized", "send Authorization: Bearer and the token")


def idempotency_key(request: AnyRequest) -> str:
    """Raises Refused, 400."""
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= 255:
        raise Refused(400, "idempotency_key_missing", "send Idempotency-Key, 255 bytes at most")
    return key


async def read_body(request: AnyRequest, type: type[T]) -> tuple[T, str]:
    """The body, and a fingerprint that does not mind spaces and the order of fields.

    Raises Refused, 400.
    """
    try:
        body = msgspec.json.decode(await request.body(), type=type)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused(400, "malformed", str(error)) from None
    canonical = msgspec.json.encode(body, order="deterministic")
    return body, hashlib.sha256(canonical).hexdigest()


def check_same(before: str, now: str) -> None:
    """Raises Refused, 422, when an idempotency key comes back with another request."""
    if before != now:
        raise Refused(422, "idempotency_key_reused", "this key belongs to another request")


def is_declined(request: AnyRequest) -> bool:
    """Whether the dice have fallen against this request."""
    return bool(request.scope["state"].get("is_declined", False))
