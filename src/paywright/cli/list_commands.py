"""`paywright lists`: which sanctions lists are in force."""

from pathlib import Path
from typing import Annotated

from cyclopts import App as Cli
from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from paywright.cli.console import err, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.screening.load import LoadedList, load_list
from paywright.screening.rescreen import rescreen as rescreen_all
from paywright.screening.rescreen import screen_changed
from paywright.screening.views import Lists, list_lists
from paywright.wiring import App

cli = Cli(help="Load and show sanctions lists, and screen all customers again.")


@cli.command
def load(
    file: Path,
    *,
    name: Annotated[str | None, Parameter(help="Of the list. Else the file's name.")] = None,
    format_: Annotated[
        str | None,
        Parameter(
            name="--format",
            help="ofac-csv, ofac-xml, ofac-advanced-xml, un-xml, opensanctions, bis-dpl or csv. "
            "Else it is found by looking.",
        ),
    ] = None,
    force: Annotated[
        bool, Parameter(negative=(), help="Even if rows are damaged or most entries are gone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a sanctions list in force, in place of the one of the same name.

    FILE is as published, plain or gzip. OFAC's alt.csv, add.csv and sdn_comments.csv are read, too,
    when they lie beside sdn.csv. A CSV of your own has the columns
    id,name,kind,aliases,birth_date,country,programs,identifiers, with semicolons between several
    values. Customers are screened again by the worker, against what has changed.
    """

    async def main(app: App) -> LoadedList:
        return await load_list(
            app.db, system_cause(), source=file, name=name, format=format_, force=force
        )

    loaded = with_app(main)
    if as_json:
        print_json(loaded)
        return
    for damage in loaded.damaged:
        err.print(f"row {damage.row}: {damage.reason}", markup=False)
    out.print(
        f"{loaded.name}, version {loaded.version}: {loaded.entries:,} entries, {loaded.added:,} "
        f"added, {loaded.changed:,} changed, {loaded.removed:,} removed, "
        f"{loaded.damaged_rows:,} rows damaged."
    )


@cli.command
def show(*, as_json: Json = False) -> None:
    """The lists in force."""

    async def main(app: App) -> Lists:
        return await list_lists(app.db, system_cause())

    lists = with_app(main)
    if as_json:
        print_json(lists)
        return
    rows = [
        [it.name, it.version, f"{it.entries:,}", it.source, f"{it.loaded_at:%Y-%m-%d %H:%M}"]
        for it in lists.items
    ]
    print_table("", ["List", "Version", "Entries", "File", "Loaded"], rows)


@cli.command
def rescreen(*, as_json: Json = False) -> None:
    """Screen all customers who were not screened against the lists in force, now and here."""

    async def main(app: App) -> int:
        cause = system_cause()
        with Progress(
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        ) as progress:
            task = progress.add_task("", total=None)

            def tell(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            again = await rescreen_all(app.db, app.keys, app.screener, cause, on_page=tell)
        return again + await screen_changed(app.db, app.keys, app.screener, cause)

    screened = with_app(main)
    if as_json:
        print_json({"screened": screened})
    else:
        out.print(f"{screened:,} customers screened.")
