"""The nouns of incidents."""

from datetime import datetime
from enum import StrEnum

import msgspec


class IncidentStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # nothing new is paid for it


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the caller's own name for it, as that of a work order."""

    id: str
    status: IncidentStatus
    opened_at: datetime
    closed_at: datetime | None
    updated_at: datetime
