"""OFAC's SDN_ADVANCED.XML: everything by number, the words in tables at the beginning.

Source: OFAC, "Advanced Sanctions List Standard", and its schema. The order in the file is:
reference values, locations, documents, parties, relations, then what each party is listed for.
"""

from collections import defaultdict
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.elements import pieces, text
from paywright.screening.loaders.parsed import Damage
from paywright.screening.loaders.sources import Source
from paywright.screening.loaders.words import identifier_of, unique, years
from paywright.screening.model import Alias, Entry, EntryKind

_LAST_NAMES = ("Last Name", "Patronymic", "Matronymic")
_FIRST_NAMES = ("First Name", "Middle Name", "Nickname")
_BORN = "Birthdate"
_NATIONS = ("Nationality Country", "Citizenship Country", "Nationality of Registration",
            "Vessel Flag", "Location", "Nationality", "Citizenship")  # fmt: skip
# Numbers of a thing itself, kept as features of it.
_NUMBERS = ("Vessel Call Sign", "MMSI", "BIK (RU)", "SWIFT/BIC", "D-U-N-S Number",
            "Aircraft Construction Number (also called L/N or S/N or F/N)",
            "Aircraft Manufacturer's Serial Number (MSN)", "Aircraft Tail Number")  # fmt: skip
_PROGRAM = "Program"


class _Words:
    """The tables at the beginning: what each number stands for."""

    def __init__(self, sets: Element) -> None:
        self.values: dict[str, dict[str, str]] = {
            table.tag.removesuffix("Values"): {
                value.get("ID", ""): (value.text or "").strip() for value in table
            }
            for table in sets
        }
        self._types = {
            value.get("ID", ""): value.get("PartyTypeID", "")
            for value in sets.iterfind("PartySubTypeValues/PartySubType")
        }

    def of(self, table: str, number: str | None) -> str:
        return self.values.get(table, {}).get(number or "", "")

    def kind(self, sub_type: str | None) -> EntryKind:
        """A vessel is a sub-type of its own; a person is an unknown one of the type Individual."""
        words = {self.of("PartySubType", sub_type)}
        words.add(self.of("PartyType", self._types.get(sub_type or "")))
        for word, kind in (
            ("Vessel", EntryKind.VESSEL),
            ("Aircraft", EntryKind.AIRCRAFT),
            ("Individual", EntryKind.PERSON),
            ("Entity", EntryKind.ORGANIZATION),
        ):
            if word in words:
                return kind
        return EntryKind.UNKNOWN


