"""The score that two names can reach at most, for a fraction of the price of comparing them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
from rapidfuzz.distance import OSA

from paywright.screening.align import JOINED_LETTERS, JOINED_SLACK, STRONG, may_abbreviate
from paywright.screening.compare import (
    CONFLICT,
    EXTRA_ORGANISATION,
    EXTRA_PERSON,
    EXTRA_SINGLE,
    EXTRA_SINGLE_PERSON,
)
from paywright.screening.names import Name
from paywright.screening.sounds import chinese, korean
from paywright.screening.vocabulary import Row

# A share so small is that of one word
_SINGLE = 1.05
# Two words that are one in another spelling have more letters in common than this
_JOINED_LIKENESS = 0.5


class Outline(msgspec.Struct, frozen=True, gc=False):
    """What bounds are computed of: the words of a name, and what they may be together.

    shortest_run, longest: letters of the shortest two words that stand side by side, and of the
    longest word; short: words that may stand for the first letters of others
    """

    texts: tuple[str, ...]
    weights: tuple[float, ...]
    is_organisation: bool
    longest: int
    shortest_run: int
    short: tuple[str, ...]


def outline(name: Name) -> Outline:
    texts = tuple([part.text for part in name.parts])
    lengths = [len(text) for text in texts]
    runs = [one + other for one, other in pairwise(lengths)]
    return Outline(
        texts=texts,
        weights=tuple([part.weight for part in name.parts]),
        is_organisation=name.is_organisation,
        longest=max(lengths, default=0),
        shortest_run=min(runs, default=1_000),
        short=tuple([part.text for part in name.parts if may_abbreviate(part)]),
    )


def promise(shared: float, weight: float, listed: float) -> float:
    """The score that a name can reach at most that shares this much of its weight."""
    shared = min(shared, weight, listed)
    left, right = weight - shared, listed - shared
    per_extra = EXTRA_SINGLE if shared < _SINGLE else EXTRA_PERSON
    return shared / (shared + CONFLICT * min(left, right) + per_extra * abs(left - right))


def reaches(
    floor: float, one: Outline, other: Outline, rows: Sequence[Row], words: Sequence[int]
) -> bool:
    """Whether `one` and `other` may reach `floor`. `rows` of the words of `one`, `words` the
    numbers of those of `other`."""
    left, right = [0.0] * len(rows), [0.0] * len(words)
    for i, row in enumerate(rows):
        known = row.known
        for j, number in enumerate(words):
            likeness = known.get(number)
            if likeness is None:
                likeness = row.look_up(number)
            if likeness:
                left[i] = max(left[i], likeness)
                right[j] = max(right[j], likeness)
    if _bound(one, other, left, right) >= floor:
        return True
    if _may_abbreviate(one, other) or _may_abbreviate(other, one):
        return True
    is_joined = _join(one, other, left, right)
    is_joined |= _join(other, one, right, left)
    return is_joined and _bound(one, other, left, right) >= floor


def _bound(one: Outline, other: Outline, left: list[float], right: list[float]) -> float:
    """As if each word had the most similar word of the other name for itself."""
    shared, lost_left, strong_left = _sums(one.weights, left)
    shared_right, lost_right, strong_right = _sums(other.weights, right)
    shared = (shared + shared_right) / 2
    if not shared:
        return 0.0
    is_organisation = one.is_organisation or other.is_organisation
    if strong_left < 2 or strong_right < 2:
        per_extra = EXTRA_SINGLE if is_organisation else EXTRA_SINGLE_PERSON
    elif is_organisation:
        per_extra = EXTRA_ORGANISATION
    else:
        per_extra = EXTRA_PERSON
    lost = CONFLICT * min(lost_left, lost_right) + per_extra * abs(lost_left - lost_right)
    return shared / (shared + lost)


def _sums(weights: Sequence[float], likenesses: Sequence[float]) -> tuple[float, float, int]:
    shared = lost = 0.0
    strong = 0
    for weight, likeness in zip(weights, likenesses, strict=True):
        if not likeness:
            lost += weight
            continue
        shared += weight * likeness
        strong += weight >= STRONG
    return shared, lost, strong


def _may_abbreviate(one: Outline, other: Outline) -> bool:
    if not one.short:
        return False
    initials = {text[0] for text in other.texts}
    return any(len(short) <= len(other.texts) and initials.issuperset(short) for short in one.short)


def _join(one: Outline, other: Outline, left: list[float], right: list[float]) -> bool:
    """Mark the words of `one` that may be several of `other`, and those. Words that the other
    name has letter by letter stand for themselves."""
    if one.longest + JOINED_SLACK < other.shortest_run:
        return False
    free = [
        (i, text) for i, text in enumerate(one.texts) if left[i] < 1 and len(text) >= JOINED_LETTERS
    ]
    longest = max([len(text) for _, text in free], default=0) + JOINED_SLACK
    found: list[tuple[int, int, int]] = []
    for at, end, run in _runs(other.texts, right, longest) if free else ():
        found += [(i, at, end) for i, text in free if _may_be_joined(text, run)]
    for i, at, end in found:
        left[i] = 1.0
        right[at:end] = [1.0] * (end - at)
    return bool(found)


def _runs(
    texts: Sequence[str], taken: Sequence[float], longest: int
) -> Iterator[tuple[int, int, str]]:
    """Two or three words that stand side by side, from, to and as one."""
    for at in range(len(texts) - 1):
        run = ""
        for end in range(at, min(at + 3, len(texts))):
            run += texts[end]
            if taken[end] == 1 or len(run) > longest:
                break
            if end > at:
                yield at, end + 1, run


def _may_be_joined(text: str, run: str) -> bool:
    if abs(len(run) - len(text)) > JOINED_SLACK:
        return False
    return (
        OSA.normalized_similarity(text, run) >= _JOINED_LIKENESS
        or korean(text) == korean(run)
        or chinese(text) == chinese(run)
    )
