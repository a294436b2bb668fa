"""The ledger on the command line: check it, look into it, set it up, apply files to it."""

import os
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from paywright.cli import ledger_show as show_
from paywright.cli.console import CommandFailed, err, guarded, print_json
from paywright.cli.ledger_books import Books, RealBooks, SupposedBooks
from paywright.cli.ledger_files import CHUNK, apply_file, read_lines
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.cause import Cause
from paywright.ledger.chart import Ensured, chart, ensure_chart
from paywright.ledger.verify import Report
from paywright.payments.verify import verify as verify_books
from paywright.wiring import App

cli = Cli(help="Check the ledger, look into accounts, set them up, apply files.")

_LIMIT_MAX = 10_000
_CHUNK_MAX = 10_000


@cli.command
def verify(*, as_json: Json = False) -> None:
    """Check every invariant of the ledger, and that payments agree with it.

    Reads all of it, on one moment, and blocks nobody. The exit status is 1 when something is
    broken; the rows are shown, the first 20 of each check.

    Example: `paywright ledger verify --json`
    """
    started = time.monotonic()

    async def main(app: App) -> Report:
        with _progress() as progress:
            task = progress.add_task("", total=None)

            def told(name: str, done: int, of: int) -> None:
                progress.update(
                    task, description=name.replace("_", " "), completed=done, total=of or None
                )

            return await verify_books(app.db, at=datetime.now(UTC), progress=told)

    report = with_app(main)
    seconds = time.monotonic() - started
    if as_json:
        told = {"is_sound": report.is_sound, "seconds": round(seconds, 3)}
        print_json(told | msgspec.structs.asdict(report))
    else:
        show_.print_report(report, seconds=seconds)
    sys.exit(0 if report.is_sound else 1)


@cli.command
def show(
    account: str,
    *,
    limit: Annotated[int, Parameter(help="So many entries, the newest.")] = 20,
    since: Annotated[datetime | None, Parameter(help="Entries from then on. UTC.")] = None,
    until: Annotated[datetime | None, Parameter(help="Entries before then. UTC.")] = None,
    holds: Annotated[
        bool, Parameter(negative=(), help="Also entries that only hold money, or release it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show an account: what it has, its open holds, and its newest entries.

    ACCOUNT is an id, `acc_…`, or a code.

    Example: `paywright ledger show bank:partner_bank:EUR --since 2026-01-01`
    """

    async def main(app: App) -> show_.Shown:
        if not 1 <= limit <= _LIMIT_MAX:
            raise CommandFailed(f"--limit must be from 1 to {_LIMIT_MAX}")
        return await show_.look_up(
            app.db,
            system_cause(),
            name=account,
            since=_utc(since),
            until=_utc(until),
            with_holds=holds,
            limit=limit,
        )

    shown = with_app(main)
    if as_json:
        print_json(show_.plain_account(shown))
    else:
        show_.print_account(shown)


@cli.command(name="chart")
def show_chart(
    *,
    currency: Annotated[list[str] | None, Parameter(help="May be said again. EUR.")] = None,
    provider: Annotated[list[str] | None, Parameter(help="May be said again.")] = None,
    bank: Annotated[list[str] | None, Parameter(help="May be said again.")] = None,
    open_: Annotated[
        bool, Parameter(name="--open", negative=(), help="Open the accounts that are missing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the accounts that a payment platform needs, and with --open open those missing.

    The same command again changes nothing. An account that is there, and is not as the chart
    has it, is left alone; the exit status is 1 then.

    Example: `paywright ledger chart --currency EUR --provider stripe --bank partner_bank --open`
    """
    wanted = guarded(lambda: chart(currency or ["EUR"], provider or [], bank or []))
    ensured: Ensured | None = None
    if open_:

        async def main(app: App) -> Ensured:
            return await ensure_chart(app.db, system_cause(), accounts=wanted)

        ensured = with_app(main)
    if as_json:
        told: dict[str, Any] = {"accounts": wanted}
        print_json(told if ensured is None else told | msgspec.structs.asdict(ensured))
    else:
        show_.print_chart(wanted, ensured)
    sys.exit(1 if ensured is not None and ensured.differ else 0)


@cli.command
def apply(
    # `-` is no option.
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="Change nothing; say what would happen.")
    ] = False,
    chunk: Annotated[int, Parameter(help="Lines in one transaction.")] = CHUNK,
    as_json: Json = False,
) -> None:
    """Open accounts and move money as a file says, for imports and migrations.

    One JSON object a line, carried out in order; `-` reads standard input.

    ```
    {"type":"account","code":"alice","owner":"alice","currency":"EUR","kind":"liability"}
    {"type":"transfer","key":"t1","debit":"alice","credit":"bob","amount":"1.00","currency":"EUR"}
    {"type":"hold","key":"h1","debit":"alice","credit":"bob","amount_minor":50,"currency":"EUR"}
    {"type":"post_hold","key":"p1","hold":"h1","amount_minor":20}
    {"type":"release_hold","key":"r1","hold":"h2"}
    ```

    `key` names a movement for good: the same file again finds what it made before, `exists`, and
    a run that was interrupted is finished by the same command. A line that is refused stops
    nothing, and is tried again the next time. `"linked":true` makes a line succeed or fail with
    the next one. The exit status is 0 when every line is `ok` or `exists`.

    A file may be of any size. A dry run remembers all of it, in about a kilobyte a line.

    Example: `paywright ledger apply opening.jsonl --dry-run`
    """

    async def main(app: App) -> dict[str, Any]:
        if not 1 <= chunk <= _CHUNK_MAX:
            raise CommandFailed(f"--chunk must be from 1 to {_CHUNK_MAX}")
        books = SupposedBooks(app.db) if dry_run else RealBooks(app.db)
        counts = await _apply(books, file, chunk=chunk, as_json=as_json)
        return {"lines": counts.total(), "results": dict(counts), "dry_run": dry_run}

    summary = with_app(main)
    show_.print_summary(summary, as_json=as_json)
    sys.exit(0 if set(summary["results"]) <= {"ok", "exists"} else 1)


async def _apply(books: Books, file: str, *, chunk: int, as_json: bool) -> Counter[str]:
    """Tell of each line as soon as it is done; how many came to what."""
    counts: Counter[str] = Counter()
    why = system_cause()

    def cause() -> Cause:  # one request, as far as the log is concerned, at its own pace
        return msgspec.structs.replace(why, at=datetime.now(UTC))

    with _opened(file) as lines, _progress() as progress:
        size = os.fstat(lines.fileno()).st_size if file != "-" else None
        task = progress.add_task("applying", total=size)
        read = read_lines(lines, lambda count: progress.advance(task, count))
        async for results in apply_file(books, cause, read, chunk=chunk):
            for result in results:
                counts[result.result] += 1
                if as_json:
                    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
                elif not result.is_fine:
                    show_.print_failure(result)
            sys.stdout.flush()
    return counts


@contextmanager
def _opened(file: str) -> Generator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        lines = open(file, "rb")  # noqa: SIM115
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from error
    with closing(lines):
        yield lines


def _progress() -> Progress:
    """On a terminal; it is gone when the work is done."""
    return Progress(
        TextColumn("  {task.description:<18}"),
        BarColumn(bar_width=32),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
