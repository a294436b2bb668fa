"""End a delegation before its time."""

import msgspec

from paywright.approvals import delegations_store
from paywright.approvals.model import Delegation
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import DelegationId
from paywright.db.pool import Database
from paywright.events import Event, emit


class NoSuchDelegation(NotFound):
    """There is no such delegation, or it is none of yours."""


async def end_delegation(db: Database, cause: Cause, *, delegation_id: DelegationId) -> Delegation:
    """From now on it counts for nothing. Approvals that were given by it stay. Ending twice is
    once.

    By who gave it, by who received it, or by who manages users.
    Raises PermissionMissing, NoSuchDelegation.
    """
    actor = cause.actor
    actor.require(Permission.MANAGE_SELF)
    async with db.transaction() as tx:
        found = await delegations_store.lock(tx, delegation_id)
        is_theirs = found is not None and actor.person in (found.delegator, found.delegate)
        if found is None or not (is_theirs or Permission.MANAGE_USERS in actor.permissions):
            raise NoSuchDelegation(str(delegation_id))
        if found.ended_at is None:
            await delegations_store.set_ended(tx, delegation_id, by=actor.person, at=cause.at)
            facts = {"delegator": found.delegator, "delegate": found.delegate}
            await emit(tx, cause, Event("delegation.ended", str(delegation_id), facts))
            found = msgspec.structs.replace(found, ended_by=actor.person, ended_at=cause.at)
    return found
