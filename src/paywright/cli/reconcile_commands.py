"""Compare our books with a provider's, on the command line."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from paywright.cli.console import CommandFailed, err, fail, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.money import Money
from paywright.reconciliation.ask import NotAProvider
from paywright.reconciliation.model import (
    Item,
    OnRead,
    Reconciliation,
    RunState,
    Statement,
    StatementSource,
)
from paywright.reconciliation.run import reconcile_now
from paywright.reconciliation.statement_files import statement_file
from paywright.reconciliation.views import get_reconciliation
from paywright.wiring import App

_ITEMS_MAX = 1_000
_SHOWN_MAX = 50


def reconcile(
    provider: str,
    *,
    day: Annotated[date, Parameter(help="The day to compare, in UTC: 2026-11-20.")],
    file: Annotated[Path | None, Parameter(help="A statement: .csv, .json or .jsonl.")] = None,
    as_json: Json = False,
) -> None:
    """Compare our books of a day with a provider's statement. Status 1: they differ.

    Without --file the provider is asked for its statement. Payments that it lists and that are
    still under way here are looked up at once, if a worker runs; nothing else is changed. A file
    should tell of the hours around the day, too: one side may book just after midnight what the
    other books before it.
    """

    async def main(app: App) -> tuple[Reconciliation, list[Item]]:
        with _progress() as on_read:
            run = await reconcile_now(
                app.db,
                system_cause(),
                provider=provider,
                day=day,
                source=StatementSource.PROVIDER if file is None else StatementSource.FILE,
                statement=_statement(app, provider, file),
                on_read=on_read,
            )
        _, page = await get_reconciliation(
            app.db, system_cause(), reconciliation_id=run.id, limit=_ITEMS_MAX
        )
        return run, list(page.items)

    run, items = with_app(main, calls_out=True)
    if as_json:
        print_json(_plain(run, items))
    elif run.state is RunState.FAILED:
        fail(f"{run.provider}, {run.day}: not compared: {run.failure}")
    else:
        _print(run, items)
    sys.exit(0 if run.state is RunState.COMPLETED and not run.differences else 1)


def _statement(app: App, provider: str, file: Path | None) -> Statement:
    """A file may be of a provider that is not set up any more, but one that is there."""
    if file is not None:
        if not file.is_file():
            raise CommandFailed(f"there is no file {file}")
        return statement_file(file)
    if provider not in app.gateway.providers:
        there = ", ".join(app.gateway.providers) or "none"
        raise NotAProvider(f"{provider} is not set up here; there is {there}")
    return app.gateway.providers[provider].statement


def _print(run: Reconciliation, items: list[Item]) -> None:
    found = {0: "no differences", 1: "1 difference"}.get(
        run.differences, f"{run.differences:,} differences"
    )
    matched = run.outcomes.get("matched", 0)
    out.print(f"{run.id}: {run.provider}, {run.day}: {matched:,} matched, {found}")
    rows = [
        [
            total.currency,
            *(f"{count:,}" for count in (total.ours, total.theirs, total.matched)),
            *(
                str(Money(minor, total.currency))
                for minor in (total.ours_minor, total.theirs_minor, total.matched_minor)
            ),
        ]
        for total in run.totals
    ]
    if rows:
        columns = ["Currency", "Ours", "Theirs", "Matched", "Our sum", "Their sum", "Matched sum"]
        print_table("", columns, rows)
    if items:
        shown = items[:_SHOWN_MAX]
        title = f"The first {len(shown)}" if run.differences > len(shown) else ""
        columns = ["Outcome", "Key", "Reference", "Ours", "Theirs"]
        print_table(title, columns, [_row(item) for item in shown])


def _row(item: Item) -> list[str]:
    ours = " ".join(str(it) for it in (item.our_status, item.our_amount) if it is not None)
    reference = item.their_reference or item.our_reference or ""
    return [item.outcome, item.key or "", reference, ours or "-", str(item.their_amount or "-")]


def _plain(run: Reconciliation, items: list[Item]) -> dict[str, Any]:
    told = msgspec.structs.asdict(run)
    told |= {"id": str(run.id), "items": [_plain_item(item) for item in items]}
    del told["is_queued"], told["digest"]
    return told


def _plain_item(item: Item) -> dict[str, Any]:
    payment_id = None if item.payment_id is None else str(item.payment_id)
    told = msgspec.structs.asdict(item) | {"payment_id": payment_id}
    del told["operation_id"]
    return told


@contextmanager
def _progress() -> Generator[OnRead]:
    """On a terminal; it is gone when the work is done."""
    progress = Progress(
        TextColumn("  {task.completed:,} lines read"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)
