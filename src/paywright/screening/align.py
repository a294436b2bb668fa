"""Which word of one name stands for which word of the other."""

from collections.abc import Iterable, Sequence
from itertools import product

import msgspec

from paywright.screening.keys import keys_of
from paywright.screening.names import WEIGHTS, Name, Part, PartKind, part_of
from paywright.screening.parts import FLOOR, SOUNDS_ALIKE, alike
from paywright.screening.scripts import Word

# A word that may be a name of its own, so that two of them identify somebody
STRONG = 0.6
_JOINED_FLOOR = 0.8
_JOINED_LETTERS_MIN = 6
# A vowel or two may come between, and an abjad lacks some
JOINED_SLACK = 3
JOINED_LETTERS = 4
_ACRONYM = 0.85
# Comparisons of words with words; no name of a person or company needs so many
_LONG = 2_500
# How fast likeness below 1 makes a pair as vague as a pair of names that millions bear
_VAGUE = 2.0


class Pair(msgspec.Struct, frozen=True, gc=False):
    """What stands for each other: one word, or several on one side."""

    left: tuple[Part, ...]
    right: tuple[Part, ...]
    alike: float


class Alignment(msgspec.Struct, frozen=True):
    """What stands on both sides, and what on one only.

    weight:       of the pairs
    quality:      the same, less the doubt about each pair
    vague:        weight of the pairs that say little: common names, and words that are not quite
                  the same
    left_weight, right_weight: of the words without a partner
    strong_count: how many words of weight have a partner
    """

    pairs: Sequence[Pair]
    left: Sequence[Part]
    right: Sequence[Part]
    weight: float
    quality: float
    vague: float
    left_weight: float
    right_weight: float
    strong_count: int


def align(one: Name, other: Name) -> Alignment:
    """Give each word of `one` its partner in `other`, the most alike first."""
    left, right = list(one.parts), list(other.parts)
    pairs = _same(left, right)
    if len(left) != len(right) and 0 < len(left) * len(right) <= _LONG:
        pairs += _joined(left, right, one, other)
    if left and right:
        pairs += _similar(left, right)
    if left and right and len(left) * len(right) <= _LONG:
        pairs += _joined(left, right, one, other)
    if pairs:
        left, right = _unsaid(left, pairs), _unsaid(right, pairs)
    if left and right:
        pairs += _abbreviated(left, right)
    return _summed(pairs, left, right)


def _summed(pairs: list[Pair], left: list[Part], right: list[Part]) -> Alignment:
    weight = quality = vague = 0.0
    over = [sum([part.weight for part in left]), sum([part.weight for part in right])]
    strong_count = 0
    for pair in pairs:
        kinds = (pair.left[0].kind, pair.right[0].kind)
        sides = (sum([p.weight for p in pair.left]), sum([p.weight for p in pair.right]))
        shared = sum(sides) / 2
        if PartKind.INITIAL in kinds:  # stands for a letter of the word, not for all of it
            shared = min(sides)
            over = [over[0] + sides[0] - shared, over[1] + sides[1] - shared]
        weight += shared
        quality += shared * pair.alike
        vague += shared * (1 if PartKind.COMMON in kinds else min(1, _VAGUE * (1 - pair.alike)))
        fewer = pair.left if len(pair.left) < len(pair.right) else pair.right
        strong_count += sum([part.weight >= STRONG for part in fewer])
    return Alignment(
        pairs=pairs,
        left=left,
        right=right,
        weight=weight,
        quality=quality,
        vague=vague,
        left_weight=over[0],
        right_weight=over[1],
        strong_count=strong_count,
    )


def _same(left: list[Part], right: list[Part]) -> list[Pair]:
    """Takes what it pairs out of both lists, as all functions here do."""
    pairs: list[Pair] = []
    for part in left[:]:
        for at, twin in enumerate(right):
            if twin.text == part.text and alike(part, twin) == 1:
                _take(left, part)
                del right[at]
                pairs.append(Pair((part,), (twin,), 1.0))
                break
    return pairs


def _take(parts: list[Part], part: Part) -> None:
    """By identity: two words that are equal are two words."""
    for at, candidate in enumerate(parts):
        if candidate is part:
            del parts[at]
            return


