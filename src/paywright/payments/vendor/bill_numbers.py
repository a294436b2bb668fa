"""The numbers of bills, as people write them: read, made comparable, and compared. Pure.

One bill is entered twice by two people, or from a paper and from an email: INV-0042, `inv 42`,
2026-0042, 42-copy, INV-OO42. Numbers that follow each other are two bills.
"""

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from itertools import takewhile

import msgspec
from rapidfuzz.distance import OSA

_KEY_MAX = 64
# What a bill is called, in front of its number or behind it: no part of the number.
_WORDS = frozenset(
    (
        *("invoice", "inv", "bill", "number", "num", "nr", "no", "nbr", "ref", "re", "rg"),
        *("rechnung", "rechnungsnummer", "facture", "fact", "fac", "fa", "factura", "fattura"),
        *("faktura", "factuur", "of", "the"),
    )
)
_COPIES = frozenset(
    (
        "copy",
        "dup",
        "duplicate",
        "duplicated",
        "kopie",
        "copie",
        "copia",
        "reprint",
        "resent",
        "bis",
    )
)
# Cyrillic and Greek letters that look like Latin ones or like digits.
_LOOK_ALIKES = str.maketrans("аеорсхіізοια", "aeopcxii3oia")
# Marks on letters, and what is not seen at all: neither is a part of a number.
_UNSEEN = frozenset(("Mn", "Me", "Cf"))
_AS_DIGITS = str.maketrans("oil", "011")
_RUN = re.compile(r"[a-z0-9]+")
# Digits, with the letters that people read or type for 0 and 1 among them.
_DIGITS = re.compile(r"[0-9oil]*[0-9][0-9oil]*")
_YEAR = re.compile(r"20[0-6][0-9]|19[89][0-9]")
_NEXT = 20  # one vendor's bills of a few days
_TYPO_DIGITS = 4  # of shorter numbers any two are a digit apart


class Likeness(Enum):
    """How two numbers are related, the closest first."""

    SAME = "same"
    WRITTEN = "written"  # in another way, and it is the same
    PART = "part"  # but for an ending: 42 and 42/A
    TYPO = "typo"  # one slip of the fingers
    NEXT = "next"  # they follow each other
    FORM = "form"  # quite another kind of number
    OTHER = "other"


class Number(msgspec.Struct, frozen=True):
    """A number, taken apart.

    plain:   its letters and digits
    letters: in front of the digits, without words for a bill
    year:    "" where none is told from the rest
    raw:     the groups of digits; groups: the same without leading zeros
    ending:  letters behind the digits
    """

    plain: str
    letters: str
    year: str
    raw: tuple[str, ...]
    groups: tuple[str, ...]
    ending: str
    is_copy: bool


def bill_key(number: str) -> str:
    """What is the same for most ways to write one number, 1 to 64 characters: INV-0042 is 42."""
    read = read_number(number)
    return ("-".join(read.groups) or read.letters or read.plain or number.strip() or "-")[:_KEY_MAX]


def families(number: str) -> tuple[str, ...]:
    """What a number has in common with all that it may be the same as but for a slip, so that one
    look finds them, 1 to 64 characters: 10025, INV-10052 and 10025-1 are of the family 00125.

    The first is its own: its last digits in order, so that none has a place, without an ending of
    one digit. There is a second one where the first digits may have changed places and the zero
    that came to stand in front is gone: 0125, of 1025.
    """
    groups = read_number(number).groups
    if not groups:
        return (bill_key(number),)
    *head, last = groups if len(groups) == 1 or len(groups[-1]) > 1 else groups[:-1]
    found = [(*head, last)]
    if len(last) >= _TYPO_DIGITS and last[1] == "0":
        found.append((*head, (last[0] + last[2:]).lstrip("0")))
    return tuple([_family(it) for it in found])


def _family(groups: tuple[str, ...]) -> str:
    *head, last = groups
    if len(last) >= _TYPO_DIGITS:
        last = "".join(sorted(last))
    return "-".join((*head, last))[:_KEY_MAX]


@lru_cache(20_000)
def read_number(number: str) -> Number:
    text = number.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", number).lower().translate(_LOOK_ALIKES)
        text = "".join(_digit(it) for it in text if unicodedata.category(it) not in _UNSEEN)
    letters, raw, ending = "", [], ""
    is_copy = False
    for run in _RUN.findall(text):
        for word, is_number in _parts(run):
            if is_number:
                raw.append(word)
            elif word in _COPIES:
                is_copy = True
            elif word in _WORDS:
                continue
            elif raw:
                ending += word
            else:
                letters += word
    year, raw = _year_of(raw)
    groups = tuple(it.lstrip("0") or "0" for it in raw)
    plain = "".join(_RUN.findall(text)) or text
    return Number(plain, letters, year, tuple(raw), groups, ending, is_copy)


def _digit(char: str) -> str:
    """Of any script, as ours."""
    value = unicodedata.digit(char, -1)
    return char if value < 0 else str(value)


