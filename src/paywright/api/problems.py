"""Turn what went wrong into `application/problem+json` (RFC 9457)."""

import re
from typing import Any

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from paywright.core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from paywright.db.pool import (
    DatabaseBusy,
    DatabaseUnavailable,
    is_connection_lost,
    is_lock_timeout,
)

DOCS = "/problems/"  # one page per problem type, made from the class docstrings
MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class InvalidRequest(Invalid):
    """A field of the request is missing or wrong.

    `errors` names each field and says what is expected. Nothing was changed.
    """


class MalformedBody(Malformed):
    """The request body is not valid JSON."""


class IdempotencyKeyMissing(Malformed):
    """The request needs an idempotency key.

    Send it as the header `Idempotency-Key`: a string of your own, at most 255 characters, new
    for each new request and the same for each repetition.
    """


class NoSuchPath(NotFound):
    """There is nothing at this path."""


class MethodNotAllowed(Problem):
    """The path does not know this method."""

    status = 405


class BodyTooLarge(Problem):
    """The request body is too large."""

    status = 413


class UnsupportedMedia(Problem):
    """The request body must be `application/json`."""

    status = 415


class InternalError(Problem):
    """Something broke on our side.

    It is in the log under the `request_id`. A request with an idempotency key may be sent again.
    """

    status = 500


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """The problem document. Further members depend on the type."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError] = []


_BY_STATUS: dict[int, type[Problem]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NoSuchPath,
    405: MethodNotAllowed,
    409: Conflict,
    413: BodyTooLarge,
    415: UnsupportedMedia,
    422: Invalid,
    429: TooMany,
    503: Unavailable,
}


def explain(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The response for anything that was raised."""
    problem = as_problem(error)
    request_id = request.scope.get("state", {}).get("request_id", "")
    if isinstance(problem, InternalError):
        log.error("request failed", exc_info=error, path=request.url.path)
    return Response(
        document(problem, instance=request.url.path, request_id=request_id),
        status_code=problem.status,
        media_type=MediaType.JSON,
        headers={**problem.headers, "content-type": MEDIA_TYPE},
    )


def document(problem: Problem, *, instance: str, request_id: str | None) -> bytes:
    """request_id: None for an answer that is given to several requests."""
    told = {
        "type": DOCS + problem.code(),
        "title": problem.title(),
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
    }
    if request_id is not None:
        told["request_id"] = request_id
    return msgspec.json.encode({**told, **problem.extra})


def as_problem(error: BaseException) -> Problem:
    """The problem that an exception amounts to."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationException):
        return _parameters(error)
    if isinstance(error, HTTPException):
        kind = _BY_STATUS.get(error.status_code, InternalError)
        return kind(str(error.detail), headers=dict(error.headers or {}))
    if is_lock_timeout(error):
        return DatabaseBusy("try again in a moment", headers={"Retry-After": "1"})
    if is_connection_lost(error):
        return DatabaseUnavailable("try again in a moment", headers={"Retry-After": "1"})
    return InternalError("an unexpected error")


_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")


def invalid_body(error: msgspec.ValidationError) -> InvalidRequest:
    """Name the field that msgspec objects to, `details.days_overdue`."""
    text = str(error)
    where = _PATH.search(text)
    message = text[: where.start()] if where else text
    path = where[1] if where else ""
    if named := _NAMED.search(message):
        path = f"{path}.{named[1]}" if path else named[1]
    return InvalidRequest.field(path or "body", message)


def _parameters(error: ValidationException) -> InvalidRequest:
    """Litestar's account of path, query and header parameters, in our form."""
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [
        FieldError(str(item.get("key", "request")), str(item.get("message", "is invalid")))
        for item in extra
        if isinstance(item, dict)
    ]
    detail = "; ".join(f"{item.field}: {item.message}" for item in errors) or error.detail
    return InvalidRequest(detail, errors=errors)
