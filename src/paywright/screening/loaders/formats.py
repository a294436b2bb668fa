"""Find out what a file is by looking at its beginning, and read it."""

import csv
import re
from collections.abc import Callable, Iterator

from paywright.screening.loaders.ofac_advanced import read_ofac_advanced
from paywright.screening.loaders.ofac_csv import read_ofac_csv
from paywright.screening.loaders.ofac_xml import read_ofac_xml
from paywright.screening.loaders.parsed import Damage, ListUnreadable, Parsed
from paywright.screening.loaders.sources import Source
from paywright.screening.loaders.tables import (
    OWN_COLUMNS,
    read_denied_persons,
    read_opensanctions,
    read_own,
)
from paywright.screening.loaders.un_xml import read_un_xml
from paywright.screening.model import Entry

Reader = Callable[[Source, str], Iterator[Entry | Damage]]

READERS: dict[str, Reader] = {
    "ofac-csv": read_ofac_csv,
    "ofac-xml": read_ofac_xml,
    "ofac-advanced-xml": read_ofac_advanced,
    "un-xml": read_un_xml,
    "opensanctions": read_opensanctions,
    "bis-dpl": read_denied_persons,
    "csv": read_own,
}
_ROOTS = {
    b"sdnList": "ofac-xml",
    b"Sanctions": "ofac-advanced-xml",
    b"CONSOLIDATED_LIST": "un-xml",
}
_ROOT = re.compile(rb"<(?:\w+:)?([A-Za-z_]+)[\s>]")
_CHANGED = re.compile(r"[^a-z0-9]+")


def format_of(source: Source) -> str:
    """The name of the format. Raises ListUnreadable."""
    head = source.look()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        root = _ROOT.search(start)
        if root and root[1] in _ROOTS:
            return _ROOTS[root[1]]
        raise ListUnreadable(f"{source.name}: XML, but no list that is known")
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    first = start.decode(encoding, "replace").splitlines()[:1] if start else []
    line = (first[0] if first else "").removeprefix("\ufeff")
    tabs = {cell.strip('" ').lower() for cell in line.split("\t")}
    if {"name", "effective_date"} <= tabs:
        return "bis-dpl"
    cells = [cell.strip().lower() for cell in next(csv.reader([line]), [])]
    if {"id", "schema", "name"} <= set(cells):
        return "opensanctions"
    if {"id", "name"} <= set(cells):
        return "csv"
    if len(cells) >= 12 and cells[0].isdecimal():
        return "ofac-csv"
    raise ListUnreadable(
        f"{source.name}: no list that is known; a CSV of your own begins with a line of the "
        f"columns {','.join(OWN_COLUMNS)}"
    )


def name_of(source: Source) -> str:
    """What a list is called unless somebody says: its file's name, as far as a name may have it."""
    stem = source.name.lower().rpartition(".")[0] or source.name.lower()
    return _CHANGED.sub("-", stem).strip("-")[:64] or "list"


def read_list(source: Source, *, name: str, format: str | None = None) -> Parsed:
    """All entries of a list. Raises ListUnreadable and ListTooLarge.

    Of two entries with one id the second counts as damaged.
    """
    if format is not None and format not in READERS:
        raise ListUnreadable(f"no format {format}; known are {', '.join(READERS)}")
    found = format or format_of(source)
    entries: dict[str, Entry] = {}
    damaged: list[Damage] = []
    try:
        for number, it in enumerate(READERS[found](source, name), 1):
            if isinstance(it, Damage):
                damaged.append(it)
            elif it.id in entries:
                damaged.append(Damage(number, f"the id {it.id[:40]!r} is used twice"))
            else:
                entries[it.id] = it
    except (csv.Error, EOFError, KeyError, OSError, UnicodeError) as error:
        raise ListUnreadable(f"{source.name}: {type(error).__name__} {error}") from None
    return Parsed(format=found, entries=list(entries.values()), damaged=damaged)