def read_ofac_advanced(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    words = None
    locations: dict[str, str] = {}
    documents: defaultdict[str, list[str]] = defaultdict(list)
    entries: list[Entry] = []
    programs: defaultdict[str, list[str]] = defaultdict(list)
    parts = ("ReferenceValueSets", "Location", "IDRegDocument", "DistinctParty", "SanctionsEntry")
    party = 0
    for element in pieces(source, *parts):
        if element.tag == "ReferenceValueSets":
            words = _Words(element)
        elif words is None:
            yield Damage(0, "no ReferenceValueSets at the beginning")
            return
        elif element.tag == "Location":
            locations[element.get("ID", "")] = _country(element, words)
        elif element.tag == "IDRegDocument":
            number = identifier_of(text(element, "IDRegistrationNo").removeprefix("IMO "))
            documents[element.get("IdentityID", "")].append(number)
        elif element.tag == "DistinctParty":
            party += 1
            yield_entry = _entry(element, words, locations, documents, list_name)
            if yield_entry is None:
                yield Damage(party, "a party without a name or a FixedRef")
            else:
                entries.append(yield_entry)
        else:
            programs[element.get("ProfileID", "")] += _programs(element, words)
    for entry in entries:
        yield msgspec.structs.replace(entry, programs=unique(programs.get(entry.id, ())))


def _entry(
    element: Element,
    words: _Words,
    locations: dict[str, str],
    documents: dict[str, list[str]],
    list_name: str,
) -> Entry | None:
    """A party. Its profile has the same number, and that is what the other files call it by."""
    profile = element.find("Profile")
    if profile is None:
        return None
    kind = words.kind(profile.get("PartySubTypeID"))
    primary, aliases = _names(profile, words)
    if primary is None and aliases:  # none is marked as the main one
        primary, aliases = aliases[0].name, aliases[1:]
    entry_id = profile.get("ID") or element.get("FixedRef", "")
    if not primary or not entry_id:
        return None
    dates: list[str] = []
    nations: list[str] = []
    numbers = [
        n for it in profile.iterfind("Identity") for n in documents.get(it.get("ID", ""), ())
    ]
    for feature in profile.iterfind("Feature"):
        what = words.of("FeatureType", feature.get("FeatureTypeID"))
        if what == _BORN:
            dates += [it for version in feature.iter("DatePeriod") for it in _span(version)]
        elif what in _NATIONS:
            nations += [
                locations.get(it.get("LocationID", ""), "")
                for it in feature.iter("VersionLocation")
            ]
            nations += [
                words.of("DetailReference", it.get("DetailReferenceID"))
                for it in feature.iter("VersionDetail")
            ]
        elif what in _NUMBERS:
            numbers += [identifier_of(it.text or "") for it in feature.iter("VersionDetail")]
    return Entry(
        list=list_name,
        id=entry_id,
        kind=kind,
        name=primary,
        aliases=aliases,
        birth_dates=unique(dates),
        countries=countries_of(nations),
        identifiers=unique(numbers),
        remarks=text(element, "Comment"),
    )


def _names(profile: Element, words: _Words) -> tuple[str | None, list[Alias]]:
    """The main name, and all others: an alias is documented once for each script."""
    primary: str | None = None
    others: list[Alias] = []
    for identity in profile.iterfind("Identity"):
        groups = {
            group.get("ID", ""): words.of("NamePartType", group.get("NamePartTypeID"))
            for group in identity.iter("NamePartGroup")
        }
        for alias in identity.iterfind("Alias"):
            is_weak = alias.get("LowQuality") == "true"
            for documented in alias.iterfind("DocumentedName"):
                name = _documented(documented, groups)
                if alias.get("Primary") == "true" and primary is None:
                    primary = name
                elif name:
                    others.append(Alias(name, is_weak=is_weak))
    return primary, [it for it in dict.fromkeys(others) if it.name != primary]


def _documented(documented: Element, groups: dict[str, str]) -> str:
    """`SURNAME, Given`; what is no name of a person is in one part."""
    parts = [
        (groups.get(value.get("NamePartGroupID", ""), ""), " ".join((value.text or "").split()))
        for value in documented.iter("NamePartValue")
    ]
    last = " ".join(part for kind, part in parts if kind in _LAST_NAMES)
    first = " ".join(part for kind, part in parts if kind in _FIRST_NAMES)
    if last or first:
        return ", ".join(filter(None, (last, first)))
    return " ".join(part for _, part in parts)


def _span(period: Element) -> list[str]:
    """A date of birth is a period: a day, a year from its first day to its last, or several."""
    first, last = _day(period, "Start/From"), _day(period, "End/To")
    if first is None:
        return []
    if last is None or first == last:
        return [_iso(first)]
    if first[0] != last[0]:
        return years(first[0], last[0])
    same_month = first[1] == last[1] and first[2] == 1 and last[2] >= 28
    return [f"{first[0]:04}-{first[1]:02}" if same_month else f"{first[0]:04}"]


def _day(period: Element, path: str) -> tuple[int, int, int] | None:
    found = [text(period, f"{path}/{unit}") for unit in ("Year", "Month", "Day")]
    if not found[0].isdecimal():
        return None
    year, month, day = (int(it) if it.isdecimal() else 0 for it in found)
    return year, month, day


def _iso(day: tuple[int, int, int]) -> str:
    year, month, number = day
    if not month:
        return f"{year:04}"
    return f"{year:04}-{month:02}-{number:02}" if number else f"{year:04}-{month:02}"


def _country(location: Element, words: _Words) -> str:
    for it in location.iterfind("LocationCountry"):
        return words.of("Country", it.get("CountryID"))
    for it in location.iterfind("LocationAreaCode"):
        return words.of("AreaCode", it.get("AreaCodeID"))
    return ""


def _programs(entry: Element, words: _Words) -> list[str]:
    return [
        text(measure, "Comment")
        for measure in entry.iterfind("SanctionsMeasure")
        if words.of("SanctionsType", measure.get("SanctionsTypeID")) == _PROGRAM
    ]
