"""From a credential to the actor that it stands for: an API key, an access token of ours, or one
of another issuer."""

import hashlib
import re
from datetime import datetime

from paywright.core.actor import Actor
from paywright.core.errors import Unauthenticated
from paywright.core.ids import SessionId
from paywright.db.pool import Database
from paywright.identity import sessions_store, store, tokens
from paywright.identity.model import Caller, UserStatus
from paywright.identity.parts import Parts
from paywright.identity.permissions import PERMISSIONS
from paywright.identity.tokens import ISSUER, TokenInvalid, Unverified, peek

# `pk_` and 32 random bytes in base64url.
_SECRET = re.compile(r"pk_[A-Za-z0-9_-]{43}")
_HEADERS = {"WWW-Authenticate": "Bearer"}


class KeyInvalid(Unauthenticated):
    """The API key is missing, unknown, expired or revoked.

    Send it as `Authorization: Bearer pk_…` or `X-API-Key: pk_…`. People sign in and send their
    access token as `Authorization: Bearer …`.
    """


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def authenticate(
    db: Database, parts: Parts, credential: str | None, *, at: datetime
) -> Caller:
    """Who stands behind a credential.

    Raises KeyInvalid and TokenInvalid, which never say what was wrong with it, and, for tokens of
    another issuer, NoRole and IssuerUnavailable.
    """
    if credential is None:
        raise KeyInvalid("an API key or an access token is needed", headers=_HEADERS)
    if credential.count(".") != 2:
        return await _key_holder(db, credential, at=at)
    told = peek(credential)
    if told.issuer == ISSUER:
        return await _session_holder(db, credential, told, at=at)
    if parts.issuer is not None and told.issuer == parts.issuer.issuer:
        return await parts.issuer.caller(credential, told, at=at)
    raise TokenInvalid.because("the token is not valid")


async def _key_holder(db: Database, secret: str, *, at: datetime) -> Caller:
    if not _SECRET.fullmatch(secret):
        raise KeyInvalid("an API key or an access token is needed", headers=_HEADERS)
    async with db.pool.acquire() as connection:
        key = await store.key_by_hash(connection, hash_secret(secret))
    if key is None or not key.valid_at(at):
        raise KeyInvalid("the API key is not valid", headers=_HEADERS)
    actor = Actor(
        id=str(key.id),
        permissions=key.permissions,
        name=key.name,
        role=key.role.value,
        person_id=key.person or "",
    )
    return Caller(actor=actor, subjects=(actor.id,), valid_until=key.expires_at)


async def _session_holder(db: Database, token: str, told: Unverified, *, at: datetime) -> Caller:
    """The token says who it is; what they may do, and whether at all, is what is on file now."""
    async with db.pool.acquire() as connection:
        key = await sessions_store.verifying_key(connection, told.kid)
        if key is None or not key.verifies_at(at):
            raise TokenInvalid.because("the token is not valid")
        claims = tokens.verify(token, told, key, at=at)
        holder = await sessions_store.holder_of(connection, _session_id(claims.sid))
    if (
        holder is None
        or not holder.session.is_live(at)
        or holder.status is not UserStatus.ACTIVE
        or str(holder.session.user_id) != claims.sub
    ):
        raise TokenInvalid.because("the token is not valid")
    actor = Actor(
        id=claims.sub,
        permissions=PERMISSIONS[holder.role],
        session_id=str(holder.session.id),
        role=holder.role.value,
        person_id=claims.sub,
    )
    until = min(claims.exp, holder.session.expires_at)
    return Caller(actor=actor, subjects=(str(holder.session.id), actor.id), valid_until=until)


def _session_id(text: str) -> SessionId:
    try:
        return SessionId.parse(text)
    except ValueError:
        raise TokenInvalid.because("the token is not valid") from None
