"""Sign in with a password: a session begins."""

import hashlib
import secrets
from datetime import timedelta

from paywright.core.cause import Cause
from paywright.core.ids import SessionId
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.identity import sessions_store, tokens, users_store
from paywright.identity.model import Session, SignedIn, User, UserStatus
from paywright.identity.parts import Parts
from paywright.identity.prove import prove, refused
from paywright.identity.signing import signer

# From the sign-in, however often it is refreshed. NIST SP 800-63B-4, 2.1.3: at least every 30
# days somebody signs in anew.
SESSION_LIFE = timedelta(days=30)


async def sign_in(
    db: Database, parts: Parts, cause: Cause, *, email: str, password: str
) -> SignedIn:
    """Begin a session. `cause.actor` is nobody yet.

    Raises SignInRefused, whatever is wrong, TooManySignIns, SignInBusy.
    """
    user = await prove(db, parts, cause, email=email, password=password)
    session = Session(
        id=SessionId.new(cause.at),
        user_id=user.id,
        ip=cause.ip,
        started_at=cause.at,
        refreshed_at=cause.at,
        expires_at=cause.at + SESSION_LIFE,
    )
    refresh_token = f"rf_{secrets.token_urlsafe(32)}"
    async with db.transaction() as tx:
        now = await users_store.lock(tx, parts.keys, user.id)
        # Disabled, or given another password, since it was proven?
        is_same = now is not None and now.password_hash == user.password_hash
        if now is None or not is_same or now.status is not UserStatus.ACTIVE:
            raise refused()
        await sessions_store.insert_session(tx, session)
        await emit(tx, cause, Event("session.started", str(session.id), {"user": str(user.id)}))
        return await hand_out(tx, parts, cause, now, session, refresh_token)


async def hand_out(
    tx: Tx, parts: Parts, cause: Cause, user: User, session: Session, refresh_token: str
) -> SignedIn:
    """Put a refresh token on file, and sign an access token to go with it."""
    await sessions_store.insert_token(tx, hash_token(refresh_token), session.id, issued_at=cause.at)
    return await with_access(tx, parts, cause, user, session, refresh_token)


async def with_access(
    tx: Tx, parts: Parts, cause: Cause, user: User, session: Session, refresh_token: str
) -> SignedIn:
    """A new access token beside a refresh token that is on file."""
    kid, private_key = await signer(tx, parts.keys, cause)
    access_token = tokens.issue(
        private_key, kid, sub=str(user.id), sid=str(session.id), role=user.role, at=cause.at
    )
    return SignedIn(
        session=session,
        access_token=access_token,
        expires_in_s=int(tokens.LIFE.total_seconds()),
        refresh_token=refresh_token,
    )


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
