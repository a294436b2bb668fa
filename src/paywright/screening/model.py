"""The nouns of screening."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class EntryKind(StrEnum):
    PERSON = "person"
    ORGANIZATION = "organization"
    VESSEL = "vessel"
    AIRCRAFT = "aircraft"
    UNKNOWN = "unknown"


class Alias(msgspec.Struct, frozen=True):
    """Another name of an entry. `is_weak`: the list itself says that it is broad, a nickname or
    not enough to go by alone."""

    name: str
    is_weak: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One listed person, company, vessel or aircraft, whatever the format it came in.

    id:          in its list, `306` or `NK-2VCT...`
    name:        as listed, surname first where the list has it so (`SURNAME, Given`)
    birth_dates: `1957`, `1957-10` or `1957-10-07`, as exact as the list knows
    countries:   ISO 3166-1 alpha-2, lower case: nationality, citizenship, residence, flag
    identifiers: passports, tax and registration numbers, IMO numbers, without spaces
    """

    list: str
    id: str
    kind: EntryKind
    name: str
    aliases: Sequence[Alias] = ()
    birth_dates: Sequence[str] = ()
    countries: Sequence[str] = ()
    identifiers: Sequence[str] = ()
    programs: Sequence[str] = ()
    remarks: str = ""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked for. All but the name only moves the score."""

    name: str
    kind: EntryKind = EntryKind.UNKNOWN
    birth_date: str | None = None
    countries: Sequence[str] = ()
    identifiers: Sequence[str] = ()


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that may be who was looked for.

    name:  of the entry, as listed; matched_name: the name or alias that came closest
    score: 0 to 1
    why:   what raised and what lowered the score, in words for an analyst
    """

    list: str
    entry_id: str
    name: str
    matched_name: str
    score: float
    why: Sequence[str] = ()
    programs: Sequence[str] = ()