def _similar(left: list[Part], right: list[Part]) -> list[Pair]:
    ranked: list[tuple[float, float, int, int]] = []
    for i, j in _may_be_similar(left, right):
        likeness = alike(left[i], right[j])
        if likeness >= FLOOR:
            ranked.append((-likeness, -min(left[i].weight, right[j].weight), i, j))
    if not ranked:
        return []
    ranked.sort()
    left_used: set[int] = set()
    right_used: set[int] = set()
    pairs: list[Pair] = []
    for likeness, _, i, j in ranked:
        if i not in left_used and j not in right_used:
            left_used.add(i)
            right_used.add(j)
            pairs.append(Pair((left[i],), (right[j],), -likeness))
    left[:] = [part for i, part in enumerate(left) if i not in left_used]
    right[:] = [part for j, part in enumerate(right) if j not in right_used]
    return pairs


def _may_be_similar(left: list[Part], right: list[Part]) -> Iterable[tuple[int, int]]:
    """All with all. Of names that are long enough to take seconds that way, those that share a
    key, as in an index."""
    if len(left) * len(right) <= _LONG:
        return product(range(len(left)), range(len(right)))
    filed: dict[str, list[int]] = {}
    for j, part in enumerate(right):
        for key in keys_of(part):
            filed.setdefault(key, []).append(j)
    return {
        (i, j) for i, part in enumerate(left) for key in keys_of(part) for j in filed.get(key, ())
    }


def _joined(left: list[Part], right: list[Part], one: Name, other: Name) -> list[Pair]:
    """One word here, two or three there: `Safieddine` and `Safi al-Din`."""
    pairs: list[Pair] = []
    for whole, pieces, name in ((left, right, other), (right, left, one)):
        for word in whole[:]:
            if word.weight < STRONG or len(word.text) < JOINED_LETTERS or len(pieces) < 2:
                continue
            if min([len(part.text) for part in pieces]) + 2 > len(word.text) + JOINED_SLACK:
                continue
            likeness, run = max(
                ((_joined_likeness(word, run), run) for run in _runs(name, pieces, word)),
                key=lambda found: found[0],
                default=(0.0, ()),
            )
            if likeness:
                _take(whole, word)
                for part in run:
                    _take(pieces, part)
                sides = ((word,), run) if whole is left else (run, (word,))
                pairs.append(Pair(*sides, likeness))
    return pairs


def _joined_likeness(word: Part, run: tuple[Part, ...]) -> float:
    likeness = alike(word, glue(run))
    if len(run) > 2 and run[1].kind is PartKind.PARTICLE:
        likeness = max(likeness, alike(word, glue((run[0], *run[2:]))))
    is_short = len(word.text) < _JOINED_LETTERS_MIN
    is_spelled = any(part.kind is PartKind.INITIAL for part in run)
    floor = SOUNDS_ALIKE if is_short or is_spelled else _JOINED_FLOOR
    return likeness if likeness >= floor else 0.0


def _runs(name: Name, free: list[Part], word: Part) -> list[tuple[Part, ...]]:
    """Two or three words that stand side by side, none of which is taken, about as long as
    `word` together."""
    ids = {id(part) for part in free}
    runs: list[tuple[Part, ...]] = []
    parts = name.parts
    for at in range(len(parts) - 1):
        run: tuple[Part, ...] = ()
        letters = 0
        for part in parts[at : at + 3]:
            if id(part) not in ids:
                break
            run = (*run, part)
            letters += len(part.text)
            if len(run) > 1 and abs(letters - len(word.text)) <= JOINED_SLACK:
                runs.append(run)
    return runs


def glue(run: tuple[Part, ...]) -> Part:
    """Several words as one."""
    text = "".join([part.text for part in run])
    written = "".join([part.written for part in run])
    return part_of(Word(text, written, run[-1].script))


def _unsaid(over: list[Part], pairs: list[Pair]) -> list[Part]:
    """What was not said yet: a word that is said twice says nothing more."""
    if not over:
        return over
    said = {part.fold for pair in pairs for part in (*pair.left, *pair.right)}
    return [part for part in over if part.fold not in said]


def _abbreviated(left: list[Part], right: list[Part]) -> list[Pair]:
    """`JC` is `Jean-Claude`, and `PLA` may be a whole name."""
    pairs: list[Pair] = []
    for short, long in ((left, right), (right, left)):
        spelled = [part for part in long if part.weight >= WEIGHTS[PartKind.INITIAL]]
        letters = "".join([part.text[0] for part in spelled])
        for word in short[:]:
            at = letters.find(word.text) if may_abbreviate(word) else -1
            if at < 0:
                continue
            run = tuple(spelled[at : at + len(word.text)])
            _take(short, word)
            for part in run:
                _take(long, part)
            sides = ((word,), run) if short is left else (run, (word,))
            pairs.append(Pair(*sides, _ACRONYM))
            break
    return pairs


def may_abbreviate(word: Part) -> bool:
    return word.is_capital and len(word.text) > 1 and word.weight >= STRONG
