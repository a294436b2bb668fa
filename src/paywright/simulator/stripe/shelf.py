"""Things in the order in which they were made, found by what they have in common."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class Made(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T", bound=Made)

Labels = Mapping[str, str | None]
Place = tuple[datetime, int, str]  # when, in which order, what


class Shelf(Generic[T]):
    """A page costs what is on it, however much is on the shelf: there is a list for each label.

    labels: what a thing can be asked for by; it never changes
    """

    def __init__(self, labels: Callable[[T], Labels]) -> None:
        self._labels = labels
        self._things: dict[str, T] = {}
        self._places: dict[str, Place] = {}
        self._all: list[Place] = []
        self._labelled: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._all)

    def put(self, thing: T) -> None:
        """A thing with an id that is here already takes its place."""
        if thing.id in self._things:
            self._things[thing.id] = thing
            return
        place = (thing.created_at, len(self._all), thing.id)
        self._things[thing.id] = thing
        self._places[thing.id] = place
        insort(self._all, place)
        for name, value in self._labels(thing).items():
            if value is not None:
                insort(self._labelled[name, value], place)

    def get(self, id: str) -> T | None:
        return self._things.get(id)

    def labelled(self, name: str, value: str) -> list[T]:
        """The oldest first."""
        return [self._things[id] for _, _, id in self._labelled.get((name, value), ())]

    def slice(self, *, after: int, limit: int) -> list[T]:
        """`limit` things, the oldest first, beyond the first `after`."""
        return [self._things[id] for _, _, id in self._all[after : after + limit]]

    def newest(
        self,
        labels: Mapping[str, str],
        *,
        since: datetime,
        until: datetime,
        older_than: str | None = None,
        newer_than: str | None = None,
    ) -> Iterator[T]:
        """Made in [since, until), with all these labels: the newest first, or, `newer_than` a
        thing, the oldest of those first."""
        lists = [self._labelled.get(label, []) for label in labels.items()]
        places: Sequence[Place] = min(lists, key=len) if lists else self._all
        low = bisect_left(places, (since,))
        high = bisect_left(places, (until,))
        if older_than is not None:
            high = min(high, bisect_left(places, self._places[older_than]))
        if newer_than is not None:
            low = max(low, bisect_right(places, self._places[newer_than]))
        steps = range(low, high) if newer_than is not None else range(high - 1, low - 1, -1)
        for step in steps:
            thing = self._things[places[step][2]]
            if len(labels) < 2 or labels.items() <= self._labels(thing).items():
                yield thing
