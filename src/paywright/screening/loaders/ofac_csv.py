"""OFAC's tables: sdn.csv or cons_prim.csv, with the files of other names, addresses and remarks.

They have no header, and `-0-` stands for nothing. Columns: ent_num, name, type, program, title,
call sign, vessel type, tonnage, GRT, flag, owner, remarks.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.parsed import Damage
from paywright.screening.loaders.remarks import read_remarks
from paywright.screening.loaders.sources import Source, text_of
from paywright.screening.loaders.words import unique
from paywright.screening.model import Alias, Entry, EntryKind

_KINDS = {
    "individual": EntryKind.PERSON,
    "vessel": EntryKind.VESSEL,
    "aircraft": EntryKind.AIRCRAFT,
    "": EntryKind.ORGANIZATION,
    "entity": EntryKind.ORGANIZATION,
}
_COLUMNS = 12
_END_OF_FILE = "\x1a"  # the files of OFAC end as those of DOS did


def read_ofac_csv(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    names = _by_entry(source, "alt", column=3)
    countries = _by_entry(source, "add", column=4)
    comments = _by_entry(source, "comments", column=1)
    for number, row in enumerate(csv.reader(text_of(source.main, look=source.look())), 1):
        cells = [_cell(cell) for cell in row]
        if not any(cells):
            continue
        if len(cells) < _COLUMNS or not cells[0].isdecimal() or not cells[1]:
            yield Damage(number, f"{len(cells)} columns, number {cells[0][:20]!r}")
            continue
        entry_id = cells[0]
        # The comments go on where the remarks broke off.
        remarks = cells[11] + "".join(comments.get(entry_id, ()))
        known = read_remarks(remarks)
        yield Entry(
            list=list_name,
            id=entry_id,
            kind=_KINDS.get(cells[2].lower(), EntryKind.UNKNOWN),
            name=cells[1],
            aliases=[
                *(Alias(name) for name in unique(names.get(entry_id, ()))),
                *(Alias(name, is_weak=True) for name in known.weak_aliases),
            ],
            birth_dates=known.birth_dates,
            countries=list(
                dict.fromkeys(
                    [*known.countries, *countries_of([cells[9], *countries.get(entry_id, ())])]
                )
            ),
            identifiers=known.identifiers,
            programs=unique(cells[3].replace("] [", ";").strip("[]").split(";")),
            remarks=remarks,
        )


def _by_entry(source: Source, part: str, *, column: int) -> dict[str, list[str]]:
    """The values of one column of a file beside, by the number of the entry."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    if part in source.beside:
        for row in csv.reader(text_of(source.beside[part])):
            if len(row) > column and (value := _cell(row[column])):
                found[_cell(row[0])].append(value)
    return found


def _cell(text: str) -> str:
    text = text.replace("\0", "").strip().strip(_END_OF_FILE)
    return "" if text == "-0-" else text
