"""Which delegations there are."""

from paywright.approvals import delegations_store
from paywright.approvals.model import Delegation
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import DelegationId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database


async def list_delegations(
    db: Database, cause: Cause, *, only_open: bool, cursor: str | None, limit: int
) -> Page[Delegation]:
    """Newest first: those that one has given or received; everybody's for who manages users.

    only_open: those that are not over, be it that they have not begun
    Raises PermissionMissing, BadCursor.
    """
    actor = cause.actor
    actor.require(Permission.MANAGE_SELF)
    async with db.snapshot() as tx:
        found = await delegations_store.listed(
            tx,
            person=None if Permission.MANAGE_USERS in actor.permissions else actor.person,
            open_at=cause.at if only_open else None,
            before=None if cursor is None else _position(cursor),
            limit=limit + 1,
        )
    return page_of(found, limit=limit, position=lambda it: str(it.id))


def _position(cursor: str) -> DelegationId:
    try:
        return DelegationId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
