"""Write events into the log, with the transaction of the change itself."""

from collections.abc import Iterable, Sequence

from paywright.core.cause import Cause
from paywright.core.ids import EventId
from paywright.db.pool import Tx
from paywright.events import store
from paywright.events.model import Event

__all__ = ["Event", "emit", "emit_all"]


async def emit(tx: Tx, cause: Cause, *events: Event) -> None:
    """Append events that share one cause."""
    await emit_all(tx, [(cause, event) for event in events])


async def emit_all(tx: Tx, caused: Iterable[tuple[Cause, Event]]) -> None:
    """Append events, each with its own cause, in one statement."""
    rows: Sequence[tuple[EventId, Cause, Event]] = [
        (EventId.new(cause.at), cause, event) for cause, event in caused
    ]
    if rows:
        await store.append(tx, rows)
