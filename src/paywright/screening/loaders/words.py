"""Small things that every list writes in its own way: dates, identifiers, several values."""

import csv
import re
from collections.abc import Iterable

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ISO = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_WORDED = re.compile(r"(?:(?:(\d{1,2})\s+)?([A-Za-z]{3})[a-z]*\.?\s+)?(\d{4})")
_YEARS = re.compile(r".*?(\d{4})\s*(?:to|-)\s*.*?(\d{4})")
_YEARS_MAX = 15  # a wider span says nothing
_NOT_IDENTIFYING = re.compile(r"[\s./\\-]+")


def date_of(text: str) -> str | None:
    """`1957`, `1957-10` or `1957-10-07` of the same, or of `7 Oct 1957`, `Oct 1957`, `circa 1957`;
    None for what is no date."""
    text = text.strip().removeprefix("circa").removeprefix("approximately").strip()
    if match := _ISO.match(text):
        year, month, day = match.groups()
        return _joined(int(year), int(month or 0), int(day or 0))
    if match := _WORDED.match(text):
        day, month, year = match.groups()
        number = _MONTHS.get((month or "").lower(), 0)
        return _joined(int(year), number, int(day or 0) if number else 0)
    return None


def dates_of(text: str) -> list[str]:
    """The same, of a span too: `1957 to 1959` is three years."""
    if match := _YEARS.fullmatch(text.strip()):
        return years(int(match[1]), int(match[2]))
    date = date_of(text)
    return [] if date is None else [date]


def years(first: int, last: int) -> list[str]:
    """Every year of a span; none of one that is too wide to tell people apart."""
    return [f"{it:04}" for it in range(first, last + 1)] if last - first <= _YEARS_MAX else []


def _joined(year: int, month: int, day: int) -> str:
    if not 1 <= month <= 12:
        return f"{year:04}"
    return f"{year:04}-{month:02}-{day:02}" if 1 <= day <= 31 else f"{year:04}-{month:02}"


def identifier_of(text: str) -> str:
    """Without spaces and marks: lists and people write them differently."""
    return _NOT_IDENTIFYING.sub("", text).upper()


def separated(text: str | None) -> list[str]:
    """The values of a cell: `a;b`, or `"a;b";"c"` where a value has a semicolon."""
    if not text or not text.strip():
        return []
    if '"' in text:
        values = next(csv.reader([text.replace("\n", " ")], delimiter=";", skipinitialspace=True))
    else:
        values = text.split(";")
    return unique(values)


def unique(values: Iterable[str]) -> list[str]:
    """In order, each once, none empty."""
    return list(dict.fromkeys(filter(None, (value.strip() for value in values))))
