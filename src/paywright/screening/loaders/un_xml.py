"""The consolidated list of the United Nations Security Council.

Source: the list's own schema, sc-sanctions.xsd. Given names come first.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.elements import pieces, text, texts
from paywright.screening.loaders.parsed import Damage
from paywright.screening.loaders.sources import Source
from paywright.screening.loaders.words import date_of, identifier_of, unique, years
from paywright.screening.model import Alias, Entry, EntryKind

_NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_NUMBER = re.compile(r"\b(?:[A-Z]{1,3}[ -]?)?\d{5,}[\w/-]*")
_WEAK = ("low", "lo")


def read_un_xml(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    for number, element in enumerate(pieces(source, "INDIVIDUAL", "ENTITY"), 1):
        name = " ".join(filter(None, (text(element, part) for part in _NAME_PARTS)))
        entry_id = text(element, "DATAID")
        if not name or not entry_id:
            yield Damage(number, "no name or no DATAID")
            continue
        kind = EntryKind.PERSON if element.tag == "INDIVIDUAL" else EntryKind.ORGANIZATION
        yield Entry(
            list=list_name,
            id=entry_id,
            kind=kind,
            name=name,
            aliases=_aliases(element),
            birth_dates=unique(d for it in element.findall("*") for d in _dates(it)),
            countries=countries_of(
                [
                    *texts(element, "NATIONALITY/VALUE"),
                    *texts(element, f"{element.tag}_ADDRESS/COUNTRY"),
                ]
            ),
            identifiers=_identifiers(texts(element, "INDIVIDUAL_DOCUMENT/NUMBER")),
            programs=unique([text(element, "UN_LIST_TYPE")]),
            remarks=". ".join(
                filter(None, (text(element, "REFERENCE_NUMBER"), text(element, "COMMENTS1")))
            ),
        )


def _identifiers(documents: list[str]) -> list[str]:
    """Some are written as sentences: `Afghan passport number XA123456, issued …`."""
    found: list[str] = []
    for document in documents:
        numbers = _NUMBER.findall(document) if len(document.split()) > 2 else [document]
        found += [identifier_of(number) for number in numbers]
    return unique(found)


def _aliases(element: Element) -> list[Alias]:
    found = [Alias(name) for name in texts(element, "NAME_ORIGINAL_SCRIPT")]
    for it in element.findall(f"{element.tag}_ALIAS"):
        is_weak = text(it, "QUALITY").lower() in _WEAK
        # Some hold several names in one.
        names = unique(text(it, "ALIAS_NAME").split(";"))
        found += [Alias(name, is_weak=is_weak) for name in names]
    return list(dict.fromkeys(found))


def _dates(element: Element) -> list[str]:
    if element.tag != "INDIVIDUAL_DATE_OF_BIRTH":
        return []
    date = date_of(text(element, "DATE"))
    if date is not None:
        # An approximate date is known to the year.
        return [date[:4] if text(element, "TYPE_OF_DATE").startswith("APPROX") else date]
    first, last = text(element, "FROM_YEAR"), text(element, "TO_YEAR")
    if first.isdecimal() and last.isdecimal():
        return years(int(first), int(last))
    return [year for year in (text(element, "YEAR"), first, last) if len(year) == 4]
