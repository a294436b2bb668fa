"""Give a user another password: one's own, or that of somebody who forgot theirs."""

from datetime import datetime

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Forbidden
from paywright.core.ids import UserId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.identity import users_store
from paywright.identity.grant import check_may_grant
from paywright.identity.model import EndedWhy, User
from paywright.identity.parts import Parts
from paywright.identity.passwords import checked_password
from paywright.identity.prove import prove, refused
from paywright.identity.sign_out import end_all, user_of
from paywright.identity.users import NoSuchUser, get_user


class NotAUser(Forbidden):
    """Only a person who signed in here has a password."""


async def change_own_password(
    db: Database, parts: Parts, cause: Cause, *, current: str, new: str
) -> None:
    """Change the caller's own password. All of its sessions end, this one too.

    A wrong current password counts like one at the sign-in: who has stolen a token cannot guess.
    Raises NotAUser, SignInRefused, TooManySignIns, WeakPassword.
    """
    cause.actor.require(Permission.MANAGE_SELF)
    user_id = user_of(cause.actor)
    if user_id is None:
        raise NotAUser("an API key has no password")
    user = await get_user(db, parts, cause, user_id=user_id)
    checked = checked_password(new, email=user.email, field="new_password")
    proven = await prove(db, parts, cause, email=user.email, password=current)
    fresh = await parts.passwords.hash(checked)
    await _store(db, parts, cause, user_id, fresh, only_if=proven.password_hash)


async def set_password(
    db: Database, parts: Parts, cause: Cause, *, user_id: UserId, password: str
) -> User:
    """Set somebody's password. All of their sessions end, and a lock is lifted.

    Raises NoSuchUser, RoleTooPowerful, WeakPassword.
    """
    cause.actor.require(Permission.MANAGE_USERS)
    async with db.snapshot() as tx:
        user = await users_store.find(tx, parts.keys, user_id)
    if user is None:
        raise NoSuchUser(str(user_id))
    # Before the work is done: whose password one sets, that one can be.
    check_may_grant(cause.actor, user.role)
    checked = checked_password(password, email=user.email)
    return await _store(db, parts, cause, user_id, await parts.passwords.hash(checked))


async def _store(
    db: Database,
    parts: Parts,
    cause: Cause,
    user_id: UserId,
    password_hash: str,
    *,
    only_if: str | None = None,
) -> User:
    """only_if: the hash that must still be on file, when it was the old password that counted"""
    async with db.transaction() as tx:
        user = await users_store.lock(tx, parts.keys, user_id)
        if user is None:
            raise NoSuchUser(str(user_id))
        if only_if is None:
            check_may_grant(cause.actor, user.role)  # it may have risen meanwhile
        elif user.password_hash != only_if:
            raise refused()
        user = _renewed(user, password_hash, cause.at)
        await users_store.update(tx, parts.keys, user)
        facts = {"fields": ["password"]}
        await emit(tx, cause, Event("user.changed", str(user_id), facts))
        await end_all(tx, cause, user_id, EndedWhy.PASSWORD_CHANGED)
    return user


def _renewed(user: User, password_hash: str, at: datetime) -> User:
    return msgspec.structs.replace(
        user,
        password_hash=password_hash,
        password_changed_at=at,
        failed_count=0,
        locked_until=None,
    )
