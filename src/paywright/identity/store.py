"""All SQL over `api_keys`, and the announcement of what is good no more."""

from datetime import datetime

from paywright.core.actor import Permission
from paywright.core.ids import KeyId
from paywright.db.pool import Row, Tx
from paywright.identity.model import ApiKey
from paywright.identity.permissions import Role


async def key_by_hash(tx: Tx, secret_hash: bytes) -> ApiKey | None:
    row = await tx.fetchrow(
        """
        select id, name, role, created_by, created_at, scopes, expires_at, revoked_at, person
          from api_keys
         where secret_hash = $1
        """,
        secret_hash,
    )
    return None if row is None else _key(row)


async def lock_key(tx: Tx, key_id: KeyId) -> ApiKey | None:
    row = await tx.fetchrow(
        """
        select id, name, role, created_by, created_at, scopes, expires_at, revoked_at, person
          from api_keys
         where id = $1
           for update
        """,
        key_id,
    )
    return None if row is None else _key(row)


async def keys(tx: Tx) -> list[ApiKey]:
    rows = await tx.fetch(
        """
        select id, name, role, created_by, created_at, scopes, expires_at, revoked_at, person
          from api_keys
         order by id desc
        """
    )
    return [_key(row) for row in rows]


async def valid_keys_of(tx: Tx, creator: str, *, at: datetime) -> list[ApiKey]:
    rows = await tx.fetch(
        """
        select id, name, role, created_by, created_at, scopes, expires_at, revoked_at, person
          from api_keys
         where created_by = $1 and revoked_at is null and (expires_at is null or expires_at > $2)
         order by id
        """,
        creator,
        at,
    )
    return [_key(row) for row in rows]


async def insert_key(tx: Tx, key: ApiKey, secret_hash: bytes) -> bool:
    """Store a key; False when its secret is on file already."""
    status = await tx.execute(
        """
        insert into api_keys (id, name, role, secret_hash, created_by, created_at, expires_at,
                              scopes, person)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (secret_hash) do nothing
        """,
        key.id,
        key.name,
        key.role,
        secret_hash,
        key.created_by,
        key.created_at,
        key.expires_at,
        sorted(key.scopes),
        key.person,
    )
    return status.endswith(" 1")


async def set_revoked(tx: Tx, key_id: KeyId, at: datetime) -> None:
    await tx.execute("update api_keys set revoked_at = $2 where id = $1", key_id, at)


async def notify(tx: Tx, channel: str, payload: str) -> None:
    """Announce something to all who listen, when the transaction commits."""
    await tx.execute("select pg_notify($1, $2)", channel, payload)


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=KeyId.of(row["id"]),
        name=row["name"],
        role=Role(row["role"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        scopes=frozenset(Permission(scope) for scope in row["scopes"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        person=row["person"],
    )
