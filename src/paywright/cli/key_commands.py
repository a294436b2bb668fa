"""API keys on the command line: how the first one of an installation is made."""

from datetime import timedelta
from typing import Annotated

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.actor import Permission
from paywright.core.ids import KeyId, UserId
from paywright.identity.change_user import disable_development_users
from paywright.identity.manage import create_key, list_keys, revoke_development_keys, revoke_key
from paywright.identity.model import ApiKey, SigningKey
from paywright.identity.permissions import Role
from paywright.identity.signing import rotate_signing_key
from paywright.wiring import App

cli = Cli(help="Create, list and revoke API keys.")


@cli.command
def create(
    name: str,
    *,
    role: Role,
    scope: Annotated[
        list[str] | None,
        Parameter(help="One permission of the role, issues:read. May be given again.", negative=()),
    ] = None,
    days: Annotated[int | None, Parameter(help="Days until it expires.")] = None,
    as_json: Json = False,
) -> None:
    """Create an API key. Its secret is shown this once."""

    async def main(app: App) -> tuple[ApiKey, str]:
        cause = system_cause()
        expires_at = None if days is None else cause.at + timedelta(days=days)
        return await create_key(
            app.db,
            cause,
            name=name,
            role=role,
            scopes=_permissions(scope or []),
            expires_at=expires_at,
        )

    key, secret = with_app(main)
    if as_json:
        print_json({"key": _plain(key), "secret": secret})
    else:
        out.print(f"{key.id}, role {key.role}. Keep the secret, it is not shown again:\n{secret}")


@cli.command(name="list")
def list_all(*, as_json: Json = False) -> None:
    """All API keys, revoked ones too."""

    async def main(app: App) -> list[ApiKey]:
        return await list_keys(app.db, system_cause())

    keys = with_app(main)
    if as_json:
        print_json([_plain(key) for key in keys])
        return
    rows = [
        [str(k.id), k.name, k.role, _scopes(k), f"{k.created_at:%Y-%m-%d}", _state(k)] for k in keys
    ]
    print_table("", ["Key", "Name", "Role", "Scopes", "Created", "State"], rows)


@cli.command
def revoke(key_id: str, *, as_json: Json = False) -> None:
    """Revoke an API key. Running processes refuse it at once."""

    async def main(app: App) -> ApiKey:
        try:
            parsed = KeyId.parse(key_id)
        except ValueError as error:
            raise CommandFailed(str(error)) from None
        return await revoke_key(app.db, system_cause(), key_id=parsed)

    key = with_app(main)
    if as_json:
        print_json(_plain(key))
    else:
        out.print(f"{key.id} is revoked.")


@cli.command(name="revoke-development")
def revoke_development(*, as_json: Json = False) -> None:
    """Revoke the keys, and disable the user, that `paywright up` made for development.

    Production needs that.
    """

    async def main(app: App) -> tuple[list[ApiKey], list[UserId]]:
        keys = await revoke_development_keys(app.db, system_cause())
        return keys, await disable_development_users(app.db, app.identity, system_cause())

    keys, users = with_app(main)
    if as_json:
        print_json([_plain(key) for key in keys])
    else:
        out.print(f"{len(keys)} keys revoked, {len(users)} users disabled.")


@cli.command(name="rotate-signing")
def rotate_signing(
    *,
    compromised: Annotated[
        bool, Parameter(negative=(), help="Refuse all tokens that were signed before, at once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign access tokens with a new key. Those of the old one are good until they expire."""

    async def main(app: App) -> SigningKey:
        return await rotate_signing_key(
            app.db, app.keys, system_cause(), is_compromised=compromised
        )

    key = with_app(main)
    if as_json:
        print_json({"kid": key.kid, "created_at": key.created_at})
    else:
        out.print(f"Access tokens are signed with {key.kid} from now on.")


def _plain(key: ApiKey) -> dict[str, object]:
    return {**msgspec.to_builtins(key), "id": str(key.id), "scopes": sorted(key.scopes)}


def _permissions(names: list[str]) -> frozenset[Permission]:
    try:
        return frozenset(Permission(name) for name in names)
    except ValueError:
        known = ", ".join(sorted(Permission))
        raise CommandFailed(f"a scope is one of {known}") from None


def _scopes(key: ApiKey) -> str:
    return ", ".join(sorted(key.scopes)) or "all of the role"


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"
