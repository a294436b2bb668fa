"""Files for `paywright screen`: lists, names and pairs of names."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from paywright.cli.console import CommandFailed, err
from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.formats import name_of, read_list
from paywright.screening.loaders.sources import opened, text_of
from paywright.screening.loaders.words import date_of, separated
from paywright.screening.model import Entry, EntryKind, Query

_NAME_COLUMNS = ("name", "query")
_DATE_COLUMNS = ("dob", "birth_date", "date_of_birth")
_COUNTRY_COLUMNS = ("country", "countries")
_PAIR_COLUMNS = (("name1", "name2"), ("a", "b"), ("name_a", "name_b"), ("left", "right"))


class Asked(msgspec.Struct, frozen=True):
    """One name of a file. `problem`: what of its row was passed over, empty when nothing was."""

    query: Query
    problem: str = ""


def read_entries(files: Sequence[Path]) -> list[Entry]:
    """The entries of all lists. What is damaged is told on stderr, and left out."""
    entries: list[Entry] = []
    for file in files:
        with opened(file) as source:
            parsed = read_list(source, name=name_of(source))
        if parsed.damaged:
            first = parsed.damaged[0]
            err.print(
                f"{file.name}: {len(parsed.damaged)} damaged rows, the first is row {first.row}: "
                f"{first.reason}",
                markup=False,
            )
        if not parsed.entries:
            raise CommandFailed(f"{file}: no entries")
        entries += parsed.entries
    return entries


def read_names(file: Path, *, kind: EntryKind) -> Iterator[Asked]:
    """One name a line; or a table with a header that has a column `name`, and maybe `dob` and
    `country`."""
    with opened(file) as source:
        lines = iter(text_of(source.main, look=source.look()))
        first = next(lines, None)
        if first is None:
            return
        delimiter, header = _header(first)
        if not set(header) & set(_NAME_COLUMNS):
            for line in chain([first], lines):
                yield Asked(Query(name=line.strip("\r\n"), kind=kind))
            return
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                cells = dict(zip(header, row, strict=False))
                yield _asked(cells, kind)


def read_pairs(file: Path) -> Iterator[tuple[str, str]]:
    """The columns name1 and name2, or a and b, of a table with a header; else the first two."""
    with opened(file) as source:
        lines = iter(text_of(source.main, look=source.look()))
        first = next(lines, None)
        if first is None:
            return
        delimiter, header = _header(first)
        known = [pair for pair in _PAIR_COLUMNS if set(pair) <= set(header)]
        left, right = (header.index(column) for column in known[0]) if known else (0, 1)
        rest = lines if known else chain([first], lines)
        for number, row in enumerate(csv.reader(rest, delimiter=delimiter), 1):
            if not row:
                continue
            if len(row) <= max(left, right):
                raise CommandFailed(f"{file}: row {number} has no second name")
            yield row[left], row[right]


def _header(line: str) -> tuple[str, list[str]]:
    delimiter = "\t" if "\t" in line else ","
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return delimiter, [cell.strip().lower() for cell in cells]


def _asked(cells: dict[str, str], kind: EntryKind) -> Asked:
    date_text, country_text = _cell(cells, _DATE_COLUMNS), _cell(cells, _COUNTRY_COLUMNS)
    date, countries = date_of(date_text), countries_of(separated(country_text))
    problems = []
    if date_text and date is None:
        problems.append(f"no date: {date_text}")
    if country_text and not countries:
        problems.append(f"no country: {country_text}")
    query = Query(name=_cell(cells, _NAME_COLUMNS), kind=kind, birth_date=date, countries=countries)
    return Asked(query, "; ".join(problems))


def _cell(cells: dict[str, str], columns: Sequence[str]) -> str:
    return next((cells[column].strip() for column in columns if cells.get(column)), "")
