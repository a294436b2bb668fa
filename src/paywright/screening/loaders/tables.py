"""Lists as tables with a header: OpenSanctions, BIS's denied persons, and one's own."""

import csv
import hashlib
from collections.abc import Iterator

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.parsed import Damage
from paywright.screening.loaders.sources import Source, text_of
from paywright.screening.loaders.words import dates_of, identifier_of, separated
from paywright.screening.model import Alias, Entry, EntryKind

# Addresses of one entry can fill pages; the reader's own limit is 128 KiB.
csv.field_size_limit(1 << 24)

_SCHEMAS = {
    "Person": EntryKind.PERSON,
    "Company": EntryKind.ORGANIZATION,
    "Organization": EntryKind.ORGANIZATION,
    "PublicBody": EntryKind.ORGANIZATION,
    "Vessel": EntryKind.VESSEL,
    "Airplane": EntryKind.AIRCRAFT,
}
OWN_COLUMNS = ("id", "name", "kind", "aliases", "birth_date", "country", "programs", "identifiers")


def read_opensanctions(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    """`targets.simple.csv`. Several values of a cell are divided by semicolons.

    Source: OpenSanctions documentation, "Simplified tabular format".
    """
    for number, row in _rows(source):
        if not row["id"] or not row["name"]:
            yield Damage(number, "no id or no name")
            continue
        yield Entry(
            list=list_name,
            id=row["id"],
            kind=_SCHEMAS.get(row.get("schema", ""), EntryKind.UNKNOWN),
            name=row["name"],
            aliases=[Alias(name) for name in separated(row.get("aliases"))],
            birth_dates=[d for text in separated(row.get("birth_date")) for d in dates_of(text)],
            countries=countries_of(separated(row.get("countries"))),
            identifiers=[identifier_of(text) for text in separated(row.get("identifiers"))],
            programs=separated(row.get("program_ids")) or separated(row.get("dataset")),
            remarks=row.get("sanctions", ""),
        )


def read_own(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    """One's own CSV: a header with some of OWN_COLUMNS, at least `id` and `name`.

    kind: person, organization, vessel, aircraft or unknown; the columns in the plural, birth_date
    and country take several values, divided by semicolons.
    """
    kinds = {kind.value: kind for kind in EntryKind} | {"": EntryKind.UNKNOWN}
    for number, row in _rows(source):
        kind = kinds.get(row.get("kind", "").lower())
        dates = separated(row.get("birth_date"))
        if not row["id"] or not row["name"]:
            yield Damage(number, "no id or no name")
        elif kind is None:
            yield Damage(number, f"kind is not one of {', '.join(EntryKind)}")
        elif not all(dates_of(text) for text in dates):
            yield Damage(number, "birth_date is not like 1957, 1957-10 or 1957-10-07")
        else:
            yield Entry(
                list=list_name,
                id=row["id"],
                kind=kind,
                name=row["name"],
                aliases=[Alias(name) for name in separated(row.get("aliases"))],
                birth_dates=[date for text in dates for date in dates_of(text)],
                countries=countries_of(separated(row.get("country"))),
                identifiers=[identifier_of(text) for text in separated(row.get("identifiers"))],
                programs=separated(row.get("programs")),
            )


def read_denied_persons(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    """The denied persons of the Bureau of Industry and Security: tabs between the cells, no ids.

    An order that has been published twice for one person is one entry.
    """
    seen: set[str] = set()
    for number, row in _rows(source, delimiter="\t"):
        name = row.get("name", "")
        if not name:
            yield Damage(number, "no name")
            continue
        about = "\n".join((name, row.get("effective_date", ""), row.get("street_address", "")))
        entry_id = "dpl-" + hashlib.sha256(about.encode()).hexdigest()[:16]
        if entry_id in seen:
            continue
        seen.add(entry_id)
        yield Entry(
            list=list_name,
            id=entry_id,
            kind=EntryKind.UNKNOWN,
            name=name,
            countries=countries_of([row.get("country")]),
            programs=["BIS-DPL"],
            remarks=f"Effective {row.get('effective_date')}, until {row.get('expiration_date')}. "
            f"{row.get('fr_citation', '')}".strip(),
        )


def _rows(source: Source, *, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by the names of its columns, in lower case, with its number; the header is row 1."""
    reader = csv.reader(text_of(source.main, look=source.look()), delimiter=delimiter)
    header = [column.strip().lower() for column in next(reader, [])]
    for number, row in enumerate(reader, 2):
        if any(row):
            cells = [cell.replace("\0", "").strip() for cell in row]
            # A short row lacks its last cells.
            yield number, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))
