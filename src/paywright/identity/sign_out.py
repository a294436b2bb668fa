"""End sessions: one's own, or those of somebody else."""

from collections.abc import Sequence

from paywright.core.actor import Actor, Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, NotFound
from paywright.core.ids import SessionId, UserId
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.identity import sessions_store
from paywright.identity.model import EndedWhy, Session
from paywright.identity.revoked import announce


class NoSuchSession(NotFound):
    """There is no such session, or it is not yours."""


class NoSession(Conflict):
    """The caller has no session.

    Only who signed in here with a password has one. An API key is revoked instead, and a token of
    another issuer ends with it.
    """


async def sign_out(db: Database, cause: Cause) -> None:
    """End the session that the caller's token belongs to. Raises NoSession."""
    cause.actor.require(Permission.MANAGE_SELF)
    if cause.actor.session_id is None:
        raise NoSession("nothing to sign out of")
    session_id = SessionId.parse(cause.actor.session_id)
    async with db.transaction() as tx:
        await _end(tx, cause, session_id, cause.actor.id, EndedWhy.SIGNED_OUT)


async def end_session(db: Database, cause: Cause, *, session_id: SessionId) -> Session:
    """End a session of one's own, or anybody's with `users:manage`. Twice is once.

    Raises NoSuchSession, also for what belongs to somebody else.
    """
    cause.actor.require(Permission.MANAGE_SELF)
    async with db.transaction() as tx:
        session = await sessions_store.lock_session(tx, session_id)
        if session is None:
            raise NoSuchSession(str(session_id))
        is_own = str(session.user_id) == cause.actor.id
        if not is_own and Permission.MANAGE_USERS not in cause.actor.permissions:
            raise NoSuchSession(str(session_id))
        why = EndedWhy.SIGNED_OUT if is_own else EndedWhy.ENDED_BY_ADMIN
        await _end(tx, cause, session_id, str(session.user_id), why)
    return session


async def end_sessions(db: Database, cause: Cause, *, user_id: UserId) -> Sequence[SessionId]:
    """Sign somebody out everywhere; which sessions were ended."""
    cause.actor.require(Permission.MANAGE_USERS)
    async with db.transaction() as tx:
        return await end_all(tx, cause, user_id, EndedWhy.ENDED_BY_ADMIN)


async def end_all(tx: Tx, cause: Cause, user_id: UserId, why: EndedWhy) -> Sequence[SessionId]:
    """End all sessions of a user, wherever they are."""
    ended = await sessions_store.end_all_of(tx, user_id, at=cause.at, why=why)
    await announce(tx, user_id)
    facts = {"user": str(user_id), "why": why.value}
    await emit(tx, cause, *(Event("session.ended", str(one), facts) for one in ended))
    return ended


async def list_sessions(db: Database, cause: Cause, *, user_id: UserId) -> Sequence[Session]:
    """The live sessions of a user: one's own, or anybody's with `users:read`."""
    is_own = str(user_id) == cause.actor.id
    cause.actor.require(Permission.MANAGE_SELF if is_own else Permission.READ_USERS)
    async with db.snapshot() as tx:
        return await sessions_store.sessions_of(tx, user_id, at=cause.at)


def user_of(actor: Actor) -> UserId | None:
    """The user that an actor is; None for keys and for people of another issuer."""
    try:
        return UserId.parse(actor.id)
    except ValueError:
        return None


async def _end(tx: Tx, cause: Cause, session_id: SessionId, user_id: str, why: EndedWhy) -> None:
    if await sessions_store.end(tx, session_id, at=cause.at, why=why):
        await announce(tx, session_id)
        facts = {"user": user_id, "why": why.value}
        await emit(tx, cause, Event("session.ended", str(session_id), facts))
