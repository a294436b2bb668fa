"""Have incidents on file that something is paid for."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.incidents import store
from paywright.incidents.model import IncidentStatus


async def take_up(tx: Tx, caused: Sequence[tuple[Cause, str]]) -> set[str]:
    """Put incidents on file that nobody has told of, as open. Those of them all that are closed.

    What is open stays so until the transaction ends.
    """
    first: dict[str, Cause] = {}
    for cause, incident_id in caused:
        first.setdefault(incident_id, cause)
    if not first:
        return set()
    known, opened = await store.hold_or_open(tx, [(it, first[it].at) for it in first])
    told = [(first[it], Event("incident.opened", it, {})) for it in first if it in opened]
    await emit_all(tx, told)
    if others := [it for it in first if it not in known]:  # somebody was faster by a moment
        known |= await store.hold(tx, others)
    return {it for it, status in known.items() if status is IncidentStatus.CLOSED}
