"""Authenticator apps on the command line: the way back in for who has lost theirs."""

from cyclopts import App as Cli

from paywright.challenges.model import Subject
from paywright.challenges.remove_totp import remove_totp
from paywright.cli.console import CommandFailed, out, print_json
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.ids import UserId
from paywright.wiring import App

cli = Cli(help="Reset authenticator apps.")


@cli.command
def reset(*, user: str | None = None, customer: str | None = None, as_json: Json = False) -> None:
    """Take away the authenticator app of a user (`usr_…`) or of a customer, without its code."""

    async def main(app: App) -> Subject:
        subject = _subject(user, customer)
        await remove_totp(app.db, app.keys, system_cause(), subject=subject, code=None)
        return subject

    subject = with_app(main)
    if as_json:
        print_json({"kind": subject.kind, "id": subject.id, "reset": True})
    else:
        out.print(f"{subject.id} has no authenticator app any more.")


def _subject(user: str | None, customer: str | None) -> Subject:
    if customer is not None and user is None:
        return Subject("customer", customer)
    if user is None or customer is not None:
        raise CommandFailed("name either a --user or a --customer")
    try:
        return Subject("user", str(UserId.parse(user)))
    except ValueError as error:
        raise CommandFailed(str(error)) from None
