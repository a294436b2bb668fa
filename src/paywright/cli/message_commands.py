"""Messages on the command line: the outbox of development."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.ids import MessageId
from paywright.notifications import views
from paywright.notifications.model import MessageStatus, OnFile
from paywright.wiring import App

cli = Cli(help="See the messages that were sent to people; in development also what they say.")

_POLL_S = 0.5
_WATCHED = 200  # messages that may come between two looks
_UNDER_WAY = (MessageStatus.QUEUED, MessageStatus.SENDING)


@cli.command(name="list")
def list_all(
    *,
    status: Annotated[MessageStatus | None, Parameter(help="Only those of this status.")] = None,
    limit: int = 50,
    as_json: Json = False,
) -> None:
    """Messages, newest first."""

    async def main(app: App) -> list[OnFile]:
        page = await views.list_messages(
            app.db, app.keys, system_cause(), reveal=_reveal(app), status=status, limit=limit
        )
        return list(page.items)

    messages = with_app(main)
    if as_json:
        print_json([_plain(message) for message in messages])
    elif messages:
        rows = [
            [
                *(str(m.id), m.channel, m.recipient, m.purpose, m.status),
                f"{m.created_at:%m-%d %H:%M:%S}",
            ]
            for m in messages
        ]
        print_table("", ["Message", "Channel", "To", "For", "Status", "Created (UTC)"], rows)
    else:
        out.print("No messages.")


@cli.command
def show(message_id: str, *, as_json: Json = False) -> None:
    """One message, and what it says, where that is still known and may be shown."""

    async def main(app: App) -> OnFile:
        try:
            parsed = MessageId.parse(message_id)
        except ValueError as error:
            raise CommandFailed(str(error)) from None
        return await views.get_message(
            app.db, app.keys, system_cause(), message_id=parsed, reveal=_reveal(app)
        )

    _show(with_app(main), as_json=as_json)


@cli.command
def watch(
    *,
    seconds: Annotated[float | None, Parameter(help="Stop after this long.")] = None,
    as_json: Json = False,
) -> None:
    """Show each new message as soon as it was sent, or failed, until Ctrl-C."""

    async def main(app: App) -> None:
        async def newest() -> list[OnFile]:
            page = await views.list_messages(
                app.db, app.keys, system_cause(), reveal=_reveal(app), limit=_WATCHED
            )
            return [m for m in reversed(page.items) if m.status not in _UNDER_WAY]

        seen = {message.id for message in await newest()}
        while True:
            await asyncio.sleep(_POLL_S)
            for message in await newest():
                if message.id not in seen:
                    seen.add(message.id)
                    _show(message, as_json=as_json)

    async def for_a_while(app: App) -> None:
        try:
            async with asyncio.timeout(seconds):
                await main(app)
        except TimeoutError:
            return

    with_app(for_a_while)


def _reveal(app: App) -> bool:
    return app.settings.environment == "development"


def _plain(message: OnFile) -> dict[str, object]:
    """As the API tells it."""
    fields = msgspec.to_builtins(msgspec.structs.replace(message, content=None))
    del fields["content"]
    content = message.content
    return {
        **fields,
        "id": str(message.id),
        "subject": None if content is None else content.subject,
        "text": None if content is None else content.text,
    }


def _show(message: OnFile, *, as_json: bool) -> None:
    if as_json:
        print_json(_plain(message))
        return
    out.print(
        f"{message.id}  {message.channel} to {message.recipient}, {message.status} "
        f"({message.purpose}, {message.created_at:%Y-%m-%d %H:%M:%S} UTC)",
        markup=False,
    )
    if message.error:
        out.print(f"  {message.error}", markup=False)
    if message.content is None:
        out.print("  What it says is not kept.")
        return
    lines = [message.content.subject, *message.content.text.splitlines()]
    for line in filter(None, lines):
        out.print(f"  {line}", markup=False)
