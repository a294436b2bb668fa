"""A new access token for a refresh token, which is used up by it."""

import base64
import re
from datetime import timedelta

import msgspec

from paywright.core.cause import Cause
from paywright.core.errors import Unauthenticated
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.identity import sessions_store, users_store
from paywright.identity.model import EndedWhy, Session, SignedIn, UserStatus
from paywright.identity.parts import Parts
from paywright.identity.revoked import announce
from paywright.identity.sign_in import hand_out, hash_token, with_access

_TOKEN = re.compile(r"rf_[A-Za-z0-9_-]{43}")
# An answer that was lost may be asked for again, that long, and as long as nobody has used it.
GRACE = timedelta(seconds=10)


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, expired, used up, or its session is over.

    Sign in again. A refresh token is good for one use; one that comes a second time has been in
    other hands, and its session is ended.
    """


async def refresh(db: Database, parts: Parts, cause: Cause, *, token: str) -> SignedIn:
    """Exchange a refresh token for its successor and an access token. Raises RefreshRefused.

    Source: RFC 9700, 4.14.2, rotation: who presents a token that was used up ends the session,
    for both whoever stole it and whom it was stolen from.
    """
    if not _TOKEN.fullmatch(token):
        raise _refused()
    async with db.transaction() as tx:
        handed_out = await _exchange(tx, parts, cause, token)
    if handed_out is None:
        raise _refused()
    return handed_out


async def _exchange(tx: Tx, parts: Parts, cause: Cause, token: str) -> SignedIn | None:
    known = await sessions_store.find_token(tx, hash_token(token))
    if known is None:
        return None
    session = await sessions_store.lock_session(tx, known.session_id)
    if session is None or not session.is_live(cause.at):
        return None
    user = await users_store.find(tx, parts.keys, session.user_id)
    if user is None or user.status is not UserStatus.ACTIVE:
        return None
    # Once more, now that nobody else can use it.
    known = await sessions_store.find_token(tx, hash_token(token)) or known
    if known.used_at is None:
        await sessions_store.set_used(tx, hash_token(token), cause.at)
        await sessions_store.set_refreshed(tx, session.id, cause.at)
        session = msgspec.structs.replace(session, refreshed_at=cause.at)
        successor = successors(parts.keys, token)[0]
        return await hand_out(tx, parts, cause, user, session, successor)
    if cause.at - known.used_at <= GRACE:
        for successor in successors(parts.keys, token):
            heir = await sessions_store.find_token(tx, hash_token(successor))
            if heir is not None and heir.used_at is None:
                return await with_access(tx, parts, cause, user, session, successor)
    await _end_stolen(tx, cause, session)
    return None


async def _end_stolen(tx: Tx, cause: Cause, session: Session) -> None:
    await sessions_store.end(tx, session.id, at=cause.at, why=EndedWhy.TOKEN_REUSED)
    await announce(tx, session.id)
    facts = {"user": str(session.user_id), "why": EndedWhy.TOKEN_REUSED.value}
    await emit(tx, cause, Event("session.ended", str(session.id), facts))


def successors(keys: KeyRing, token: str) -> list[str]:
    """The token that comes after `token`, under each key of the ring, the current one first.

    Derived, so that a repetition gets the same one although only hashes are kept. It takes the
    key: who has only the token, or only the database, cannot tell its successor.
    """
    digest = hash_token(token).hex()  # an index does not tell capitals from small letters
    derived = keys.blind_indexes(digest, field="refresh_tokens.successor")
    return ["rf_" + base64.urlsafe_b64encode(it).decode().rstrip("=") for it in derived]


def _refused() -> RefreshRefused:
    return RefreshRefused("the refresh token is not valid")