def _parts(run: str) -> list[tuple[str, bool]]:
    """The words and numbers of letters and digits without anything between; whether a number."""
    word = "".join(takewhile(str.isalpha, run))
    found = []
    # The word first: the letters of `bill42` are none of its digits.
    begins = _KNOWN.match(word)
    known = word if word in _WORDS else begins[0] if begins else ""
    if known and len(known) < len(run) and _DIGITS.fullmatch(run[len(known) :]):
        found.append((known, False))
        run = run[len(known) :]
    end = 0
    for match in _DIGITS.finditer(run):
        if match.start() > end:
            found.append((run[end : match.start()], False))
        # Letters at the very end are an ending, 42i, unless they stand between digits.
        digits = match[0]
        core = digits if len(digits) < 2 or digits[0] in "oil" else digits.rstrip("il")
        found.append((core.translate(_AS_DIGITS), True))
        if core != digits:
            found.append((digits[len(core) :], False))
        end = match.end()
    if end < len(run):
        found.append((run[end:], False))
    return found


_KNOWN = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))


def _year_of(raw: list[str]) -> tuple[str, list[str]]:
    """The year before or behind a number, 2026-0042, 42/2026 or 20260042; and the rest."""
    if len(raw) > 1:
        for at in (0, -1):
            if _YEAR.fullmatch(raw[at]):
                year = raw[at]
                return year, (raw[1:] if at == 0 else raw[:-1])
    elif raw and 7 <= len(raw[0]) <= 9 and _YEAR.match(raw[0]):
        return raw[0][:4], [raw[0][4:]]
    return "", raw


def likeness(mine: Number, other: Number) -> tuple[Likeness, str]:
    """How two numbers are related, and that in words."""
    if mine.plain == other.plain:
        return Likeness.SAME, "same number"
    if _apart(mine.year, other.year) or _apart(mine.letters, other.letters):
        return Likeness.OTHER, "another number"
    if mine.groups == other.groups:
        return _written(mine, other)
    return _near(mine.groups, other.groups) or _unrelated(mine, other)


def _apart(mine: str, other: str) -> bool:
    """Both have it, and it differs."""
    return bool(mine and other) and mine != other


_WRITTEN = (
    ("is_copy", "same number, marked as a copy"),
    ("year", "same number but for the year"),
    ("letters", "same number but for the letters before it"),
    ("raw", "same number but for a leading zero"),
)


def _written(mine: Number, other: Number) -> tuple[Likeness, str]:
    """Of the same digits."""
    if not mine.groups and (mine.letters != other.letters or not mine.letters):
        return Likeness.OTHER, "another number"
    if mine.ending != other.ending:
        if mine.ending and other.ending:
            return Likeness.OTHER, "another part of the same number"
        return Likeness.PART, f"same number but for the ending {mine.ending or other.ending}"
    for field, words in _WRITTEN:
        if getattr(mine, field) != getattr(other, field):
            return Likeness.WRITTEN, words
    return Likeness.WRITTEN, "same number, written in another way"


def _near(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[Likeness, str] | None:
    """Of digits that differ; None: they have nothing in common."""
    longer, shorter = sorted((one, two), key=len, reverse=True)
    if shorter and longer[:-1] == shorter and len(longer[-1]) == 1:
        return Likeness.PART, f"same number but for the ending {longer[-1]}"
    if len(longer) == len(shorter) and longer[:-1] == shorter[:-1]:
        return _slip(longer[-1], shorter[-1])
    return None


def _unrelated(mine: Number, other: Number) -> tuple[Likeness, str]:
    one, two = mine.groups, other.groups
    is_of_one_form = (
        len(one) == len(two)
        and bool(mine.letters) == bool(other.letters)
        and (not one or abs(len(one[-1]) - len(two[-1])) <= 1)
    )
    if is_of_one_form:
        return Likeness.OTHER, "another number"
    return Likeness.FORM, "a number of another form"


def _slip(one: str, two: str) -> tuple[Likeness, str] | None:
    """Of two runs of digits that differ; None: they have nothing in common."""
    is_near = min(len(one), len(two)) >= _TYPO_DIGITS and (
        OSA.distance(one, two, score_cutoff=1) == 1
    )
    if is_near and is_swapped(one, two):
        return Likeness.TYPO, "same number but for two digits that changed places"
    if abs(int(one[-18:]) - int(two[-18:])) <= _NEXT and abs(len(one) - len(two)) <= 1:
        return Likeness.NEXT, "a number close by"
    if is_near and len(one) == len(two):
        return Likeness.TYPO, "same number but for one digit"
    if is_near:
        return Likeness.TYPO, "same number but for a digit too many"
    return None


def is_swapped(one: str, two: str) -> bool:
    """Whether two neighbours changed places, and nothing else differs."""
    if len(one) != len(two):
        return False
    differ = [i for i in range(len(one)) if one[i] != two[i]]
    return (
        len(differ) == 2
        and differ[1] == differ[0] + 1
        and one[differ[0]] == two[differ[1]]
        and one[differ[1]] == two[differ[0]]
    )
