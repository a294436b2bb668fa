"""How alike two words of names are."""

from functools import lru_cache

from rapidfuzz.distance import OSA, Indel, LCSseq

from paywright.screening.names import Part, PartKind
from paywright.screening.scripts import Script
from paywright.screening.sounds import abjads, chinese, korean

SOUNDS_ALIKE = 0.96
# Below this two words are different words
FLOOR = 0.64
_INITIAL_FITS = 0.9
# `Industry` and `industries`: descriptive words with the same stem
_INFLECTED = 0.85
_STEM = 5
# Fewer letters of an abjad are as good as none. Words with one consonant, as `Levi`, have to have
# nearly all letters in common
_ABJAD_LETTERS = 3
_NEARLY = 0.75
# The same in another system of romanisation, so far as one can tell
_ROMANISED = 0.85
_ARTICLES = ("al", "el")
# Looked up once: words are compared by the million
_LETTERS, _INITIAL, _NUMBER = Script.LETTERS, PartKind.INITIAL, PartKind.NUMBER
_ORGANISATION = PartKind.ORGANISATION
_similarity = OSA.normalized_similarity


def alike(one: Part, other: Part) -> float:
    """0 to 1, symmetric. 1: the same word; `SOUNDS_ALIKE`: another spelling of one sound."""
    script, kinds = one.script, (one.kind, other.kind)
    if script is not other.script:
        return _across_scripts(one, other)
    if one.text == other.text:
        return _same_letters(one, other)
    if _INITIAL in kinds:
        return _INITIAL_FITS if one.text[:1] == other.text[:1] else 0.0
    if _NUMBER in kinds:
        return 0.0
    if script is _LETTERS:
        return _spelling(one, other)
    return min(_spelling(one, other), _as_written(one, other))


def _same_letters(one: Part, other: Part) -> float:
    """Two Han characters, or two letters of Arabic, may be one in Latin letters."""
    if one.script is _LETTERS:
        return 1.0
    return _as_written(one, other)


def _as_written(one: Part, other: Part) -> float:
    return _similarity(one.written, other.written)


def _spelling(one: Part, other: Part) -> float:
    """Letters count for two thirds and consonants for one: vowels are written as one likes."""
    fold, other_fold = one.fold, other.fold
    if fold == other_fold:
        return SOUNDS_ALIKE
    if fold[:2] in _ARTICLES or other_fold[:2] in _ARTICLES:
        fold, other_fold = _without_article(fold, other_fold), _without_article(other_fold, fold)
    letters = _similarity(fold, other_fold)
    if letters < 0.3:
        return letters
    letters = max(letters, _similarity(one.text, other.text))
    bones, other_bones = one.skeleton, other.skeleton
    if bones != other_bones and (len(bones) < 2 or len(other_bones) < 2):
        return letters
    likeness = (2 * letters + _similarity(bones, other_bones)) / 3
    return max(likeness, _INFLECTED) if _is_inflected(one, other) else likeness


def _without_article(fold: str, other: str) -> str:
    """`Elkaddafi` is `Gaddafi` with the article written to it."""
    if fold[:2] in _ARTICLES and len(fold) > 5 and other[:2] not in _ARTICLES:
        return fold[2:]
    return fold


def _is_inflected(one: Part, other: Part) -> bool:
    return (
        one.kind is _ORGANISATION
        and other.kind is _ORGANISATION
        and min(len(one.text), len(other.text)) > _STEM
        and one.text[:_STEM] == other.text[:_STEM]
    )


def _across_scripts(one: Part, other: Part) -> float:
    scripts = (one.script, other.script)
    if Script.ABJAD in scripts:
        return _across_abjad(*sorted((one.text, other.text)))
    if Script.PINYIN in scripts:
        if one.text == other.text:
            return SOUNDS_ALIKE
        return _ROMANISED if chinese(one.text) == chinese(other.text) else 0.0
    letters = max(
        _similarity(one.text, other.text),
        _similarity(one.fold, other.fold),
    )
    if korean(one.text) == korean(other.text):
        return max(letters, _ROMANISED)
    if min(len(one.loose), len(other.loose)) < 3:
        return letters
    return max(letters, (letters + 2 * _similarity(one.loose, other.loose)) / 3)


@lru_cache(maxsize=50_000)
def _across_abjad(a: str, b: str) -> float:
    return max(_abjad_likeness(*one, *other) for one in abjads(a) for other in abjads(b))


def _abjad_likeness(a_letters: str, a_bones: str, b_letters: str, b_bones: str) -> float:
    """Short vowels are not written, so what is written has to be there. Two or three consonants
    are too few to go by unless they are the same."""
    shorter = min(len(a_bones), len(b_bones))
    bones = _similarity(a_bones, b_bones)
    if not shorter or (shorter < 4 and bones < 1):
        return bones * 0.5
    letters = Indel.normalized_similarity(a_letters, b_letters)
    if letters == 1:
        return SOUNDS_ALIKE
    fewer = min(len(a_letters), len(b_letters))
    is_all_there = LCSseq.similarity(a_letters, b_letters) == fewer
    if fewer < _ABJAD_LETTERS or (shorter == 1 and not (is_all_there and letters >= _NEARLY)):
        return 0.0
    return min((bones + letters + (1 if is_all_there else letters)) / 3, SOUNDS_ALIKE)
