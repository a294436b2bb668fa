"""A person finds a match to be somebody else."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.screening import store
from paywright.screening.records import Cleared, Standing, in_order


class NoSuchMatch(Conflict):
    """The customer does not match that entry.

    It may have been cleared already, or the list or the customer's name has changed since.
    """


async def clear_match(
    db: Database, cause: Cause, *, customer_id: str, list: str, entry_id: str, reason: str
) -> Standing:
    """Take a match away, and remember that; how the customer stands now. Raises NoSuchMatch.

    It comes back when the entry or the customer's name changes.
    """
    cause.actor.require(Permission.MANAGE_RISK)
    async with db.transaction() as tx:
        record = (await store.lock(tx, [customer_id])).get(customer_id)
        matches = () if record is None else record.matches
        match = next((m for m in matches if (m.list, m.entry_id) == (list, entry_id)), None)
        if record is None or match is None or match.cleared or record.name_hash is None:
            raise NoSuchMatch(f"{customer_id}: {list} {entry_id}")
        await store.clear(
            tx,
            customer_id,
            (list, entry_id),
            Cleared(bytes.fromhex(match.entry_hash), record.name_hash),
            reason=reason,
            by=cause.actor.id,
            at=cause.at,
        )
        done = msgspec.structs.replace(match, cleared=True)
        now = msgspec.structs.replace(
            record, matches=in_order([done if m is match else m for m in matches])
        )
        await store.save(tx, [now])
        # The reason stays in the table: what people write may be personal.
        facts = {"list": list, "entry_id": entry_id, "entry_hash": match.entry_hash}
        await emit(
            tx,
            cause,
            Event(
                "match.cleared",
                customer_id,
                facts | {"score": match.score},
                before={"status": record.status.value},
                after={"status": now.status.value},
            ),
        )
    return now.standing()
