"""A name, taken apart: words with what they are and how much they say."""

from enum import StrEnum
from functools import lru_cache

import msgspec

from paywright.screening import words as lists
from paywright.screening.model import EntryKind
from paywright.screening.scripts import Script, Word
from paywright.screening.scripts import words as words_of
from paywright.screening.sounds import fold, skeleton


class PartKind(StrEnum):
    NAME = "name"
    COMMON = "common"
    ORGANISATION = "organisation"
    LEGAL = "legal form"
    TITLE = "title"
    PARTICLE = "particle"
    NUMBER = "number"
    INITIAL = "initial"


# How much a word tells, against a name that is not common. Chosen by hand, rounded: the order
# matters, the exact numbers hardly do.
WEIGHTS = {
    PartKind.NAME: 1.0,
    PartKind.COMMON: 0.8,
    PartKind.ORGANISATION: 0.6,
    PartKind.LEGAL: 0.02,
    PartKind.TITLE: 0.05,
    PartKind.PARTICLE: 0.05,
    PartKind.NUMBER: 0.25,
    PartKind.INITIAL: 0.4,
}
_SHORT_WEIGHT = 0.7
# A search gives so much of it to what a company does
_SEARCH_ORGANISATION = 0.25
_ROMAN = frozenset(
    ("ii", "iii", "iv", "vi", "vii", "viii", "ix", "xi", "xii", "xiii", "xiv", "xv", "xvi")
)


class Part(msgspec.Struct, frozen=True, gc=False):
    """One word of a name.

    fold: as it sounds, roughly; skeleton: its consonants, in classes; loose: fewer classes, for
    words that come from another script
    """

    text: str
    written: str
    kind: PartKind
    weight: float
    fold: str
    skeleton: str
    loose: str
    script: Script = Script.LETTERS
    is_capital: bool = False


class Name(msgspec.Struct, frozen=True, gc=False):
    """surname_count: how many parts stand before the comma, 0 without one."""

    parts: tuple[Part, ...]
    surname_count: int
    is_organisation: bool
    weight: float


def parse(name: str, kind: EntryKind = EntryKind.UNKNOWN) -> Name:
    """Take `name` apart. Never raises, never leaves a word out."""
    found, surname_count = words_of(name)
    is_person = kind is EntryKind.PERSON
    merged = found if is_person else _with_legal_phrases(found)
    parts = tuple(_split_servants([part_of(word) for word in merged]))
    if not any(part.weight >= WEIGHTS[PartKind.INITIAL] for part in parts):
        parts = tuple(_weighty(part) for part in parts)
    is_organisation = not is_person and any(
        part.kind in (PartKind.ORGANISATION, PartKind.LEGAL) for part in parts
    )
    return Name(
        parts=parts,
        surname_count=surname_count,
        is_organisation=is_organisation or kind is EntryKind.ORGANIZATION,
        weight=sum(part.weight for part in parts),
    )


def for_search(name: Name) -> Name:
    """The name as a search weighs it: a person looks at what is found, so what a company does
    tells it apart less than when two names are all there is."""
    if not any(part.kind is PartKind.ORGANISATION for part in name.parts):
        return name
    parts = tuple(_lighter(part) for part in name.parts)
    return msgspec.structs.replace(name, parts=parts, weight=sum(part.weight for part in parts))


def _lighter(part: Part) -> Part:
    if part.kind is not PartKind.ORGANISATION:
        return part
    return msgspec.structs.replace(part, weight=part.weight * _SEARCH_ORGANISATION)


def _with_legal_phrases(found: list[Word]) -> list[Word]:
    if len(found) < 2:
        return found
    texts = [word.text for word in found]
    kept: list[Word] = []
    at = 0
    while at < len(found):
        for phrase in lists.LEGAL_PHRASES:
            if texts[at] == phrase[0] and tuple(texts[at : at + len(phrase)]) == phrase:
                kept.extend(Word(text, text + ".") for text in phrase)
                at += len(phrase)
                break
        else:
            kept.append(found[at])
            at += 1
    return kept


@lru_cache(maxsize=100_000)
def part_of(word: Word) -> Part:
    kind = _kind(word)
    weight = WEIGHTS[kind]
    if kind is PartKind.NAME and len(word.text) < 3:
        weight = _SHORT_WEIGHT
    folded = fold(word.text)
    return Part(
        text=word.text,
        written=word.written,
        kind=kind,
        weight=weight,
        fold=folded,
        skeleton=skeleton(folded),
        loose=skeleton(folded, loose=True),
        script=word.script,
        is_capital=word.is_capital,
    )


# Later ones win: `co` is a legal form before it is anything else
_KNOWN = {
    text: kind
    for listed, kind in (
        (lists.COMMON_NAMES, PartKind.COMMON),
        (lists.ORGANISATION_WORDS, PartKind.ORGANISATION),
        (lists.TITLES, PartKind.TITLE),
        (lists.PARTICLES, PartKind.PARTICLE),
        (lists.LEGAL_FORMS, PartKind.LEGAL),
    )
    for text in listed
}
# Titles and common names in any spelling
_KNOWN_SOUNDS = {
    fold(text): kind
    for text, kind in _KNOWN.items()
    if kind in (PartKind.COMMON, PartKind.TITLE) and len(text) > 3
}


def _kind(word: Word) -> PartKind:
    text = word.text
    if text in _ROMAN or any(char.isdigit() for char in text):
        return PartKind.NUMBER
    if word.written.endswith("."):  # a part of a legal form of several words
        return PartKind.LEGAL
    known = _KNOWN.get(text) or _KNOWN_SOUNDS.get(fold(text), PartKind.NAME)
    return PartKind.INITIAL if known is PartKind.NAME and len(text) == 1 else known


def _weighty(part: Part) -> Part:
    """A name of nothing but weak words: they are the name."""
    return msgspec.structs.replace(part, weight=max(part.weight, 0.5))


_SERVANT = ("abdul", "abdel", "abdal", "abdol", "abdor", "abdur", "abdus", "abder")
_GOD = ("lah", "lla", "llah", "lahi")


def _split_servants(parts: list[Part]) -> list[Part]:
    """`Abdulrahman` is `Abdul Rahman`, `Alqaida` stays."""
    if not any(part.text.startswith("abd") and len(part.text) > 7 for part in parts):
        return parts
    split: list[Part] = []
    for part in parts:
        split.extend(_servant(part))
    return split


@lru_cache(maxsize=20_000)
def _servant(part: Part) -> tuple[Part, ...]:
    for prefix in _SERVANT:
        rest = part.text.removeprefix(prefix)
        if rest != part.text and len(rest) >= 3 and rest not in _GOD:
            return (part_of(Word("abdul", prefix)), part_of(Word(rest, rest)))
    return (part,)
