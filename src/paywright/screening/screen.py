"""Screen customers against all lists, now."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.customers import names_store
from paywright.customers.names_store import Named
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.screening import store
from paywright.screening.model import Match, Query
from paywright.screening.records import (
    Evidence,
    HitId,
    Record,
    ScreeningStatus,
    Sealed,
    Standing,
    is_news,
    kept,
)
from paywright.screening.screener import Loaded, Screener


async def screen_customers(
    db: Database, keys: KeyRing, screener: Screener, cause: Cause, ids: Sequence[str]
) -> dict[str, Standing]:
    """How each of these customers stands, by id. Those who are not on file are absent.

    Part of confirming a payment, so that it asks for no permission of its own. What is found is
    on file afterwards, with its evidence where something new was found.
    """
    lists = await screener.refresh(db)
    async with db.snapshot() as tx:
        people = await names_store.names(tx, keys, sorted(set(ids)))
    named = [person for person in people.values() if person.name is not None]
    queries = [query_of(person) for person in named]
    found = await asyncio.to_thread(lists.screen, queries)
    matches = {person.id: them for person, them in zip(named, found, strict=True)}
    async with db.transaction() as tx:
        return await _record(tx, keys, cause, lists, list(people.values()), matches)


def query_of(person: Named) -> Query:
    """What of a customer is compared. Lists write countries in lower case."""
    countries = [person.country.lower()] if person.country else []
    return Query(name=person.name or "", countries=countries)


def name_hashes(keys: KeyRing, name: str | None) -> list[bytes]:
    """By which a changed name is noticed, without keeping the name.

    One for each key, so that a new key does not look like a new name; the first is to be kept.
    """
    return [] if name is None else keys.blind_indexes(name, field="customer_screenings.name")


async def _record(
    tx: Tx,
    keys: KeyRing,
    cause: Cause,
    lists: Loaded,
    people: Sequence[Named],
    matches: dict[str, list[Match]],
) -> dict[str, Standing]:
    ids = [person.id for person in people]
    before = await store.lock(tx, ids)
    cleared = await store.cleared(tx, ids)
    now: list[Record] = []
    evidence: list[Evidence] = []
    for person in people:
        known = before.get(person.id)
        if known is not None and known.generation > lists.generation:
            now.append(known)  # somebody was faster, with newer lists
            continue
        hashed = name_hashes(keys, person.name)
        them = matches.get(person.id, [])
        record = Record(
            customer_id=person.id,
            generation=lists.generation,
            name_hash=hashed[0] if hashed else None,
            matches=kept(them, lists.hashes, cleared.get(person.id, {}), hashed),
            hit_id=None if known is None else known.hit_id,
            at=cause.at,
        )
        if is_news(known, record, hashed):
            hit_id = HitId.new(cause.at)
            record = msgspec.structs.replace(record, hit_id=hit_id)
            evidence.append(_evidence(keys, hit_id, lists, person, record, them))
        now.append(record)
    await store.save(tx, [it for it in now if it is not before.get(it.customer_id)])
    if evidence:
        await store.keep_evidence(tx, evidence)
    await emit(tx, cause, *_changes(before, now))
    return {record.customer_id: record.standing() for record in now}


def _evidence(
    keys: KeyRing,
    hit_id: HitId,
    lists: Loaded,
    person: Named,
    record: Record,
    matches: Sequence[Match],
) -> Evidence:
    why = {(it.list, it.entry_id): it.why for it in matches}
    sealed = Sealed(
        name=person.name or "",
        country=person.country,
        why=[why[it.list, it.entry_id] for it in record.matches],
    )
    return Evidence(
        id=hit_id,
        customer_id=record.customer_id,
        generation=record.generation,
        lists=lists.lists,
        matches=record.matches,
        sealed=keys.encrypt(
            msgspec.json.encode(sealed).decode(), context=f"screening_hits.sealed:{hit_id}"
        ),
        at=record.at,
    )


def _changes(before: dict[str, Record], now: Sequence[Record]) -> list[Event]:
    """One event for each customer whose status is another than before. Nobody is born a hit."""
    events = []
    for record in now:
        known = before.get(record.customer_id)
        was = ScreeningStatus.CLEAR if known is None else known.status
        if record.status is was:
            continue
        top = record.standing().top
        facts: dict[str, Any] = {
            "generation": record.generation,
            "matches": len(record.matches),
        }
        if top is not None:
            facts |= {"list": top.list, "entry_id": top.entry_id, "score": top.score}
        if record.hit_id is not None:
            facts |= {"hit_id": str(record.hit_id)}
        events.append(
            Event(
                "customer.screened",
                record.customer_id,
                facts,
                before={"status": was.value},
                after={"status": record.status.value},
            )
        )
    return events
