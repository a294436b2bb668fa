"""`paywright events`: read the event log, and see whether its receiver keeps up."""

from typing import Annotated

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.page import Page
from paywright.publishing.cloud_event import CloudEvent
from paywright.publishing.feed import events_after
from paywright.publishing.status import SinkStatus, sink_status
from paywright.wiring import App

_LIMIT_MAX = 500

cli = Cli(name="events", help="Read the event log, and see how far its receiver was told.")


@cli.command(name="list")
def list_events(
    *,
    types: Annotated[str, Parameter(help="Only these: PaymentCreated,PaymentFailed.")] = "",
    cursor: Annotated[str | None, Parameter(help="Where an earlier list ended.")] = None,
    limit: Annotated[int, Parameter(help="How many, 500 at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show events, the oldest first.

    Example: `paywright events list --types PaymentApproved,PaymentCompleted`
    """
    wanted = frozenset(it.strip() for it in types.split(",") if it.strip())

    async def read(app: App) -> Page[CloudEvent]:
        shown = min(max(limit, 1), _LIMIT_MAX)
        return await events_after(app.db, system_cause(), cursor=cursor, types=wanted, limit=shown)

    page = with_app(read)
    if as_json:
        print_json({"items": msgspec.to_builtins(page.items), "next_cursor": page.next_cursor})
        return
    rows = [
        (it.time[:19].replace("T", " "), it.type, it.subject, it.data.actor) for it in page.items
    ]
    print_table("", ("At", "Type", "Subject", "Actor"), rows)
    out.print(f"  those after them: --cursor {page.next_cursor}", markup=False)


@cli.command
def sink(*, as_json: Json = False) -> None:
    """Show how far the receiver of EVENTS_SINK_URL has been told, and what it last refused."""

    async def look(app: App) -> tuple[bool, SinkStatus]:
        return app.sink is not None, await sink_status(app.db)

    is_set_up, status = with_app(look)
    if as_json:
        print_json({"is_set_up": is_set_up, **msgspec.to_builtins(status)})
        return
    if not is_set_up:
        out.print("  No receiver is set up: EVENTS_SINK_URL is empty.")
        return
    out.print(f"  told     {status.told} of {status.newest}: {status.behind} behind")
    if status.last_error is not None:
        out.print(f"  refused  {status.failures} times in a row: {status.last_error}", markup=False)
        out.print(f"  again    {status.retry_at}", markup=False)
