"""CloudEvents out of HTTP requests, in each of the three modes.

Source: CloudEvents 1.0.2, its JSON event format 1.0.2 and its HTTP protocol binding 1.0.2. What the
specification does not define, extension attributes, is ignored.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from paywright.api.problems import InvalidRequest, MalformedBody, invalid_body
from paywright.api.requests import END, in_our_time
from paywright.core.errors import FieldError, Malformed, Problem

BATCH_MAX = 100

_STRUCTURED = "application/cloudevents+json"
_BATCHED = "application/cloudevents-batch+json"
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]*)', re.I)
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\(.)")

Headers = Iterable[tuple[bytes, bytes]]
Word = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,255}" + END)]
# A URI reference: no spaces.
Source = Annotated[str, Meta(pattern=r"^[^\x00-\x20\x7f]{1,500}" + END)]
Moment = Annotated[datetime, Meta(tz=True)]

AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)


class EventMalformed(Malformed):
    """The request is no CloudEvent.

    Send it in structured mode (`application/cloudevents+json`), in binary mode (headers `ce-id`,
    `ce-source`, `ce-type`, `ce-specversion`) or in batched mode
    (`application/cloudevents-batch+json`).
    """


class EventMediaUnsupported(Problem):
    """Events and their data must be JSON in UTF-8."""

    status = 415


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and its data, not yet read. Of the optional attributes none has a meaning here; they
    must be sound all the same."""

    specversion: str
    id: Word
    source: Source
    type: Word
    datacontenttype: Word | None = None
    dataschema: Source | None = None
    subject: Word | None = None
    time: Moment | None = None
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType | None = UNSET


class Batch(msgspec.Struct, frozen=True):
    """Events as they were sent, each to be read on its own."""

    events: Sequence[Raw]


_read_event = msgspec.json.Decoder(CloudEvent).decode
_read_batch = msgspec.json.Decoder(list[Raw]).decode


def read_request(headers: Headers, body: bytes) -> CloudEvent | Batch:
    """The event, or the batch, that a request carries.

    Raises EventMalformed, EventMediaUnsupported, MalformedBody and InvalidRequest.
    """
    headers = list(headers)
    media_type = _media_type(headers)
    attributes = _attributes(headers)
    if media_type == _BATCHED:
        if "id" in attributes:
            raise EventMalformed("the headers name one event, and the body is a batch")
        return _batch(body)
    if media_type == _STRUCTURED:
        event = read_event(body)
        _compare(event, attributes)
        return event
    if media_type.startswith("application/cloudevents"):
        raise EventMediaUnsupported(f"got {media_type[:100]!r}")
    if "specversion" not in attributes:
        raise EventMalformed("there is no header ce-specversion, and the body is none either")
    return _binary(attributes, media_type, body)


def read_event(raw: bytes | Raw) -> CloudEvent:
    """One event in the JSON format."""
    try:
        event = _read_event(raw)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from None
    return _checked(event)


def data_of(event: CloudEvent, kind: type[AnyStruct]) -> AnyStruct:
    """The data of an event. Raises EventMediaUnsupported and InvalidRequest, naming the field."""
    if event.datacontenttype is not None:
        _require_json(event.datacontenttype)
    raw: bytes | Raw
    if isinstance(event.data_base64, str):
        if event.data is not UNSET:
            raise InvalidRequest.field("data_base64", "give either data or data_base64")
        try:
            raw = base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest.field("data_base64", "is not base64") from None
    elif isinstance(event.data, Raw):
        raw = event.data
    else:
        raise InvalidRequest.field("data", "is missing")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _within_data(invalid_body(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest.field("data", f"is not JSON: {error}") from None


def _within_data(problem: InvalidRequest) -> InvalidRequest:
    errors: list[FieldError] = problem.extra["errors"]  # ty: ignore[invalid-assignment]
    field = errors[0].field
    return InvalidRequest.field("data" if field == "body" else f"data.{field}", errors[0].message)


def _batch(body: bytes) -> Batch:
    try:
        events = _read_batch(body)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from None
    if len(events) > BATCH_MAX:
        raise InvalidRequest.field("body", f"{BATCH_MAX} events at most, not {len(events)}")
    return Batch(events)


def _checked(event: CloudEvent) -> CloudEvent:
    if event.specversion != "1.0":
        raise InvalidRequest.field("specversion", f"must be 1.0, not {event.specversion[:20]!r}")
    if event.time is not None:
        in_our_time("time", event.time)
    return event


def _compare(event: CloudEvent, attributes: Mapping[str, str]) -> None:
    """A sender may repeat in headers what the body says, and not say something else there."""
    for name in ("id", "source", "type", "specversion"):
        if attributes.get(name, value := getattr(event, name)) != value:
            raise EventMalformed(f"the header ce-{name} and the body differ")


def _binary(attributes: Mapping[str, str], media_type: str, body: bytes) -> CloudEvent:
    named: dict[str, Any] = {
        name: value for name, value in attributes.items() if name in _ATTRIBUTES
    }
    try:
        event = msgspec.convert({**named, "datacontenttype": media_type or None}, CloudEvent)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from None
    return _checked(msgspec.structs.replace(event, data=Raw(body) if body else UNSET))


_ATTRIBUTES = frozenset(CloudEvent.__struct_fields__) - {"data", "data_base64", "datacontenttype"}


def _attributes(headers: Headers) -> dict[str, str]:
    """What the headers `ce-…` say. Raises EventMalformed for one that stands twice, or that is not
    encoded as it must be."""
    found: dict[str, str] = {}
    for raw_name, raw in headers:
        name = raw_name.decode("latin-1").lower()
        if not name.startswith("ce-"):
            continue
        if name[3:] in found:
            raise EventMalformed(f"the header {name[:50]} stands twice")
        found[name[3:]] = _header_value(name, raw)
    return found


def _header_value(name: str, raw: bytes) -> str:
    """Source: HTTP protocol binding 1.0.2, section 3.1.3.2: quotes off, then percent-decoding."""
    try:
        text = raw.decode("ascii").strip()
    except UnicodeError:
        raise EventMalformed(f"the header {name[:50]} must be percent-encoded") from None
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    if _STRAY_PERCENT.search(text) is not None:
        raise EventMalformed(f"the header {name[:50]} has a % that encodes nothing")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        raise EventMalformed(f"the header {name[:50]} does not encode UTF-8") from None


def _media_type(headers: Headers) -> str:
    """Without parameters, in small letters; "" where there is none."""
    given = [value for name, value in headers if name.lower() == b"content-type"]
    if len(given) > 1:
        raise EventMalformed("the header content-type stands twice")
    text = given[0].decode("latin-1") if given else ""
    charset = _CHARSET.search(text)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise EventMediaUnsupported(f"got charset {charset[1][:50]!r}")
    return text.partition(";")[0].strip().lower()


def _require_json(media_type: str) -> None:
    charset = _CHARSET.search(media_type)
    essence = media_type.partition(";")[0].strip().lower()
    if essence != "application/json" and not essence.endswith("+json"):
        raise EventMediaUnsupported(f"its data is {media_type[:100]!r}")
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise EventMediaUnsupported(f"its data has charset {charset[1][:50]!r}")
