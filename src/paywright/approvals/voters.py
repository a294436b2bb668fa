"""Who may approve, and in whose stead."""

from collections.abc import Sequence
from datetime import datetime

from paywright.approvals import delegations_store
from paywright.approvals.model import Delegation, Right, Voter
from paywright.core.actor import Actor, Permission
from paywright.core.ids import UserId
from paywright.db.pool import Tx
from paywright.identity import users_store
from paywright.identity.permissions import PERMISSIONS, Role


async def voter_of(tx: Tx, actor: Actor, *, at: datetime) -> Voter:
    """The rights that an actor may use now: their own first, then those delegated to the person.

    A right is that of a role: the system itself has none. What was delegated to a person may be
    used in person, or by a key of theirs that may approve: a key that was narrowed to reading
    stays narrow. A key approves for nobody who may not sign in, or not approve, any more.
    """
    rights: list[Right] = []
    may_approve = Permission.APPROVE in actor.permissions and actor.role != ""
    if may_approve and not is_in_person(actor) and not await _may_still(tx, actor.person):
        return Voter(person=actor.person, actor=actor.id, rights=())
    if may_approve:
        rights.append(Right(principal=actor.person, role=actor.role))
    if may_approve or is_in_person(actor):
        found = await delegations_store.in_force(tx, actor.person, at=at)
        rights += [
            Right(principal=it.delegator, role=it.role, delegation_id=it.id, limit=it.limit)
            for it in await _that_count(tx, found)
        ]
    return Voter(person=actor.person, actor=actor.id, rights=tuple(rights))


def is_in_person(actor: Actor) -> bool:
    """Whether somebody has signed in, rather than shown a key."""
    return actor.person_id == actor.id


def user_id_of(person: str) -> UserId | None:
    """None for who is not one of our users: known to another issuer only, or a key."""
    try:
        return UserId.parse(person)
    except ValueError:
        return None


async def _may_still(tx: Tx, person: str) -> bool:
    """Of who is none of our users nobody knows that here."""
    user_id = user_id_of(person)
    if user_id is None:
        return True
    role = (await users_store.active_roles(tx, [user_id])).get(user_id)
    return role is not None and Permission.APPROVE in PERMISSIONS[role]


async def _that_count(tx: Tx, delegations: Sequence[Delegation]) -> list[Delegation]:
    """Those whose delegators still have what they delegated.

    Of somebody whom another issuer vouches for nobody knows that here: theirs count until they
    end.
    """
    users = {it.delegator: user_id_of(it.delegator) for it in delegations}
    ids = [it for it in users.values() if it is not None]
    roles = await users_store.active_roles(tx, ids) if ids else {}
    return [
        it
        for it in delegations
        if (user_id := users[it.delegator]) is None or _has(roles.get(user_id), it.role)
    ]


def _has(role: Role | None, delegated: str) -> bool:
    return role is not None and role.value == delegated and Permission.APPROVE in PERMISSIONS[role]
