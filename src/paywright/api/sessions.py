"""Signing in and out over HTTP, and the keys that our access tokens are verified with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from msgspec import Meta

from paywright.api.auth import PUBLIC, Doorkeeper
from paywright.api.requests import read_body, read_id
from paywright.core.actor import Actor, Permission
from paywright.core.cause import Cause
from paywright.core.ids import SessionId, UserId
from paywright.identity.model import Session, SignedIn
from paywright.identity.refresh import refresh
from paywright.identity.sign_in import sign_in
from paywright.identity.sign_out import (
    end_session,
    end_sessions,
    list_sessions,
    sign_out,
    user_of,
)
from paywright.identity.signing import published_keys
from paywright.wiring import App

# Whatever was typed; what may be a password is said where one is chosen.
Typed = Annotated[str, Meta(min_length=1, max_length=512)]
TypedEmail = Annotated[str, Meta(min_length=1, max_length=254)]


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    email: TypedEmail
    password: Typed


class RefreshRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Annotated[str, Meta(max_length=200)]


class TokensView(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in`: seconds that the access token is good for."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str
    session_id: str
    session_expires_at: datetime

    @classmethod
    def of(cls, signed_in: SignedIn) -> "TokensView":
        return cls(
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in_s,
            refresh_token=signed_in.refresh_token,
            session_id=str(signed_in.session.id),
            session_expires_at=signed_in.session.expires_at,
        )


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """`is_current`: the one that asks."""

    id: str
    user_id: str
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ip: str | None
    is_current: bool

    @classmethod
    def of(cls, session: Session, actor: Actor) -> "SessionView":
        return cls(
            id=str(session.id),
            user_id=str(session.user_id),
            started_at=session.started_at,
            refreshed_at=session.refreshed_at,
            expires_at=session.expires_at,
            ip=session.ip,
            is_current=str(session.id) == actor.session_id,
        )


class SessionList(msgspec.Struct, frozen=True):
    items: Sequence[SessionView]


class EndedSessions(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


class KeySet(msgspec.Struct, frozen=True):
    """A JSON Web Key Set (RFC 7517)."""

    keys: Sequence[dict[str, str]]


@post("/sessions", status_code=201, opt={"permission": PUBLIC, "body": SignInRequest})
async def post_session(request: Request[Any, Any, Any], app: App, cause: Cause) -> TokensView:
    """Sign in with e-mail address and password.

    Send the access token as `Authorization: Bearer …`. Before it expires, exchange the refresh
    token for new ones. The answer never says what was wrong, or that a user is locked.
    """
    body: SignInRequest = await read_body(request, SignInRequest)
    signed_in = await sign_in(app.db, app.identity, cause, email=body.email, password=body.password)
    return TokensView.of(signed_in)


@post("/sessions/refresh", status_code=200, opt={"permission": PUBLIC, "body": RefreshRequest})
async def post_refresh(request: Request[Any, Any, Any], app: App, cause: Cause) -> TokensView:
    """Exchange a refresh token, which is used up by it, for a new one and an access token.

    An answer that was lost may be asked for again for 10 seconds. After that, a token that comes
    a second time ends its session: somebody else has had it.
    """
    body: RefreshRequest = await read_body(request, RefreshRequest)
    return TokensView.of(await refresh(app.db, app.identity, cause, token=body.refresh_token))


@get("/sessions", opt={"permission": Permission.MANAGE_SELF})
async def get_sessions(app: App, cause: Cause) -> SessionList:
    """Where you are signed in. An API key has no sessions."""
    user_id = user_of(cause.actor)
    if user_id is None:
        return SessionList([])
    return _listed(await list_sessions(app.db, cause, user_id=user_id), cause.actor)


@delete("/sessions/current", status_code=204, opt={"permission": Permission.MANAGE_SELF})
async def delete_current_session(
    request: Request[Any, Any, Any], app: App, cause: Cause
) -> Response[None]:
    """Sign out. The access token is refused in every process at once."""
    await sign_out(app.db, cause)
    _doorkeeper(request).forget(str(cause.actor.session_id))
    return Response(None, status_code=204)


@delete("/sessions/{session_id:str}", status_code=204, opt={"permission": Permission.MANAGE_SELF})
async def delete_session(
    request: Request[Any, Any, Any], app: App, cause: Cause, session_id: str
) -> Response[None]:
    """End a session of yours, or anybody's if you manage users. Twice is once."""
    parsed = read_id(SessionId, session_id, field="session_id")
    await end_session(app.db, cause, session_id=parsed)
    _doorkeeper(request).forget(str(parsed))
    return Response(None, status_code=204)


@get("/users/{user_id:str}/sessions", opt={"permission": Permission.READ_USERS})
async def get_sessions_of_user(app: App, cause: Cause, user_id: str) -> SessionList:
    """Where a user is signed in."""
    parsed = read_id(UserId, user_id, field="user_id")
    return _listed(await list_sessions(app.db, cause, user_id=parsed), cause.actor)


@delete(
    "/users/{user_id:str}/sessions", status_code=200, opt={"permission": Permission.MANAGE_USERS}
)
async def delete_sessions_of_user(
    request: Request[Any, Any, Any], app: App, cause: Cause, user_id: str
) -> EndedSessions:
    """Sign a user out everywhere."""
    parsed = read_id(UserId, user_id, field="user_id")
    ended = await end_sessions(app.db, cause, user_id=parsed)
    _doorkeeper(request).forget(str(parsed))
    return EndedSessions(len(ended))


@get("/.well-known/jwks.json", opt={"permission": PUBLIC})
async def get_jwks(app: App, cause: Cause) -> KeySet:
    """The public keys that our access tokens are signed with."""
    return KeySet(await published_keys(app.db, cause))


def _listed(sessions: Sequence[Session], actor: Actor) -> SessionList:
    return SessionList([SessionView.of(session, actor) for session in sessions])


def _doorkeeper(request: Request[Any, Any, Any]) -> Doorkeeper:
    return request.app.state.doorkeeper


ROUTES = [
    post_session,
    post_refresh,
    get_sessions,
    delete_current_session,
    delete_session,
    get_sessions_of_user,
    delete_sessions_of_user,
]
WELL_KNOWN = [get_jwks]
