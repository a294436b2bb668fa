"""Events: the one append-only log that is event store, audit trail and outbox at once.

Owns    events
Calls   nobody
Emits   everything
Always  a row is never changed or removed; an event commits with the change that it tells of
"""

from paywright.events.emit import Event, emit
from paywright.events.store import history

__all__ = ["Event", "emit", "history"]
