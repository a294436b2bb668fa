"""Change a user: role, status, name."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Forbidden
from paywright.core.ids import UserId
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.identity import users_store
from paywright.identity.grant import check_may_grant
from paywright.identity.model import EndedWhy, User, UserStatus
from paywright.identity.parts import Parts
from paywright.identity.permissions import Role
from paywright.identity.revoked import announce
from paywright.identity.sign_out import end_all
from paywright.identity.users import DEVELOPMENT, NoSuchUser


class OwnRole(Forbidden):
    """Nobody changes their own role."""


class LastAdmin(Conflict):
    """This is the last active administrator.

    Make another user one first: without any, nobody could make users or keys any more.
    """


async def change_user(
    db: Database,
    parts: Parts,
    cause: Cause,
    *,
    user_id: UserId,
    role: Role | None = None,
    status: UserStatus | None = None,
    name: str | None = None,
) -> User:
    """Change what is given; None: as it is. Disabling ends all sessions; enabling unlocks, too.

    Raises NoSuchUser, RoleTooPowerful, OwnRole, LastAdmin.
    """
    cause.actor.require(Permission.MANAGE_USERS)
    async with db.transaction() as tx:
        # Before the user, in the order of ids: two who demote each other do so one by one.
        admins = await users_store.lock_active_admins(tx)
        before = await users_store.lock(tx, parts.keys, user_id)
        if before is None:
            raise NoSuchUser(str(user_id))
        after = msgspec.structs.replace(
            before,
            role=role or before.role,
            status=status or before.status,
            name=before.name if name is None else name,
        )
        if status is UserStatus.ACTIVE:
            after = msgspec.structs.replace(after, failed_count=0, locked_until=None)
        _check(cause, before, after, admins)
        if after != before:
            await _save(tx, parts, cause, before, after)
    return after


async def disable_development_users(db: Database, parts: Parts, cause: Cause) -> list[UserId]:
    """Disable who was made for development, be it the last administrator; who was active."""
    cause.actor.require(Permission.MANAGE_USERS)
    async with db.transaction() as tx:
        found = await users_store.development_users(tx, DEVELOPMENT)
        for user_id in found:
            before = await users_store.lock(tx, parts.keys, user_id)
            if before is not None:
                after = msgspec.structs.replace(before, status=UserStatus.DISABLED)
                await _save(tx, parts, cause, before, after)
    return found


def _check(cause: Cause, before: User, after: User, admins: set[UserId]) -> None:
    check_may_grant(cause.actor, before.role)
    check_may_grant(cause.actor, after.role)
    if after.role is not before.role and cause.actor.id == str(before.id):
        raise OwnRole("ask another administrator")
    remains = after.role is Role.ADMIN and after.status is UserStatus.ACTIVE
    if admins == {before.id} and not remains:
        raise LastAdmin("make another administrator first")


async def _save(tx: Tx, parts: Parts, cause: Cause, before: User, after: User) -> None:
    await users_store.update(tx, parts.keys, after)
    was, now = _facts(before), _facts(after)
    changed = {"fields": ["name"] if before.name != after.name else []}
    changed["fields"] += [field for field in was if was[field] != now[field]]
    await emit(tx, cause, Event("user.changed", str(after.id), changed, before=was, after=now))
    if after.status is UserStatus.DISABLED:
        await end_all(tx, cause, after.id, EndedWhy.USER_DISABLED)
    else:
        await announce(tx, after.id)


def _facts(user: User) -> dict[str, object]:
    """What the log may know: nothing personal."""
    return {
        "role": user.role.value,
        "status": user.status.value,
        "is_locked": user.locked_until is not None,
    }
