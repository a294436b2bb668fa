"""Read a request: its body, strictly typed, and its idempotency key."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Meta

from paywright.api.problems import (
    IdempotencyKeyMissing,
    InvalidRequest,
    MalformedBody,
    UnsupportedMedia,
    invalid_body,
)
from paywright.core.ids import Id

# PostgreSQL text cannot hold NUL, and no honest client sends it.
NO_NUL = r"^[^\u0000]*$"
# Python's `$` also matches before a final newline; elsewhere the rest changes nothing.
END = r"$(?!\n)"
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
LongText = Annotated[str, Meta(max_length=4000, pattern=NO_NUL)]
Reference = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)]
CustomerRef = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}" + END)]
IdempotencyKey = Annotated[
    str, Meta(pattern=r"^[!-~]{1,255}" + END, description="Printable ASCII.")
]

AnyId = TypeVar("AnyId", bound=Id)

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


async def read_body(request: Request[Any, Any, Any], type: Any) -> Any:
    """The body as a value of `type`.

    Raises UnsupportedMedia, MalformedBody for what is not JSON, InvalidRequest naming the field
    for what is JSON and not a `type`.
    """
    return decode(type, request.headers.get("content-type"), await request.body())


def decode(type: Any, content_type: str | None, raw: bytes) -> Any:
    """The same, of a body that has been read."""
    if (
        content_type is not None
        and content_type != "application/json"
        and content_type.partition(";")[0].strip().lower() != "application/json"
    ):
        raise UnsupportedMedia(f"got {content_type[:100]!r}")
    decoder = _decoders.get(type)
    if decoder is None:
        decoder = _decoders[type] = msgspec.json.Decoder(type)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from None


def read_id(kind: type[AnyId], text: str, *, field: str) -> AnyId:
    """An id of a path or a query. Raises InvalidRequest, naming the field."""
    try:
        return kind.parse(text)
    except ValueError as error:
        raise InvalidRequest.field(field, str(error)) from None


def in_our_time(field: str, at: datetime) -> datetime:
    """The same moment in UTC. Raises InvalidRequest for one that no calendar of ours has."""
    if not 1900 <= at.year <= 2999:
        raise InvalidRequest.field(field, "must be of the years 1900 to 2999")
    return at.astimezone(UTC)


def idempotency_key(request: Request[Any, Any, Any], in_body: str | None = None) -> str:
    """The key of the header or, where the body may carry one too, of the body.

    Raises IdempotencyKeyMissing, and InvalidRequest when the two differ.
    """
    return one_key(request.headers.get("idempotency-key"), in_body)


def one_key(in_header: str | None, in_body: str | None) -> str:
    """The same, of a header that has been read."""
    if in_header is None and in_body is None:
        raise IdempotencyKeyMissing("send the header Idempotency-Key")
    if in_header is not None and in_body is not None and in_header != in_body:
        raise InvalidRequest.field("idempotency_key", "differs from the header Idempotency-Key")
    if in_header is None:
        return str(in_body)  # has been checked with the body
    if _KEY.fullmatch(in_header) is None:
        raise InvalidRequest.field("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    return in_header


_KEY = re.compile(r"[!-~]{1,255}")
