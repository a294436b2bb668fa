"""All names of the lists, in memory, and who of them is like a name."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from paywright.screening.align import align, glue
from paywright.screening.compare import score_of
from paywright.screening.evidence import identifier, most_raised, needed, weigh
from paywright.screening.explain import explain
from paywright.screening.model import Entry, Match, Query
from paywright.screening.names import Name, for_search, parse
from paywright.screening.reach import Outline, outline, promise, reaches
from paywright.screening.vocabulary import Row, Vocabulary

DEFAULT_THRESHOLD = 0.69

_WEAK_ALIAS = 0.1
# Words that say nothing find nobody
_TELLING = 0.1
# What a name may gain on what its words promised: a word that shares no key with its partner
_SURPRISE = 0.25
# The same, when what it shares is in so few names
_SURPRISE_RARE = 1.0


class _Listed(msgspec.Struct, frozen=True, gc=False):
    """A name of the entry with this number. words: its words by number."""

    entry: int
    text: str
    is_weak: bool
    name: Name
    outline: Outline
    words: tuple[int, ...]


class Index:
    """Entries of any lists. Built once and never changed; a changed list is another index."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = list(entries)
        self._vocabulary = Vocabulary()
        self._identifiers: dict[str, list[int]] = {}
        named = [one for number, entry in enumerate(self._entries) for one in _named(number, entry)]
        named.sort(key=lambda one: one[3].weight)
        self._names = [self._file(number, *one) for number, one in enumerate(named)]
        self._vocabulary.freeze()
        self._weights = [listed.name.weight for listed in self._names]
        for number, entry in enumerate(self._entries):
            for text in entry.identifiers:
                if signs := identifier(text):
                    self._identifiers.setdefault(signs, []).append(number)

    def __len__(self) -> int:
        return len(self._entries)

    def search(
        self, query: Query, *, threshold: float = DEFAULT_THRESHOLD, limit: int = 10
    ) -> list[Match]:
        """The entries that reach `threshold`, the best first, `limit` at most, each once.

        What was found is never cut off before it was scored.
        """
        name = for_search(parse(query.name, query.kind))
        raised = most_raised(query)
        floor = (threshold - raised) / (1 - raised)
        best: dict[int, tuple[float, int]] = {}
        for number in self._candidates(name, query, threshold, floor):
            score = self._score(name, number)
            entry = self._names[number].entry
            if score >= floor and (entry not in best or best[entry][0] < score):
                best[entry] = (score, number)
        for entry in self._by_identifier(query):
            best.setdefault(entry, (0.0, self._first_name(entry)))
        weighed = [
            (weigh(score, self._entries[entry], query), score, entry, number)
            for entry, (score, number) in best.items()
        ]
        hits = [hit for hit in weighed if hit[0][0] >= threshold]
        hits.sort(key=lambda hit: (-hit[0][0], -hit[1], hit[2]))
        return [
            self._match(name, score, why, number) for (score, why), _, _, number in hits[:limit]
        ]

    def search_many(
        self, queries: Sequence[Query], *, threshold: float = DEFAULT_THRESHOLD, limit: int = 10
    ) -> list[list[Match]]:
        """`search` for each, in order; the same query is looked up once."""
        found: dict[bytes, list[Match]] = {}
        answers: list[list[Match]] = []
        for query in queries:
            key = msgspec.msgpack.encode(query)
            if key not in found:
                found[key] = self.search(query, threshold=threshold, limit=limit)
            answers.append(found[key])
        return answers

    def _file(self, number: int, entry: int, text: str, is_weak: bool, name: Name) -> _Listed:
        words = tuple([self._vocabulary.file(part, number) for part in name.parts])
        for pair in pairwise(name.parts):
            self._vocabulary.file_joined(glue(pair), number)
        return _Listed(entry, text, is_weak, name, outline(name), words)

    def _candidates(self, name: Name, query: Query, threshold: float, floor: float) -> list[int]:
        """Names that may reach `floor`, and with their evidence `threshold`, judged by the words
        that they share."""
        asked = outline(name)
        rows = [self._vocabulary.row(part) for part in name.parts]
        telling = self._telling(name)
        sharing, rare = self._sharing(telling, name.weight, floor)
        found: list[int] = []
        for number in sharing:
            shared = 0.0
            for row, weight in telling:
                if number in row.names:
                    shared += row.names[number] * weight
            more = shared + (_SURPRISE_RARE if number in rare else _SURPRISE)
            most = promise(more, name.weight, self._weights[number])
            if most < floor:
                continue
            listed = self._names[number]
            least = floor
            if floor < threshold:
                least = max(floor, needed(threshold, self._entries[listed.entry], query))
            if most >= least and reaches(least, asked, listed.outline, rows, listed.words):
                found.append(number)
        return found

    def _telling(self, name: Name) -> list[tuple[Row, float]]:
        """Each word once, and each two that stand side by side as one, with its weight."""
        row = self._vocabulary.row
        words = {part.text: part for part in name.parts if part.weight >= _TELLING}
        pairs = {glued.text: glued for glued in map(glue, pairwise(name.parts))}
        return [(row(part), part.weight) for part in words.values()] + [
            (row(part, is_joined=True), part.weight) for part in pairs.values()
        ]

    def _sharing(
        self, telling: Sequence[tuple[Row, float]], weight: float, floor: float
    ) -> tuple[set[int], set[int]]:
        """The names that share several words, or the only one that a name has, or a rare one;
        and those that share a rare one."""
        once: set[int] = set()
        several: set[int] = set()
        rare: set[int] = set()
        for row, _ in telling:
            names = row.names.keys()
            several |= names & once
            once |= names
            rare |= row.rare
        single = max([weight for _, weight in telling], default=0.0) + _SURPRISE
        # Names are in the order of their weight, and heavier ones promise less
        end = bisect_left(
            self._weights,
            True,
            lo=bisect_left(self._weights, single),
            key=lambda listed: promise(single, weight, listed) < floor,
        )
        return several | rare | {number for number in once if number < end}, rare

    def _score(self, name: Name, number: int) -> float:
        listed = self._names[number]
        score = score_of(name, listed.name, align(name, listed.name))
        return score * (1 - _WEAK_ALIAS) if listed.is_weak else score

    def _by_identifier(self, query: Query) -> list[int]:
        signs = [identifier(text) for text in query.identifiers]
        return [entry for sign in signs if sign for entry in self._identifiers.get(sign, ())]

    def _first_name(self, entry: int) -> int:
        return next(n for n, listed in enumerate(self._names) if listed.entry == entry)

    def _match(self, name: Name, score: float, why: list[str], number: int) -> Match:
        listed = self._names[number]
        entry = self._entries[listed.entry]
        told = list(explain(name, listed.name, align(name, listed.name)))
        if listed.text != entry.name:
            told.append("matches a weak alias" if listed.is_weak else "matches an alias")
        return Match(
            list=entry.list,
            entry_id=entry.id,
            name=entry.name,
            matched_name=listed.text,
            score=round(score, 4),
            why=(*told, *why),
            programs=entry.programs,
        )


def _named(number: int, entry: Entry) -> Iterator[tuple[int, str, bool, Name]]:
    """All names of an entry, taken apart: number of the entry, name, is weak, words."""
    yield number, entry.name, False, for_search(parse(entry.name, entry.kind))
    for alias in entry.aliases:
        yield number, alias.name, alias.is_weak, for_search(parse(alias.name, entry.kind))
