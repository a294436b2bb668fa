"""Create users, and see who there is."""

from uuid import UUID

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, NotFound
from paywright.core.ids import UserId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.identity import users_store
from paywright.identity.grant import check_may_grant
from paywright.identity.model import User
from paywright.identity.parts import Parts
from paywright.identity.passwords import checked_password
from paywright.identity.permissions import Role

# Who creates the user whose password lies in a file beside the data.
DEVELOPMENT = "development"


class NoSuchUser(NotFound):
    """There is no such user."""


class EmailTaken(Conflict):
    """There is a user with this e-mail address."""


async def create_user(
    db: Database,
    parts: Parts,
    cause: Cause,
    *,
    email: str,
    name: str,
    role: Role,
    password: str,
    created_by: str | None = None,
) -> User:
    """A new user, who can sign in at once. Raises RoleTooPowerful, WeakPassword, EmailTaken."""
    cause.actor.require(Permission.MANAGE_USERS)
    check_may_grant(cause.actor, role)
    checked = checked_password(password, email=email)
    user = User(
        id=UserId.new(cause.at),
        email=email.strip(),
        name=name,
        role=role,
        password_hash=await parts.passwords.hash(checked),
        created_by=created_by or cause.actor.id,
        created_at=cause.at,
        password_changed_at=cause.at,
    )
    async with db.transaction() as tx:
        known = await users_store.find_by_email(tx, parts.keys, email)
        if known is not None or not await users_store.insert(tx, parts.keys, user):
            raise EmailTaken.field("email", "is the address of another user")
        await emit(tx, cause, Event("user.created", str(user.id), {"role": role.value}))
    return user


async def get_user(db: Database, parts: Parts, cause: Cause, *, user_id: UserId) -> User:
    """A user: oneself, or anybody with `users:read`. Raises NoSuchUser."""
    is_self = str(user_id) == cause.actor.id
    cause.actor.require(Permission.MANAGE_SELF if is_self else Permission.READ_USERS)
    async with db.snapshot() as tx:
        user = await users_store.find(tx, parts.keys, user_id)
    if user is None:
        raise NoSuchUser(str(user_id))
    return user


async def find_user(db: Database, parts: Parts, cause: Cause, *, email: str) -> User:
    """The user with this very address, however it is capitalised. Raises NoSuchUser."""
    cause.actor.require(Permission.READ_USERS)
    async with db.snapshot() as tx:
        user = await users_store.find_by_email(tx, parts.keys, email)
    if user is None:
        raise NoSuchUser("nobody has this e-mail address")
    return user


async def list_users(
    db: Database, parts: Parts, cause: Cause, *, cursor: str | None, limit: int
) -> Page[User]:
    """All users, the newest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_USERS)
    before = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        found = await users_store.page(tx, parts.keys, before=before, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda user: str(user.id))


def _position(cursor: str) -> UUID:
    try:
        return UserId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
