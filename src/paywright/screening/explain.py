"""What a comparison found, in words for an analyst. Never a word of the names themselves."""

from rapidfuzz.distance import OSA

from paywright.screening.align import Alignment, Pair
from paywright.screening.names import WEIGHTS, Name, Part, PartKind
from paywright.screening.parts import SOUNDS_ALIKE

_TELLING = WEIGHTS[PartKind.INITIAL]
_LETTERS = {1: "one letter", 2: "two letters", 3: "three letters"}


def explain(one: Name, other: Name, alignment: Alignment) -> tuple[str, ...]:
    """Each observation once, what the names share first."""
    if not alignment.pairs:
        return ("no word in common",)
    found: dict[str, None] = {}
    for pair in alignment.pairs:
        told = _pair(pair, one, other)
        if told:
            found[told] = None
    telling = [pair for pair in alignment.pairs if pair.left[0].weight >= _TELLING]
    if not found and telling:
        found["the same words"] = None
    if _is_reordered(one, other, telling):
        found["words in another order"] = None
    for told in _left_over(one, other, alignment):
        found[told] = None
    return tuple(found)


def _pair(pair: Pair, one: Name, other: Name) -> str:
    left, right = pair.left[0], pair.right[0]
    if len(pair.left) != len(pair.right):
        few, many = sorted((pair.left, pair.right), key=len)
        is_letters = few[0].is_capital and len(few[0].text) == len(many)
        return "abbreviated to first letters" if is_letters else "one word written as several"
    if pair.alike == 1 or left.weight < _TELLING:
        return ""
    if PartKind.INITIAL in (left.kind, right.kind):
        return "an initial for a name"
    return f"{_what(left, one) or _what(right, other) or 'a word'} {_difference(pair)}"


def _difference(pair: Pair) -> str:
    left, right = pair.left[0], pair.right[0]
    if left.script is not right.script:
        return "written in another script"
    if pair.alike >= SOUNDS_ALIKE:
        return "spelled differently, sounds the same"
    letters = OSA.distance(left.text, right.text)
    return f"spelled differently by {_LETTERS.get(letters, 'several letters')}"


def _what(part: Part, name: Name) -> str:
    if part.kind is PartKind.ORGANISATION:
        return "a descriptive word"
    if name.is_organisation or not name.surname_count:
        return ""
    place = next((at for at, known in enumerate(name.parts) if known is part), 0)
    return "surname" if place < name.surname_count else "given name"


def _is_reordered(one: Name, other: Name, pairs: list[Pair]) -> bool:
    """The order of words, a name with a comma being turned around first."""
    places = sorted((_place(one, pair.left[0]), _place(other, pair.right[0])) for pair in pairs)
    others = [place for _, place in places]
    return others != sorted(others)


def _place(name: Name, part: Part) -> int:
    at = next((at for at, known in enumerate(name.parts) if known is part), 0)
    return at + len(name.parts) if at < name.surname_count else at


def _left_over(one: Name, other: Name, alignment: Alignment) -> list[str]:
    left = [part for part in alignment.left if part.weight >= _TELLING]
    right = [part for part in alignment.right if part.weight >= _TELLING]
    told: list[str] = []
    if left and right:
        what = _what(left[0], one) or _what(right[0], other)
        told.append(f"another {what.removeprefix('a ')}" if what else "different words")
    if len(left) != len(right):
        count = abs(len(left) - len(right))
        told.append(
            "one word only in one name" if count == 1 else f"{count} words only in one name"
        )
    numbers = [p for p in (*alignment.left, *alignment.right) if p.kind is PartKind.NUMBER]
    if numbers:
        told.append("another number")
    legal = [p for p in (*alignment.left, *alignment.right) if p.kind is PartKind.LEGAL]
    if legal:
        told.append("another legal form, or none")
    return told
