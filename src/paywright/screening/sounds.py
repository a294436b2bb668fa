"""How a word sounds, near enough to find it in another spelling."""

import re
from functools import lru_cache

# Spellings of one sound, in Latin letters, as languages and offices write names. In this order.
_SPELLINGS = (
    ("tsch", "ch"), ("tsj", "ch"), ("tch", "ch"), ("sch", "sh"), ("tx", "ch"), ("cz", "ch"),
    ("dzh", "j"), ("dj", "j"), ("zh", "j"),
    ("ph", "f"), ("ck", "k"), ("kh", "h"), ("gh", "g"), ("th", "t"), ("dh", "d"),
    ("ou", "u"), ("oo", "u"), ("oe", "u"), ("ee", "i"), ("ie", "i"), ("ei", "i"), ("ey", "i"),
    ("ej", "i"),
    ("ay", "ai"), ("iy", "i"), ("yi", "i"), ("ij", "i"), ("aw", "au"),
    ("q", "k"), ("w", "v"), ("y", "i"), ("x", "ks"),
)  # fmt: skip
_SOFT_C = re.compile(r"c(?=[eiy])")
_HARD_C = re.compile(r"c(?!h)")
# `Rahmah` is `Rahma`
_SILENT_END = re.compile(r"(?<=.[aeiou])h$")
_DOUBLED = re.compile(r"(.)\1+")
# Classes of consonants that are taken for each other
_CLASSES = str.maketrans({"z": "s", "j": "c", "w": "v", "q": "k", "g": "k", "x": "s"})
_SILENT = re.compile(r"[aeiouyh]")
_LOOSE_SPELLINGS = (("tsh", "c"), ("ts", "c"), ("sh", "s"), ("ch", "c"), ("kh", "k"))
_LOOSE_CLASSES = str.maketrans(
    {"z": "s", "j": "c", "q": "k", "g": "k", "x": "s", "p": "b", "f": "b", "v": "b", "l": "r"}
)
_LOOSE_SILENT = re.compile(r"[aeiouyhw]")
_ABJAD_SPELLINGS = (
    ("tsh", "c"), ("ch", "c"), ("zh", "j"), ("kh", "k"), ("gh", "g"), ("th", "t"), ("dh", "d"),
    ("ou", "u"), ("oo", "u"), ("ee", "i"), ("sh", "s"),
)  # fmt: skip
# What a Latin spelling may stand for besides its usual letter: `ch` is German, French or Persian
_ABJAD_CHOICES = (("v", ("w",)), ("ch", ("h", "sh")), ("tz", ("ts",)), ("gh", ("q",)))
_ABJAD_CLASSES = str.maketrans(
    {"p": "b", "f": "b", "v": "b", "q": "k", "y": "i", "e": "i", "w": "u", "o": "u", "g": "j"}
)
_WEAK = re.compile(r"(?<=.)[aiuh]")
# Pinyin and Wade-Giles, and revised and older Korean spellings, as far as they are one
_CHINESE = (
    ("hs", "x"), ("zh", "c"), ("ch", "c"), ("q", "c"), ("j", "c"), ("ts", "z"), ("tz", "z"),
    ("b", "p"), ("d", "t"), ("g", "k"), ("nk", "ng"), ("ung", "ong"), ("ien", "ian"),
    ("ieh", "ie"), ("ueh", "ue"), ("ih", "i"), ("uo", "o"), ("ee", "i"), ("oo", "u"),
)  # fmt: skip
_KOREAN = (
    ("ch", "c"), ("j", "c"), ("ng", "q"), ("g", "k"), ("d", "t"), ("b", "p"), ("l", "r"),
    ("sh", "s"), ("oi", "oe"), ("ui", "i"), ("ee", "i"), ("oe", "ae"),
)  # fmt: skip
_KOREAN_VOWEL = re.compile(r"[eouw]*[ouw]+h?")


@lru_cache(maxsize=100_000)
def fold(text: str) -> str:
    """One spelling for the spellings of a sound: `Mahmoud` and `Mahmood` are `mahmud`."""
    for spelling, sound in _SPELLINGS:
        if spelling in text:
            text = text.replace(spelling, sound)
    if "c" in text:
        text = _HARD_C.sub("k", _SOFT_C.sub("s", text))
    text = _SILENT_END.sub("", text) if text[-1:] == "h" else text
    return _DOUBLED.sub(r"\1", text)


@lru_cache(maxsize=200_000)
def skeleton(folded: str, *, loose: bool = False) -> str:
    """The consonants of what `fold` gave, in classes. `loose`: as other scripts confuse them."""
    if not loose:
        merged = folded.replace("sh", "s").replace("ch", "c")
        return _DOUBLED.sub(r"\1", _SILENT.sub("", merged.translate(_CLASSES)))
    for spelling, sound in _LOOSE_SPELLINGS:
        folded = folded.replace(spelling, sound)
    return _DOUBLED.sub(r"\1", _LOOSE_SILENT.sub("", folded).translate(_LOOSE_CLASSES))


@lru_cache(maxsize=100_000)
def abjad(text: str) -> tuple[str, str]:
    """Letters and consonants as Arabic and Hebrew keep them apart: b, f, p and v, and g and j are
    one, and a vowel counts at the beginning only."""
    for spelling, letter in _ABJAD_SPELLINGS:
        if spelling in text:
            text = text.replace(spelling, letter)
    letters = _DOUBLED.sub(r"\1", text.translate(_ABJAD_CLASSES))
    if letters[:1] in ("i", "u"):
        letters = "a" + letters[1:]
    return letters, _WEAK.sub("", letters)


@lru_cache(maxsize=100_000)
def abjads(text: str) -> tuple[tuple[str, str], ...]:
    """`abjad` of what a word in Latin letters may stand for, in several languages."""
    texts = [_HARD_C.sub("k", text)]
    for spelling, letters in _ABJAD_CHOICES:
        if spelling in text:
            texts += [found.replace(spelling, letter) for found in texts for letter in letters]
    return tuple(dict.fromkeys(map(abjad, texts)))


@lru_cache(maxsize=50_000)
def chinese(text: str) -> str:
    """A Chinese name in Latin letters: one spelling for those of two systems."""
    if text[:1] == "c" and text[:2] != "ch":
        text = "ts" + text[1:]
    for spelling, sound in _CHINESE:
        text = text.replace(spelling, sound)
    return text


@lru_cache(maxsize=50_000)
def korean(text: str) -> str:
    """A Korean name in Latin letters: one spelling for those of several systems."""
    for spelling, sound in _KOREAN:
        text = text.replace(spelling, sound)
    return _KOREAN_VOWEL.sub("o", text)
