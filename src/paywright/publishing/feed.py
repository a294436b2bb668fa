"""The log for whoever fetches it: in order, from any point, as often as they like."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.page import BadCursor, Page, decode_cursor, encode_cursor
from paywright.db.pool import Database
from paywright.events.stream import read_stream
from paywright.publishing.cloud_event import CloudEvent, cloud_event

_LOOKED_AT = 2_000  # rows of the log for one page, where few are of the types that are asked for
_PATIENCE_S = 0.5


class EventTypeInvalid(Invalid):
    """An event type is written `PaymentCreated`."""


async def events_after(
    db: Database, cause: Cause, *, cursor: str | None, types: frozenset[str], limit: int
) -> Page[CloudEvent]:
    """The page always has a cursor: who has read to the end asks with it again, for what is new.

    Raises BadCursor, EventTypeInvalid.
    """
    cause.actor.require(Permission.READ_EVENTS)
    for it in types:
        if not it.isalnum() or not it[0].isupper():
            raise EventTypeInvalid.field("types", f"{it[:40]!r} is no type of event")
    after = 0 if cursor is None else _sequence(cursor)
    looked_at = limit if not types else max(limit, _LOOKED_AT)
    rows = await read_stream(db, after=after, limit=looked_at, patience_s=_PATIENCE_S)
    found: list[CloudEvent] = []
    for row in rows:
        after = row.sequence
        told = cloud_event(row)
        if not types or told.type in types:
            found.append(told)
            if len(found) == limit:
                break
    return Page(found, encode_cursor(str(after)))


def _sequence(cursor: str) -> int:
    text = decode_cursor(cursor)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadCursor("is none of ours")
    return int(text)
