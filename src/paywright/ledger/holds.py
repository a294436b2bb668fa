"""Holds as they are on file."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId, TransferId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.ledger import store
from paywright.ledger.model import Hold
from paywright.ledger.refusals import HoldNotFound


async def get_hold(db: Database, cause: Cause, *, hold_id: TransferId) -> Hold:
    """Raises HoldNotFound."""
    cause.actor.require(Permission.READ_LEDGER)
    async with db.snapshot() as tx:
        found = await store.holds(tx, [hold_id])
    if hold_id not in found:
        raise HoldNotFound(f"there is no hold {hold_id}")
    return found[hold_id]


async def list_open_holds(
    db: Database, cause: Cause, *, account_id: AccountId | None, cursor: str | None, limit: int
) -> Page[Hold]:
    """Newest first, of one account or of all."""
    cause.actor.require(Permission.READ_LEDGER)
    try:
        last = None if cursor is None else TransferId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
    async with db.snapshot() as tx:
        ids = await store.open_hold_ids(tx, account_id, before=last, limit=limit + 1)
        found = await store.holds(tx, ids)
    return page_of([found[i] for i in ids], limit=limit, position=lambda it: str(it.transfer.id))
