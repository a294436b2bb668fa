"""What is written down about a change."""

from datetime import datetime
from typing import Any

import msgspec

from paywright.core.ids import EventId


class Event(msgspec.Struct, frozen=True):
    """Something that happened to `subject` (an id as text).

    type:          `noun.verb_in_the_past`, `issue.decided`
    data:          the facts of it; no personal data, no secrets
    before, after: the fields that changed, where the event is a change
    """

    type: str
    subject: str
    data: dict[str, Any]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """An event as others are told of it. data, before, after: as JSON"""

    sequence: int
    id: EventId
    at: datetime
    type: str
    subject: str
    actor: str
    request_id: str
    data: str
    before: str | None
    after: str | None


class Recorded(msgspec.Struct, frozen=True):
    """An event as it stands in the log."""

    sequence: int
    at: datetime
    type: str
    subject: str
    actor: str
    request_id: str
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
