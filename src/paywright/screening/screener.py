"""The lists in the memory of a process, always those of one generation."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from paywright.db.pool import Database
from paywright.screening import lists_store
from paywright.screening.index import DEFAULT_THRESHOLD, Index
from paywright.screening.lists_store import Stored
from paywright.screening.model import Match, Query
from paywright.screening.records import Pair

MATCHES_MAX = 10
_CHUNK = 20  # names; searching one takes a few milliseconds


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """All lists at one moment. It never changes: a change makes another.

    lists:  the versions, by name
    hashes: of the entries
    """

    generation: int
    lists: Mapping[str, str]
    hashes: Mapping[Pair, bytes]
    index: Index
    threshold: float

    def screen(
        self,
        queries: Sequence[Query],
        *,
        threshold: float | None = None,
        limit: int = MATCHES_MAX,
    ) -> list[list[Match]]:
        """For each query its matches, the best first. It computes: many belong into a thread."""
        least = self.threshold if threshold is None else threshold
        return self.index.search_many(queries, threshold=least, limit=limit)


class Screener:
    """Keeps the lists of the database at hand.

    threshold: the score from which a listed entry counts as a match, 0 to 1
    """

    def __init__(self, *, threshold: float = DEFAULT_THRESHOLD) -> None:
        self.current = Loaded(
            generation=0, lists={}, hashes={}, index=Index([]), threshold=threshold
        )
        self._refreshing = asyncio.Lock()
        self._searching = asyncio.Semaphore(2)

    @property
    def generation(self) -> int:
        return self.current.generation

    def screen(self, queries: Sequence[Query]) -> list[list[Match]]:
        return self.current.screen(queries)

    async def search(
        self,
        db: Database,
        queries: Sequence[Query],
        *,
        threshold: float | None = None,
        limit: int = MATCHES_MAX,
    ) -> tuple[Loaded, list[list[Match]]]:
        """The lists in force, and the matches of each query in them.

        In threads, a few queries at a time: whoever asks for a thousand lets others in between.
        """
        lists = await self.refresh(db)
        found: list[list[Match]] = []
        for start in range(0, len(queries), _CHUNK):
            chunk = queries[start : start + _CHUNK]
            async with self._searching:
                found += await asyncio.to_thread(
                    lists.screen, chunk, threshold=threshold, limit=limit
                )
        return lists, found

    async def refresh(self, db: Database) -> Loaded:
        """The lists in force. They are loaded when they have changed, in a thread; until that is
        done `current` answers with those before."""
        async with db.snapshot() as tx:
            newest = await lists_store.generation(tx)
        if newest <= self.generation:
            return self.current
        async with self._refreshing:
            if newest > self.generation:
                async with db.snapshot() as tx:
                    generation, versions, stored = await lists_store.everything(tx)
                self.current = await asyncio.to_thread(
                    _loaded, generation, versions, stored, self.current.threshold
                )
        return self.current


def _loaded(
    generation: int, versions: Mapping[str, str], stored: Sequence[Stored], threshold: float
) -> Loaded:
    return Loaded(
        generation=generation,
        lists=versions,
        hashes={(it.entry.list, it.entry.id): it.hash for it in stored},
        index=Index([it.entry for it in stored]),
        threshold=threshold,
    )
