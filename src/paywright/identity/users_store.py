"""All SQL over `users`. Encrypts on the way in, decrypts on the way out."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from paywright.core.ids import UserId
from paywright.crypto import KeyRing
from paywright.db.pool import Row, Tx
from paywright.identity.model import User, UserStatus
from paywright.identity.permissions import Role


async def find(tx: Tx, keys: KeyRing, user_id: UserId) -> User | None:
    row = await tx.fetchrow(
        """
        select id, email, name, role, password_hash, status, failed_count, locked_until,
               created_by, created_at, password_changed_at
          from users
         where id = $1
        """,
        user_id,
    )
    return None if row is None else _user(keys, row)


async def lock(tx: Tx, keys: KeyRing, user_id: UserId) -> User | None:
    row = await tx.fetchrow(
        """
        select id, email, name, role, password_hash, status, failed_count, locked_until,
               created_by, created_at, password_changed_at
          from users
         where id = $1
           for no key update
        """,
        user_id,
    )
    return None if row is None else _user(keys, row)


async def find_by_email(tx: Tx, keys: KeyRing, email: str) -> User | None:
    row = await tx.fetchrow(
        """
        select id, email, name, role, password_hash, status, failed_count, locked_until,
               created_by, created_at, password_changed_at
          from users
         where email_index = any($1::bytea[])
        """,
        # Under every key of the ring: rows that were not rotated yet are found, too.
        keys.blind_indexes(email, field="users.email"),
    )
    return None if row is None else _user(keys, row)


async def page(tx: Tx, keys: KeyRing, *, before: UUID | None, limit: int) -> list[User]:
    """The newest first, those before an id."""
    rows = await tx.fetch(
        """
        select id, email, name, role, password_hash, status, failed_count, locked_until,
               created_by, created_at, password_changed_at
          from users
         where $1::uuid is null or id < $1
         order by id desc
         limit $2
        """,
        before,
        limit,
    )
    return [_user(keys, row) for row in rows]


async def insert(tx: Tx, keys: KeyRing, user: User) -> bool:
    """Store a user; False when the address is somebody's already."""
    status = await tx.execute(
        """
        insert into users (id, email, email_index, name, role, password_hash, status, created_by,
                           created_at, password_changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict (email_index) do nothing
        """,
        user.id,
        keys.encrypt(user.email, context=f"users.email:{user.id}"),
        keys.blind_index(user.email, field="users.email"),
        keys.encrypt(user.name, context=f"users.name:{user.id}"),
        user.role,
        user.password_hash,
        user.status,
        user.created_by,
        user.created_at,
        user.password_changed_at,
    )
    return status.endswith(" 1")


async def update(tx: Tx, keys: KeyRing, user: User) -> None:
    """Save everything that may change, but for the address."""
    await tx.execute(
        """
        update users
           set name = $2, role = $3, password_hash = $4, status = $5, failed_count = $6,
               locked_until = $7, password_changed_at = $8
         where id = $1
        """,
        user.id,
        keys.encrypt(user.name, context=f"users.name:{user.id}"),
        user.role,
        user.password_hash,
        user.status,
        user.failed_count,
        user.locked_until,
        user.password_changed_at,
    )


async def active_roles(tx: Tx, ids: Sequence[UserId]) -> dict[UserId, Role]:
    """The roles that those of these users have now who are active."""
    rows = await tx.fetch(
        "select id, role from users where id = any($1::uuid[]) and status = 'active'", ids
    )
    return {UserId.of(row["id"]): Role(row["role"]) for row in rows}


async def active_with(tx: Tx, keys: KeyRing, roles: Sequence[Role]) -> list[User]:
    """All active users of these roles."""
    rows = await tx.fetch(
        """
        select id, email, name, role, password_hash, status, failed_count, locked_until,
               created_by, created_at, password_changed_at
          from users
         where role = any($1::text[]) and status = 'active'
         order by id
        """,
        [it.value for it in roles],
    )
    return [_user(keys, row) for row in rows]


async def lock_active_admins(tx: Tx) -> set[UserId]:
    """Those who may administrate. While the locks are held nobody else can take one away."""
    rows = await tx.fetch(
        """
        select id
          from users
         where role = 'admin' and status = 'active'
         order by id
           for no key update
        """
    )
    return {UserId.of(row["id"]) for row in rows}


async def development_users(tx: Tx, creator: str) -> list[UserId]:
    """The active users that somebody made."""
    rows = await tx.fetch(
        "select id from users where created_by = $1 and status = 'active' order by id", creator
    )
    return [UserId.of(row["id"]) for row in rows]


async def save_attempts(
    tx: Tx, user_id: UserId, *, failed_count: int, locked_until: datetime | None
) -> None:
    await tx.execute(
        "update users set failed_count = $2, locked_until = $3 where id = $1",
        user_id,
        failed_count,
        locked_until,
    )


async def save_hash(tx: Tx, user_id: UserId, password_hash: str) -> None:
    """The same password, hashed anew."""
    await tx.execute("update users set password_hash = $2 where id = $1", user_id, password_hash)


def _user(keys: KeyRing, row: Row) -> User:
    user_id = UserId.of(row["id"])
    return User(
        id=user_id,
        email=keys.decrypt(row["email"], context=f"users.email:{user_id}"),
        name=keys.decrypt(row["name"], context=f"users.name:{user_id}"),
        role=Role(row["role"]),
        password_hash=row["password_hash"],
        status=UserStatus(row["status"]),
        failed_count=row["failed_count"],
        locked_until=row["locked_until"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        password_changed_at=row["password_changed_at"],
    )
