"""Under which keys a word is filed, so that its other spellings are found without a scan."""

from collections.abc import Iterator
from functools import lru_cache

from paywright.screening.names import Part
from paywright.screening.scripts import Script
from paywright.screening.sounds import abjads, chinese, korean, skeleton

_LETTERS_MIN = 4
_BONES_MIN = 4
# Words of another script than this one are filed apart: few of them are, and a word in it has no
# use for the loose keys of the others
_LETTERS = Script.LETTERS


@lru_cache(maxsize=50_000)
def _keys(text: str, fold: str, bones: str) -> frozenset[str]:
    found = {text, fold}
    if len(fold) >= _LETTERS_MIN:
        found.update(_without_one(fold))
    if len(bones) >= 2:
        found.add("-" + bones)
    if len(bones) >= _BONES_MIN:
        found.update("-" + shorter for shorter in _without_one(bones))
    return frozenset(found)


def keys_of(part: Part) -> set[str]:
    """Under which `part` is filed.

    Two words one letter apart, as they sound, share a key. So do two words whose consonants are
    the same, or one apart when there are four or more, and two that may be the same word in
    different scripts.
    """
    found = _own_keys(part)
    found.update(_loose_keys(part, "+" if part.script is _LETTERS else "*"))
    return found


def asked_keys(part: Part) -> set[str]:
    """Under which the words that `part` may stand for are filed."""
    found = _own_keys(part)
    found.update(_loose_keys(part, "*"))
    if part.script is not _LETTERS:
        found.update(_loose_keys(part, "+"))
    return found


def joined_keys(part: Part) -> set[str]:
    """For two words of a name taken as one: such a spelling has few other differences."""
    mark = "+" if part.script is _LETTERS else "*"
    romanised = {f"{mark}={chinese(part.text)}", f"{mark}:{korean(part.text)}"}
    return {part.fold, "-" + part.skeleton} | romanised


def _own_keys(part: Part) -> set[str]:
    found = set(_keys(part.text, part.fold, part.skeleton))
    if part.fold[:2] in ("al", "el") and len(part.fold) > 5:
        bare = part.fold[2:]
        found.update(_keys(bare, bare, skeleton(bare)))
    return found


def _loose_keys(part: Part, mark: str) -> Iterator[str]:
    """Of consonants only, as scripts without vowels have them, and in few classes."""
    for _, bones in abjads(part.text):
        if len(bones) >= 2:
            yield f"{mark}~{bones}"
        if part.script is Script.ABJAD and len(bones) > 3:
            yield from (f"{mark}~{shorter}" for shorter in _without_one(bones))
    yield f"{mark}={chinese(part.text)}"
    yield f"{mark}:{korean(part.text)}"
    if len(part.loose) >= 2:
        yield mark + part.loose
    if part.script is Script.SYLLABLES:
        yield from (mark + shorter for shorter in _without_one(part.loose) if len(shorter) > 1)


def _without_one(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))
