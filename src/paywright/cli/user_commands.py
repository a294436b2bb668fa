"""Users on the command line: how the first one of an installation is made."""

import getpass
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App as Cli

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.ids import SessionId, UserId
from paywright.identity.change_password import set_password as set_user_password
from paywright.identity.change_user import change_user
from paywright.identity.model import Session, User, UserStatus
from paywright.identity.permissions import Role
from paywright.identity.sign_out import end_sessions, list_sessions
from paywright.identity.users import create_user, find_user, get_user, list_users
from paywright.wiring import App

cli = Cli(
    help="""Create, change and list users.

A user is named by id or by e-mail address. A password is asked for, or read as one line from
standard input; it is never an argument, where others could see it.""",
    help_format="markdown",
)

_PAGE = 200


@cli.command
def create(email: str, *, name: str, role: Role, as_json: Json = False) -> None:
    """Create a user, who can sign in at once."""
    password = _read_password()

    async def main(app: App) -> User:
        if "@" not in email:
            raise CommandFailed(f"{email} is no e-mail address")
        return await create_user(
            app.db,
            app.identity,
            system_cause(),
            email=email,
            name=name,
            role=role,
            password=password,
        )

    _print(with_app(main), as_json=as_json)


@cli.command(name="list")
def list_all(*, as_json: Json = False) -> None:
    """All users, the newest first."""

    async def main(app: App) -> list[User]:
        found: list[User] = []
        cursor = None
        while True:
            page = await list_users(
                app.db, app.identity, system_cause(), cursor=cursor, limit=_PAGE
            )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    users = with_app(main)
    if as_json:
        print_json([_plain(user) for user in users])
        return
    rows = [[str(u.id), u.email, u.name, u.role, _state(u)] for u in users]
    print_table("", ["User", "E-mail", "Name", "Role", "State"], rows)


@cli.command
def disable(user: str, *, as_json: Json = False) -> None:
    """Refuse a user, and end all of its sessions, in every process at once."""
    _change(user, status=UserStatus.DISABLED, as_json=as_json)


@cli.command
def enable(user: str, *, as_json: Json = False) -> None:
    """Let a disabled or locked user sign in again."""
    _change(user, status=UserStatus.ACTIVE, as_json=as_json)


@cli.command(name="set-role")
def set_role(user: str, role: Role, *, as_json: Json = False) -> None:
    """Give a user another role. It counts at once."""
    _change(user, role=role, as_json=as_json)


@cli.command(name="set-password")
def set_password(user: str, *, as_json: Json = False) -> None:
    """Set a user's password. All of its sessions end, and a lock is lifted."""
    password = _read_password()

    async def main(app: App) -> User:
        user_id = await _user_id(app, user)
        return await set_user_password(
            app.db, app.identity, system_cause(), user_id=user_id, password=password
        )

    _print(with_app(main), as_json=as_json)


@cli.command
def sessions(user: str, *, as_json: Json = False) -> None:
    """Where a user is signed in."""

    async def main(app: App) -> Sequence[Session]:
        user_id = await _user_id(app, user)
        return await list_sessions(app.db, system_cause(), user_id=user_id)

    found = with_app(main)
    if as_json:
        print_json([_plain_session(session) for session in found])
        return
    rows = [
        [
            str(s.id),
            s.ip or "",
            f"{s.started_at:%Y-%m-%d %H:%M}",
            f"{s.refreshed_at:%Y-%m-%d %H:%M}",
            f"{s.expires_at:%Y-%m-%d}",
        ]
        for s in found
    ]
    print_table("", ["Session", "Address", "Began", "Refreshed", "Until"], rows)


@cli.command(name="sign-out")
def sign_out(user: str, *, as_json: Json = False) -> None:
    """End all sessions of a user, in every process at once."""

    async def main(app: App) -> Sequence[SessionId]:
        user_id = await _user_id(app, user)
        return await end_sessions(app.db, system_cause(), user_id=user_id)

    ended = with_app(main)
    if as_json:
        print_json({"ended": [str(session_id) for session_id in ended]})
    else:
        out.print(f"{len(ended)} sessions ended.")


def _change(
    user: str, *, role: Role | None = None, status: UserStatus | None = None, as_json: bool
) -> None:
    async def main(app: App) -> User:
        user_id = await _user_id(app, user)
        return await change_user(
            app.db, app.identity, system_cause(), user_id=user_id, role=role, status=status
        )

    _print(with_app(main), as_json=as_json)


async def _user_id(app: App, text: str) -> UserId:
    """The user that is meant by an id or an address."""
    if "@" in text:
        return (await find_user(app.db, app.identity, system_cause(), email=text)).id
    try:
        user_id = UserId.parse(text)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    return (await get_user(app.db, app.identity, system_cause(), user_id=user_id)).id


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise SystemExit("the two are not the same")
    return password


def _print(user: User, *, as_json: bool) -> None:
    if as_json:
        print_json(_plain(user))
    else:
        out.print(f"{user.id}, {user.email}, role {user.role}, {_state(user)}.", markup=False)


def _plain(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "status": user.status,
        "locked_until": user.locked_until,
        "created_by": user.created_by,
        "created_at": user.created_at,
        "password_changed_at": user.password_changed_at,
    }


def _plain_session(session: Session) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "user_id": str(session.user_id),
        "ip": session.ip,
        "started_at": session.started_at,
        "refreshed_at": session.refreshed_at,
        "expires_at": session.expires_at,
    }


def _state(user: User) -> str:
    if user.status is UserStatus.DISABLED:
        return "disabled"
    if user.is_locked(system_cause().at):
        return f"locked until {user.locked_until:%Y-%m-%d %H:%M}"
    return "active"
