"""API keys over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from msgspec import Meta

from paywright.api.auth import Doorkeeper
from paywright.api.problems import InvalidRequest
from paywright.api.requests import Name, in_our_time, read_body, read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import KeyId
from paywright.identity.manage import create_key, list_keys, revoke_key
from paywright.identity.model import ApiKey
from paywright.identity.permissions import Role
from paywright.wiring import App


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`scopes`: what the key may do of all that its role may; empty: all of it."""

    name: Name
    role: Role
    scopes: Sequence[Permission] = ()
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """`person`: who stands behind it: whoever made it. Null: nobody is known, it stands for itself.
    What one key of a person has entered no other key of theirs approves."""

    id: str
    name: str
    role: Role
    scopes: Sequence[Permission]
    created_by: str
    person: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        return cls(
            id=str(key.id),
            name=key.name,
            role=key.role,
            scopes=sorted(key.scopes),
            created_by=key.created_by,
            person=key.person,
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )


class NewKey(msgspec.Struct, frozen=True):
    """`secret` is shown this once."""

    key: KeyView
    secret: str


class KeyList(msgspec.Struct, frozen=True):
    items: Sequence[KeyView]


@get("/keys", opt={"permission": Permission.READ_KEYS})
async def get_keys(app: App, cause: Cause) -> KeyList:
    """All API keys, revoked ones too. Secrets are not kept and cannot be shown."""
    return KeyList([KeyView.of(key) for key in await list_keys(app.db, cause)])


@post("/keys", status_code=201, opt={"permission": Permission.MANAGE_KEYS, "body": KeyRequest})
async def post_key(request: Request[Any, Any, Any], app: App, cause: Cause) -> NewKey:
    """Create an API key. Not repeatable: each request makes another key."""
    body: KeyRequest = await read_body(request, KeyRequest)
    expires_at = None
    if body.expires_at is not None:
        expires_at = in_our_time("expires_at", body.expires_at)
        if expires_at <= cause.at:
            raise InvalidRequest.field("expires_at", "is in the past")
    key, secret = await create_key(
        app.db,
        cause,
        name=body.name,
        role=body.role,
        scopes=frozenset(body.scopes),
        expires_at=expires_at,
    )
    return NewKey(KeyView.of(key), secret)


@delete("/keys/{key_id:str}", status_code=200, opt={"permission": Permission.MANAGE_KEYS})
async def delete_key(
    request: Request[Any, Any, Any], app: App, cause: Cause, key_id: str
) -> KeyView:
    """Revoke an API key. It is refused in every process at once."""
    parsed = read_id(KeyId, key_id, field="key_id")
    key = await revoke_key(app.db, cause, key_id=parsed)
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    doorkeeper.forget(str(parsed))
    return KeyView.of(key)


ROUTES = [get_keys, post_key, delete_key]
