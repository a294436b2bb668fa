"""Users over HTTP: made and changed by administrators, and what everyone may do to themselves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.params import Parameter

from paywright.api.auth import Doorkeeper
from paywright.api.customers import Email
from paywright.api.problems import InvalidRequest
from paywright.api.requests import Name, read_body, read_id
from paywright.api.sessions import Typed
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import UserId
from paywright.identity.change_password import change_own_password, set_password
from paywright.identity.change_user import change_user
from paywright.identity.model import User, UserStatus
from paywright.identity.permissions import Role
from paywright.identity.sign_out import user_of
from paywright.identity.users import create_user, get_user, list_users
from paywright.wiring import App


class UserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """12 to 128 characters of a password, whatever they are; not the e-mail address, and nothing
    that everybody tries first."""

    email: Email
    name: Name
    role: Role
    password: Typed


class UserPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is. `active` also lifts a lock."""

    name: Name | None = None
    role: Role | None = None
    status: UserStatus | None = None


class PasswordRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: Typed


class OwnPasswordRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    current_password: Typed
    new_password: Typed


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    email: str
    name: str
    role: Role
    status: UserStatus
    locked_until: datetime | None
    created_by: str
    created_at: datetime
    password_changed_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=str(user.id),
            email=user.email,
            name=user.name,
            role=user.role,
            status=user.status,
            locked_until=user.locked_until,
            created_by=user.created_by,
            created_at=user.created_at,
            password_changed_at=user.password_changed_at,
        )


class UserPage(msgspec.Struct, frozen=True):
    items: Sequence[UserView]
    next_cursor: str | None


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """`user` is null for an API key and for a caller of another issuer."""

    id: str
    name: str
    permissions: Sequence[str]
    session_id: str | None
    user: UserView | None


@post("/users", status_code=201, opt={"permission": Permission.MANAGE_USERS, "body": UserRequest})
async def post_user(request: Request[Any, Any, Any], app: App, cause: Cause) -> UserView:
    """Create a user, who can sign in at once."""
    body: UserRequest = await read_body(request, UserRequest)
    user = await create_user(
        app.db,
        app.identity,
        cause,
        email=body.email,
        name=body.name,
        role=body.role,
        password=body.password,
    )
    return UserView.of(user)


@get("/users", opt={"permission": Permission.READ_USERS})
async def get_users(
    app: App,
    cause: Cause,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> UserPage:
    """All users, the newest first."""
    page = await list_users(app.db, app.identity, cause, cursor=cursor, limit=limit)
    return UserPage([UserView.of(user) for user in page.items], page.next_cursor)


@get("/users/{user_id:str}", opt={"permission": Permission.READ_USERS})
async def get_one_user(app: App, cause: Cause, user_id: str) -> UserView:
    """One user."""
    parsed = read_id(UserId, user_id, field="user_id")
    return UserView.of(await get_user(app.db, app.identity, cause, user_id=parsed))


@patch("/users/{user_id:str}", opt={"permission": Permission.MANAGE_USERS, "body": UserPatch})
async def patch_user(
    request: Request[Any, Any, Any], app: App, cause: Cause, user_id: str
) -> UserView:
    """Change a user's role, status or name. It counts at once, in every process.

    Disabling ends all sessions of the user. Nobody changes their own role, or gives one that may
    do more than they may themselves; the last active administrator stays one.
    """
    parsed = read_id(UserId, user_id, field="user_id")
    body: UserPatch = await read_body(request, UserPatch)
    user = await change_user(
        app.db,
        app.identity,
        cause,
        user_id=parsed,
        role=body.role,
        status=body.status,
        name=body.name,
    )
    _forget(request, parsed)
    return UserView.of(user)


@post(
    "/users/{user_id:str}/password",
    status_code=204,
    opt={"permission": Permission.MANAGE_USERS, "body": PasswordRequest},
)
async def post_password(
    request: Request[Any, Any, Any], app: App, cause: Cause, user_id: str
) -> Response[None]:
    """Set a user's password, for somebody who forgot theirs. All of their sessions end."""
    parsed = read_id(UserId, user_id, field="user_id")
    body: PasswordRequest = await read_body(request, PasswordRequest)
    await set_password(app.db, app.identity, cause, user_id=parsed, password=body.password)
    _forget(request, parsed)
    return Response(None, status_code=204)


@get("/me", opt={"permission": Permission.MANAGE_SELF})
async def get_me(app: App, cause: Cause) -> MeView:
    """Who you are to Paywright, and what you may do."""
    actor = cause.actor
    user_id = user_of(actor)
    user = None
    if user_id is not None:
        user = UserView.of(await get_user(app.db, app.identity, cause, user_id=user_id))
    return MeView(
        id=actor.id,
        name=actor.name if user is None else user.name,
        permissions=sorted(actor.permissions),
        session_id=actor.session_id,
        user=user,
    )


@post(
    "/me/password",
    status_code=204,
    opt={"permission": Permission.MANAGE_SELF, "body": OwnPasswordRequest},
)
async def post_own_password(
    request: Request[Any, Any, Any], app: App, cause: Cause
) -> Response[None]:
    """Change your password. All of your sessions end, this one too: sign in again."""
    body: OwnPasswordRequest = await read_body(request, OwnPasswordRequest)
    if body.current_password == body.new_password:
        raise InvalidRequest.field("new_password", "is the current one")
    await change_own_password(
        app.db, app.identity, cause, current=body.current_password, new=body.new_password
    )
    _forget(request, cause.actor.id)
    return Response(None, status_code=204)


def _forget(request: Request[Any, Any, Any], user_id: object) -> None:
    """Here at once, without waiting for the announcement."""
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    doorkeeper.forget(str(user_id))


ROUTES = [
    post_user,
    get_users,
    get_one_user,
    patch_user,
    post_password,
    get_me,
    post_own_password,
]
