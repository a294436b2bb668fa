"""Any script to plain Latin words.

`anyascii` knows a spelling for every character. What it does not know is put right here: Han and
Hangul have no spaces between the parts of a name, Arabic and Hebrew write few vowels, and letters
are sometimes drawn with digits.
"""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

import msgspec
from anyascii import anyascii

# U+FB50 to U+FEFC are the drawn forms of Arabic letters; NFKC has replaced them already.
_ABJAD = re.compile(r"[\u0590-\u05ff\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]")
# Waw is a vowel more often than not
_HEBREW = str.maketrans({"\u05d5": "w", "\u05d8": "t", "\u05e7": "k", "\u05db": "k", "\u05da": "k"})
# Letters that only Persian and its neighbours write, and those that it speaks in its own way:
# zad, za, zal and se
_PERSIAN_ONLY = re.compile(r"[\u067e\u0686\u0698\u06af\u06a9\u06cc]")
_PERSIAN = str.maketrans({"\u0636": "z", "\u0638": "z", "\u0630": "z", "\u062b": "s"})
# Alef and ayin, in Arabic and Hebrew: a vowel at the beginning of a word, whichever
_VOWEL_FIRST = re.compile(r"[\u0622-\u0625\u0627\u0639\u05d0\u05e2]")
# He after a consonant that it would change the sound of in Latin letters: z and h are not zh
_HE = re.compile(
    r"(?<=[\u062f\u0632\u0633\u0635\u0636\u0637\u062a\u0643\u06a9\u06af])\u0647"
    r"|(?<=[\u05d3\u05d6\u05d8\u05e1\u05e7\u05ea])\u05d4"
)
# Latin, Greek, Cyrillic, Armenian, Georgian
_LETTERS = re.compile(r"[\u0000-\u058f\u10a0-\u10ff\u1e00-\u1fff]")
_GREEK = (("ου", "u"), ("ντ", "d"), ("μπ", "b"), ("γκ", "g"), ("Ου", "U"), ("Ντ", "D"), ("Μπ", "B"))  # noqa: RUF001
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
# Joiners, direction marks, vowel points of Arabic and Hebrew, accents: parts of a letter, not words
_INSIDE = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640\u200b-\u200f\ufeff]")
_QUOTES = re.compile(r"['`´‘’ʻʼʿʾ′\"“”]")  # noqa: RUF001
_DOTTED = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?")
# A longer word becomes several: no name has one, and all that is remembered of words stays small
_LETTERS_MAX = 64
_CASE_CHANGE = re.compile(r"[A-Z][^A-Z]*")
_LEET = str.maketrans("013456789", "oleasgtbg")
# The surnames that are never spelled as the letters are
_KOREAN = {"gim": "kim", "bak": "park", "i": "lee", "jeong": "jong", "choe": "choi"}


class Script(StrEnum):
    """How much of the sound of a word its letters give."""

    LETTERS = "letters"  # all of it: Latin, Cyrillic, Greek, Armenian, Georgian
    ABJAD = "abjad"  # the consonants: Arabic, Hebrew
    PINYIN = "pinyin"  # a Chinese name: one spelling for a character
    SYLLABLES = "syllables"  # roughly: Kana, Hangul, Indian scripts, foreign names in Han


class Word(msgspec.Struct, frozen=True, gc=False):
    """text: a to z and 0 to 9; written: as in the name, lower case; is_capital: all capitals, in
    the Latin script."""

    text: str
    written: str
    script: Script = Script.LETTERS
    is_capital: bool = False


def words(name: str) -> tuple[list[Word], int]:
    """The words of `name` in order, and how many stand before its first comma (0: no comma).

    Never raises, whatever the string, and never cuts anything off.
    """
    clean = _prepared(name)
    before, comma, after = clean.partition(",")
    first = [word for raw in _raw(before) for word in _spelled(raw)]
    rest = [word for raw in _raw(after) for word in _spelled(raw)]
    return first + rest, len(first) if comma and rest else 0


