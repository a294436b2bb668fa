"""Create, list and revoke API keys."""

import secrets
from datetime import datetime

import msgspec

from paywright.core.actor import SYSTEM, Actor, Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import KeyId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.identity import store
from paywright.identity.authenticate import hash_secret
from paywright.identity.grant import check_may_grant, check_scopes
from paywright.identity.model import ApiKey
from paywright.identity.permissions import Role
from paywright.identity.revoked import announce

# Who creates the keys that lie in a file beside the data.
DEVELOPMENT = "development"


class NoSuchKey(NotFound):
    """There is no such API key."""


def new_secret() -> str:
    return f"pk_{secrets.token_urlsafe(32)}"


async def create_key(
    db: Database,
    cause: Cause,
    *,
    name: str,
    role: Role,
    scopes: frozenset[Permission] = frozenset(),
    expires_at: datetime | None = None,
    secret: str | None = None,
    created_by: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not kept and cannot be shown again.

    With a `secret` of the caller's own (development keys) it is idempotent.

    scopes: what it may do of all that the role may; empty: all of it
    Raises RoleTooPowerful, ScopesTooWide.
    """
    cause.actor.require(Permission.MANAGE_KEYS)
    check_may_grant(cause.actor, role)
    check_scopes(role, scopes)
    secret = secret or new_secret()
    key = ApiKey(
        id=KeyId.new(cause.at),
        name=name,
        role=role,
        scopes=scopes,
        created_by=created_by or cause.actor.id,
        created_at=cause.at,
        expires_at=expires_at,
        person=_behind(cause.actor),
    )
    async with db.transaction() as tx:
        if await store.insert_key(tx, key, hash_secret(secret)):
            facts = {
                "name": name,
                "role": role.value,
                "scopes": sorted(scopes),
                "person": key.person,
            }
            await emit(tx, cause, Event("key.created", str(key.id), facts))
        else:
            key = await store.key_by_hash(tx, hash_secret(secret)) or key
    return key, secret


def _behind(maker: Actor) -> str | None:
    """The person behind a key that `maker` makes; None: nobody is known, it stands for itself.

    A key that a key makes has the same person, or else that key: nobody can approve what they
    have made by making themselves another key.
    """
    return None if maker.id == SYSTEM.id else maker.person


async def revoke_key(db: Database, cause: Cause, *, key_id: KeyId) -> ApiKey:
    """End a key's life, in every process at once. Revoking twice is once."""
    cause.actor.require(Permission.MANAGE_KEYS)
    async with db.transaction() as tx:
        key = await store.lock_key(tx, key_id)
        if key is None:
            raise NoSuchKey(str(key_id))
        if key.revoked_at is None:
            await store.set_revoked(tx, key_id, cause.at)
            await announce(tx, key_id)
            await emit(tx, cause, Event("key.revoked", str(key_id), {"name": key.name}))
            key = msgspec.structs.replace(key, revoked_at=cause.at)
    return key


async def revoke_development_keys(db: Database, cause: Cause) -> list[ApiKey]:
    """End every key that was made for development; those that were valid."""
    async with db.snapshot() as tx:
        found = await store.valid_keys_of(tx, DEVELOPMENT, at=cause.at)
    return [await revoke_key(db, cause, key_id=key.id) for key in found]


async def list_keys(db: Database, cause: Cause) -> list[ApiKey]:
    cause.actor.require(Permission.READ_KEYS)
    async with db.snapshot() as tx:
        return await store.keys(tx)
