"""From a secret to the actor that it stands for."""

import hashlib
import re
from datetime import datetime

from paywright.core.actor import Actor
from paywright.core.errors import Unauthenticated
from paywright.db.pool import Database
from paywright.identity import store
from paywright.identity.permissions import PERMISSIONS

# `pk_` and 32 random bytes in base64url.
_SECRET = re.compile(r"pk_[A-Za-z0-9_-]{43}")


class KeyInvalid(Unauthenticated):
    """The API key is missing, unknown, expired or revoked.

    Send it as `Authorization: Bearer pk_…` or `X-API-Key: pk_…`.
    """


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def authenticate_key(db: Database, secret: str | None, *, at: datetime) -> Actor:
    """The actor behind an API key. Raises KeyInvalid, which never says what was wrong with it."""
    if secret is None or not _SECRET.fullmatch(secret):
        raise KeyInvalid("an API key is needed", headers={"WWW-Authenticate": "Bearer"})
    async with db.pool.acquire() as connection:
        key = await store.key_by_hash(connection, hash_secret(secret))
    if key is None or not key.valid_at(at):
        raise KeyInvalid("the API key is not valid", headers={"WWW-Authenticate": "Bearer"})
    return Actor(id=str(key.id), permissions=PERMISSIONS[key.role], name=key.name)
