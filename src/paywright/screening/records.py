"""What screening a customer leaves on file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import Id
from paywright.screening.model import Match


class HitId(Id):
    """A piece of evidence."""

    __slots__ = ()
    prefix = "hit"


class ScreeningStatus(StrEnum):
    CLEAR = "clear"
    HIT = "hit"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A match as it is kept: all of it is the list's own data, nothing is the customer's.

    entry_hash: of the entry as it was, 32 hexadecimal digits
    cleared:    a person has found it to be somebody else
    """

    list: str
    entry_id: str
    entry_hash: str
    name: str
    matched_name: str
    score: float
    programs: Sequence[str] = ()
    cleared: bool = False


class Top(msgspec.Struct, frozen=True):
    """The best match that is not cleared. `name`: as listed."""

    list: str
    entry_id: str
    name: str
    score: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """generation: of the lists that the customer was screened against"""

    customer_id: str
    generation: int
    status: ScreeningStatus
    top: Top | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's row. `name_hash` is None for one without a name."""

    customer_id: str
    generation: int
    name_hash: bytes | None
    matches: Sequence[Found] = ()
    hit_id: HitId | None = None
    at: datetime

    @property
    def status(self) -> ScreeningStatus:
        open_ones = any(not found.cleared for found in self.matches)
        return ScreeningStatus.HIT if open_ones else ScreeningStatus.CLEAR

    def standing(self) -> Standing:
        return Standing(
            customer_id=self.customer_id,
            generation=self.generation,
            status=self.status,
            top=top_of(self.matches[0]) if self.status is ScreeningStatus.HIT else None,
        )


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the evidence that is encrypted.

    why: for each match, in order
    """

    name: str
    country: str | None
    why: Sequence[Sequence[str]]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and in what. `lists`: the versions that were searched, by name."""

    id: HitId
    customer_id: str
    generation: int
    lists: Mapping[str, str]
    matches: Sequence[Found]
    sealed: bytes
    at: datetime


class Cleared(msgspec.Struct, frozen=True):
    """For which entry and which name a match was cleared."""

    entry_hash: bytes
    name_hash: bytes


Pair = tuple[str, str]  # list, entry id


def top_of(found: Found) -> Top:
    return Top(found.list, found.entry_id, found.name, found.score)


def kept(
    matches: Sequence[Match],
    hashes: Mapping[Pair, bytes],
    cleared: Mapping[Pair, Cleared],
    name_hashes: Sequence[bytes],
) -> list[Found]:
    """Matches as they are kept, those that are not cleared first, the best first.

    A pair that was cleared stays so as long as neither the entry nor the name has changed.

    name_hashes: of the name, under each key that may have been in use
    """
    found = []
    for match in matches:
        pair = (match.list, match.entry_id)
        known = cleared.get(pair)
        found.append(
            Found(
                list=match.list,
                entry_id=match.entry_id,
                entry_hash=hashes[pair].hex(),
                name=match.name,
                matched_name=match.matched_name,
                score=round(match.score, 4),
                programs=match.programs,
                cleared=known is not None
                and known.entry_hash == hashes[pair]
                and known.name_hash in name_hashes,
            )
        )
    return in_order(found)


def in_order(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda it: (it.cleared, -it.score, it.list, it.entry_id))


def is_news(before: Record | None, now: Record, name_hashes: Sequence[bytes]) -> bool:
    """Whether there is something that the evidence on file does not show."""
    if not now.matches:
        return False
    if before is None or before.name_hash not in name_hashes:
        return True
    return _matched(before) != _matched(now)


def _matched(record: Record) -> set[tuple[str, str, str]]:
    return {(it.list, it.entry_id, it.entry_hash) for it in record.matches}