def _prepared(name: str) -> str:
    clean = name if name.isascii() else unicodedata.normalize("NFKC", name)
    if not clean.isascii():
        clean = clean.replace("،", ",").replace("、", ",").replace("і", "i")  # noqa: RUF001
        for spelling, letter in _GREEK:
            clean = clean.replace(spelling, letter)
        clean = _INSIDE.sub("", clean)
    clean = clean.replace("’s ", " ").replace("'s ", " ") if "s " in clean else clean  # noqa: RUF001
    return _DOTTED.sub(_undotted, _QUOTES.sub("", clean))


def _undotted(found: re.Match[str]) -> str:
    return found.group().replace(".", "") + " "


def _raw(text: str) -> list[str]:
    if text.isascii():
        found = re.findall(r"[A-Za-z0-9]+", text)
    else:
        found = "".join(char if _is_in_word(char) else " " for char in text).split()
    if all(len(word) <= _LETTERS_MAX for word in found):
        return found
    return [
        word[at : at + _LETTERS_MAX] for word in found for at in range(0, len(word), _LETTERS_MAX)
    ]


def _is_in_word(char: str) -> bool:
    """Letters, digits and marks: vowel signs of Indian scripts are marks."""
    return unicodedata.category(char)[0] in "LNM"


@lru_cache(maxsize=20_000)
def _spelled(raw: str) -> tuple[Word, ...]:
    if raw.isascii():
        return (Word(_letters(raw.lower()), raw.lower(), is_capital=raw.isupper()),)
    if _ABJAD.search(raw):
        return _abjad(raw)
    if _HANGUL.search(raw) or _HAN.search(raw):
        return _syllables(raw)
    spelled = _plain(raw.casefold())
    script = Script.LETTERS if _LETTERS.match(raw) else Script.SYLLABLES
    return (Word(spelled, raw.casefold(), script),) if spelled else ()


def _plain(text: str) -> str:
    return _letters(re.sub(r"[^a-z0-9]", "", anyascii(text).lower()))


def _letters(text: str) -> str:
    """Digits between letters are letters drawn with digits, if the word has more letters."""
    if text.isalpha() or text.isdigit() or len(text) < 3:
        return text
    digits = sum(char.isdigit() for char in text)
    inner = text[0].isalpha() and text[-1].isalpha()
    return text.translate(_LEET) if inner and digits * 2 <= len(text) else text


def _abjad(raw: str) -> tuple[Word, ...]:
    article = ("al",) if raw.startswith("ال") and len(raw) > 4 else ()
    rest = _HE.sub("", raw[2:] if article else raw)
    rest = rest[:1] + rest[1:].replace("\u0627", "a")
    rest = rest.translate(_PERSIAN) if _PERSIAN_ONLY.search(raw) else rest
    text = _plain(anyascii(rest.translate(_HEBREW)).replace("`", "a"))
    if _VOWEL_FIRST.match(rest) and text[:1] not in ("a", "i", "u"):
        text = "a" + text
    found = [Word("al", "ال")] if article else []
    if text:
        found.append(Word(text, raw, Script.ABJAD))
    return tuple(found)


def _syllables(raw: str) -> tuple[Word, ...]:
    """Family name and given name are not separated; the family name is one syllable, mostly."""
    syllables = [s.lower() for s in _CASE_CHANGE.findall(anyascii(raw))]
    if not 2 <= len(raw) <= 3 or len(syllables) != len(raw):
        text = _plain(raw)
        return (Word(text, raw, Script.SYLLABLES),) if text else ()
    if _HANGUL.search(raw):
        script, family = Script.SYLLABLES, _KOREAN.get(syllables[0], syllables[0])
    else:
        script, family = Script.PINYIN, syllables[0]
    return (Word(family, raw[0], script), Word("".join(syllables[1:]), raw[1:], script))
