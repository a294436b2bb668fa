"""Why something happens: who asked, when, from where and in which request.

Every command takes a `Cause`. It is the only clock that the domain knows, and it is what the
audit trail and every event record.
"""

from datetime import datetime

import msgspec

from paywright.core.actor import Actor


class Cause(msgspec.Struct, frozen=True):
    actor: Actor
    at: datetime
    request_id: str
    ip: str | None = None
