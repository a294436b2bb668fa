"""What is known besides the name: it raises or lowers the score that the name gave."""

import re
from collections.abc import Sequence

from paywright.screening.model import Entry, EntryKind, Query

# A share of what is missing to 1 when raised, a share of the score when lowered. Chosen by hand:
# a birth date is worth more than a country, and lists are wrong about years more often than about
# who somebody is.
_SAME_DAY = 0.35
_SAME_YEAR = 0.1
_SAME_COUNTRY = 0.1
_OTHER_DAY = 0.05
_NEAR_YEAR = 0.08
_OTHER_YEAR = 0.3
_OTHER_COUNTRY = 0.06
_OTHER_KIND = 0.25
_NEAR_YEARS = 2
_IDENTIFIER_MIN = 4
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_NOT_SIGNS = re.compile(r"[^0-9A-Z]")
_BODIES = (EntryKind.VESSEL, EntryKind.AIRCRAFT)


def identifier(text: str) -> str | None:
    """As identifiers are compared: capitals and digits. None when too short to tell."""
    signs = _NOT_SIGNS.sub("", text.upper())
    return signs if len(signs) >= _IDENTIFIER_MIN else None


def most_raised(query: Query) -> float:
    """The most that evidence adds, as a share of what is missing to 1."""
    birth = _SAME_DAY if query.birth_date else 0.0
    country = _SAME_COUNTRY if query.countries else 0.0
    return 1 - (1 - birth) * (1 - country)


def needed(threshold: float, entry: Entry, query: Query) -> float:
    """The score that the name has to have for `entry` to reach `threshold`."""
    lowest, highest = weigh(0.0, entry, query)[0], weigh(1.0, entry, query)[0]
    return (threshold - lowest) / (highest - lowest) if highest > lowest else 0.0


def weigh(score: float, entry: Entry, query: Query) -> tuple[float, list[str]]:
    """The score of the name, with what else is known, and why. 0 to 1.

    An identifier in common decides: the score is 1 whatever the name.
    """
    if share_identifier(entry, query):
        return 1.0, ["an identifier in common"]
    why: list[str] = []
    for change, told in (_birth(entry, query), _country(entry, query), _kind(entry, query)):
        if told:
            why.append(told)
            score = score + (1 - score) * change if change > 0 else score * (1 + change)
    return score, why


def share_identifier(entry: Entry, query: Query) -> bool:
    if not query.identifiers or not entry.identifiers:
        return False
    known = {identifier(text) for text in entry.identifiers} - {None}
    return any(identifier(text) in known for text in query.identifiers)


def _birth(entry: Entry, query: Query) -> tuple[float, str]:
    if not query.birth_date or not entry.birth_dates:
        return 0.0, ""
    found = [_dates(query.birth_date, listed) for listed in entry.birth_dates]
    return max((one for one in found if one), default=(0.0, ""))


def _dates(asked: str, listed: str) -> tuple[float, str] | None:
    """None if one of them is no date."""
    one, other = _DATE.match(asked), _DATE.match(listed)
    if one is None or other is None:
        return None
    if one[1] == other[1]:
        return _same_year(one.groups(), other.groups())
    years = abs(int(one[1]) - int(other[1]))
    if years <= _NEAR_YEARS:
        return -_NEAR_YEAR, "born a year or two apart"
    return -_OTHER_YEAR, "born in another year"


def _same_year(one: Sequence[str | None], other: Sequence[str | None]) -> tuple[float, str]:
    (_, month, day), (_, other_month, other_day) = one, other
    if not (month and other_month):
        return _SAME_YEAR, "born in the same year"
    if not (day and other_day):
        if month == other_month:
            return _SAME_YEAR, "born in the same month"
        return -_OTHER_DAY, "born in another month of the same year"
    if (month, day) == (other_month, other_day):
        return _SAME_DAY, "born on the same day"
    if (month, day) == (other_day, other_month):
        return _SAME_YEAR, "born on the same day, with day and month exchanged"
    return -_OTHER_DAY, "born on another day of the same year"


def _country(entry: Entry, query: Query) -> tuple[float, str]:
    asked = {country.lower() for country in query.countries}
    listed = {country.lower() for country in entry.countries}
    if not asked or not listed:
        return 0.0, ""
    if asked & listed:
        return _SAME_COUNTRY, "a country in common"
    return -_OTHER_COUNTRY, "no country in common"


def _kind(entry: Entry, query: Query) -> tuple[float, str]:
    if EntryKind.UNKNOWN in (entry.kind, query.kind) or entry.kind is query.kind:
        return 0.0, ""
    if entry.kind in _BODIES and query.kind in _BODIES:
        return 0.0, ""
    return -_OTHER_KIND, f"listed as {entry.kind.value}"
