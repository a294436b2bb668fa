"""Bring the screening of all customers up to date: after a list changed, after a customer did."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.customers import names_store
from paywright.customers.names_store import Named
from paywright.db.pool import Database
from paywright.screening import lists_store, store
from paywright.screening.index import Index
from paywright.screening.records import Record
from paywright.screening.screen import name_hashes, query_of, screen_customers
from paywright.screening.screener import Loaded, Screener
from paywright.screening.tasks import ask_for_rescreen

_PAGE = 1000
# How late a change of a customer may become visible: transactions commit in another order than
# they read the clock, and the clocks of two machines differ.
_LATENESS = timedelta(minutes=2)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Told after each page: how many customers are done, and how many there were to do.
OnPage = Callable[[int, int], None]


async def rescreen(
    db: Database,
    keys: KeyRing,
    screener: Screener,
    cause: Cause,
    *,
    on_page: OnPage = lambda done, total: None,
) -> int:
    """Screen everybody who was last screened against older lists; how many.

    Whoever matched nothing is compared only with the entries that have come or changed since. Safe
    to stop and to repeat: each page is on file when it is done.
    """
    cause.actor.require(Permission.MANAGE_LISTS)
    done, deltas = 0, _Deltas(db)
    lists = await screener.refresh(db)
    async with db.snapshot() as tx:
        total = await store.count_outdated(tx, generation=lists.generation)
    after = ""
    while True:
        async with db.snapshot() as tx:
            page = await store.outdated(tx, generation=lists.generation, after=after, limit=_PAGE)
        if page:
            affected = await _page(db, keys, cause, lists, page, deltas)
            await screen_customers(db, keys, screener, cause, affected)
            done, after = done + len(page), page[-1].customer_id
            on_page(done, max(total, done))
            continue
        newest = await screener.refresh(db)
        if newest.generation == lists.generation:
            return done
        lists, after, deltas = newest, "", _Deltas(db)  # a list has changed in the meantime


class _Deltas:
    """What has come or changed since a generation, as an index; each is made once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._made: dict[int, Index | None] = {}

    async def since(self, generation: int, lists: Loaded) -> Index | None:
        """None: so much that searching everything is no more work."""
        if generation not in self._made:
            async with self._db.snapshot() as tx:
                entries = await lists_store.since(tx, generation=generation)
            small = len(entries) * 2 < len(lists.hashes)
            self._made[generation] = await asyncio.to_thread(Index, entries) if small else None
        return self._made[generation]


async def _page(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    lists: Loaded,
    page: Sequence[Record],
    deltas: _Deltas,
) -> list[str]:
    """Confirm those whom the changes do not concern; the ids of the others."""
    async with db.snapshot() as tx:
        people = await names_store.names(tx, keys, [record.customer_id for record in page])
    gone = [it.customer_id for it in page if it.customer_id not in people]
    affected: list[str] = []
    unharmed: list[str] = []
    compared: defaultdict[int, list[Named]] = defaultdict(list)
    for record in page:
        person = people.get(record.customer_id)
        if person is not None and _is_as_it_was(keys, person, record):
            compared[record.generation].append(person)
        elif person is not None:
            affected.append(record.customer_id)
    for generation, them in compared.items():
        index = await deltas.since(generation, lists)
        if index is None:
            affected += [person.id for person in them]
            continue
        queries = [query_of(person) for person in them]
        found = await asyncio.to_thread(
            index.search_many, queries, threshold=lists.threshold, limit=1
        )
        for person, matches in zip(them, found, strict=True):
            (affected if matches else unharmed).append(person.id)
    async with db.transaction() as tx:
        await store.confirm(tx, unharmed, generation=lists.generation, at=cause.at)
        await store.forget(tx, gone)
    return affected


def _is_as_it_was(keys: KeyRing, person: Named, record: Record) -> bool:
    """Whether the customer has matched nothing, under the name that it still has."""
    if record.matches or person.name is None:
        return False
    return record.name_hash in name_hashes(keys, person.name)


async def screen_changed(db: Database, keys: KeyRing, screener: Screener, cause: Cause) -> int:
    """Screen customers who are new or have changed since somebody looked; how many.

    Also asks for a rescreen where customers were left behind by a change of the lists.
    """
    async with db.transaction() as tx:
        seen = await store.seen_until(tx)
        if await store.any_outdated(tx):
            await ask_for_rescreen(tx, cause)
    after, screened = None, 0
    since = _EVER if seen is None else seen - _LATENESS
    while True:
        async with db.snapshot() as tx:
            page = await names_store.changed(tx, since=since, after=after, limit=_PAGE)
            ids = [customer_id for _, customer_id in page]
            people = await names_store.names(tx, keys, ids)
            on_file = await store.records(tx, ids)
        if not page:
            break
        due = [it.id for it in people.values() if _is_due(keys, it, on_file.get(it.id))]
        if due:
            await screen_customers(db, keys, screener, cause, due)
        async with db.transaction() as tx:
            await store.set_seen(tx, page[-1][0])
        after, screened = page[-1], screened + len(due)
    async with db.transaction() as tx:
        await store.set_seen(tx, cause.at)
    return screened


def _is_due(keys: KeyRing, person: Named, record: Record | None) -> bool:
    if record is None or record.at < person.updated_at:
        return True
    if person.name is None:
        return record.name_hash is not None
    return record.name_hash not in name_hashes(keys, person.name)
