"""`paywright screen`: names against sanctions lists, those of the database or files."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from paywright.cli.console import CommandFailed, err, guarded, out, print_json, print_table
from paywright.cli.screen_files import Asked, read_entries, read_names, read_pairs
from paywright.cli.session import Json, with_app
from paywright.screening.compare import compare as compare_names
from paywright.screening.index import Index
from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.words import date_of
from paywright.screening.model import EntryKind, Match, Query
from paywright.settings import read_settings
from paywright.wiring import App

cli = Cli()

Lists = Annotated[
    list[Path] | None,
    Parameter(name="--list", negative=(), help="A list, as published. May be said again."),
]
_CHUNK = 50  # names between two looks at the screen


class Flat(msgspec.Struct, frozen=True):
    """A match, as `--json` prints it."""

    list: str
    id: str
    name: str
    matched_name: str
    score: float
    why: Sequence[str]


@cli.default
def screen(
    name: str | None = None,
    *,
    dob: Annotated[str | None, Parameter(help="Date of birth: 1957, 1957-10, 1957-10-07.")] = None,
    country: Annotated[
        list[str] | None, Parameter(negative=(), help="A country or its code. May be said again.")
    ] = None,
    kind: Annotated[EntryKind, Parameter(help="What the name names.")] = EntryKind.UNKNOWN,
    list_: Lists = None,
    batch: Annotated[
        Path | None,
        Parameter(help="Names, one a line, or a CSV with the columns name, dob, country."),
    ] = None,
    threshold: Annotated[
        float | None, Parameter(help="The least score of a match, 0 to 1.")
    ] = None,
    limit: Annotated[int, Parameter(help="So many matches at most, the best.")] = 10,
    as_json: Json = False,
) -> None:
    """Search sanctions lists for a name, or with --batch for many.

    Without --list the lists of the database are searched; with it only these files, and no
    database is needed. The exit status is 0 whether or not anything matches: read the JSON.
    With --batch and --json each name gives one line of JSON, in order.

    Example: `paywright screen "Zoltan Vexley" --dob 1957-10-07 --country ru --list sdn.csv`
    """

    def command() -> None:
        if (name is None) == (batch is None):
            raise CommandFailed("say a name, or --batch FILE")
        if limit < 1 or not 0 <= (threshold or 0) <= 1:
            raise CommandFailed("--limit must be at least 1, --threshold from 0 to 1")
        least = read_settings().screening_threshold if threshold is None else threshold
        if name is not None:
            asked = [Asked(_query(name, dob, country or [], kind))]
            index = _index(list_)
            _print_one(index.search(asked[0].query, threshold=least, limit=limit), as_json=as_json)
            return
        if batch is not None:
            index = _index(list_)
            _print_many(
                index, read_names(batch, kind=kind), least=least, limit=limit, as_json=as_json
            )

    _guarded(command)


@cli.command
def compare(
    a: str | None = None,
    b: str | None = None,
    *,
    kind: Annotated[EntryKind, Parameter(help="What both name.")] = EntryKind.UNKNOWN,
    batch: Annotated[
        Path | None,
        Parameter(help="A CSV of pairs: columns name1,name2 or a,b, else the first two."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how alike two names are, 0 to 1. Needs no database.

    With --batch it prints one score for each row, in order; with --json one object for each.

    Example: `paywright screen compare "Zoltan Vexley" "VEKSLI, Zoltan"`
    """

    def command() -> None:
        if batch is not None:
            for left, right in read_pairs(batch):
                score = round(compare_names(left, right, kind=kind).score, 4)
                _line({"a": left, "b": right, "score": score} if as_json else score)
            sys.stdout.flush()
            return
        if a is None or b is None:
            raise CommandFailed("say two names, or --batch FILE")
        compared = compare_names(a, b, kind=kind)
        if as_json:
            print_json(
                {"a": a, "b": b, "score": round(compared.score, 4), "why": list(compared.why)}
            )
        else:
            out.print(f"{compared.score:.4f}  {'; '.join(compared.why)}".rstrip(), markup=False)

    _guarded(command)


def _guarded(command: Callable[[], None]) -> None:
    """Whoever reads what is printed may stop when it has seen enough."""
    try:
        guarded(command)
    except BrokenPipeError:
        # The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _query(name: str, dob: str | None, countries: Sequence[str], kind: EntryKind) -> Query:
    date = None if dob is None else date_of(dob)
    if dob is not None and date is None:
        raise CommandFailed(f"--dob is no date: {dob}; 1957-10-07 is one")
    codes = countries_of(countries)
    if len(codes) < len(set(countries)):
        raise CommandFailed(f"--country is no country that is known: {', '.join(countries)}")
    return Query(name=name, kind=kind, birth_date=date, countries=codes)


def _index(files: Sequence[Path] | None) -> Index:
    if files:
        return Index(read_entries(files))

    async def main(app: App) -> Index:
        lists = await app.screener.refresh(app.db)
        if not lists.generation:
            raise CommandFailed("no list is loaded; `paywright lists load FILE`, or say --list")
        return lists.index

    return with_app(main)


def _print_one(matches: Sequence[Match], *, as_json: bool) -> None:
    if as_json:
        print_json({"matches": [_flat(match) for match in matches]})
    elif not matches:
        out.print("No match.")
    else:
        rows = [
            [f"{it.score:.2f}", f"{it.list} {it.entry_id}", it.name, it.matched_name,
             "; ".join(it.why)]
            for it in matches
        ]  # fmt: skip
        print_table("", ["Score", "Entry", "Name", "Matched name", "Why"], _escaped(rows))


def _print_many(
    index: Index, asked: Iterator[Asked], *, least: float, limit: int, as_json: bool
) -> None:
    done = 0
    with _progress() as progress:
        task = progress.add_task("")
        while chunk := list(islice(asked, _CHUNK)):
            queries = [it.query for it in chunk]
            found = index.search_many(queries, threshold=least, limit=limit)
            for it, matches in zip(chunk, found, strict=True):
                if as_json:
                    line = {"name": it.query.name, "matches": [_flat(m) for m in matches]}
                    _line(line | {"problem": it.problem} if it.problem else line)
                else:
                    best = matches[0] if matches else None
                    told = (
                        f"{best.score:.2f} {best.list} {best.entry_id} {best.name}" if best else "-"
                    )
                    sys.stdout.write(f"{it.query.name}\t{told}\n")
            sys.stdout.flush()
            done += len(chunk)
            progress.update(task, description=f"{done:,} names")


def _line(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _flat(match: Match) -> Flat:
    score = round(match.score, 4)
    return Flat(match.list, match.entry_id, match.name, match.matched_name, score, match.why)


def _escaped(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Names may have brackets, which would be taken for markup."""
    return [[cell.replace("[", "\\[") for cell in row] for row in rows]


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
