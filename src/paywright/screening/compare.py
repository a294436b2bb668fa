"""Two names: how likely they name the same."""

import msgspec

from paywright.screening.align import Alignment, align
from paywright.screening.explain import explain
from paywright.screening.model import EntryKind
from paywright.screening.names import Name, parse

# What a word that faces another word in the other name costs, against its weight
CONFLICT = 1.5
# What a word costs that only one name has. A middle name is often left out; a word of a company
# rarely. One word in common is little to go by, the less the commoner or the vaguer it is; of
# a company it is the name, and the rest says what it does.
EXTRA_PERSON = 0.12
_EXTRA_VAGUE = 0.15
EXTRA_ORGANISATION = 0.35
EXTRA_SINGLE = 0.38
EXTRA_SINGLE_PERSON = 0.5
_EXTRA_SINGLE_VAGUE = 0.5


class Comparison(msgspec.Struct, frozen=True):
    """score: 0 to 1; why: what raised and what lowered it, in words."""

    score: float
    why: tuple[str, ...] = ()


def compare(a: str, b: str, *, kind: EntryKind = EntryKind.UNKNOWN) -> Comparison:
    """Compare two names of persons, organisations or vessels, in any script. Symmetric.

    Never raises, and reads names of any length to their end.
    """
    one, other = parse(a, kind), parse(b, kind)
    if not one.parts or not other.parts:
        is_same = bool(a.strip()) and a.strip() == b.strip()
        return Comparison(1.0 if is_same else 0.0, ("the same signs",) if is_same else ())
    alignment = align(one, other)
    return Comparison(round(score_of(one, other, alignment), 4), explain(one, other, alignment))


def score_of(one: Name, other: Name, alignment: Alignment) -> float:
    """0 to 1: what the names share, against that and what keeps them apart."""
    shared = alignment.weight
    if not shared:
        return 0.0
    left, right = alignment.left_weight, alignment.right_weight
    is_organisation = one.is_organisation or other.is_organisation
    if alignment.strong_count < 2:
        per_extra = EXTRA_SINGLE if is_organisation else EXTRA_SINGLE_PERSON
        per_extra += _EXTRA_SINGLE_VAGUE * alignment.vague / shared
    elif is_organisation:
        per_extra = EXTRA_ORGANISATION
    else:
        per_extra = EXTRA_PERSON + _EXTRA_VAGUE * alignment.vague / shared
    lost = CONFLICT * min(left, right) + per_extra * abs(left - right)
    return alignment.quality / (shared + lost)
