"""Read what screening knows: the lists in force, matches to be looked at, one customer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.crypto import KeyRing
from paywright.db.pool import Database, from_jsonb
from paywright.screening import store
from paywright.screening.records import Found, HitId, Record, Sealed

_EVIDENCE_MAX = 20


class NotScreened(NotFound):
    """The customer has not been screened.

    There is no such customer, or it was registered a moment ago.
    """


class ListInForce(msgspec.Struct, frozen=True, kw_only=True):
    """source: name of the file; damaged: rows of it that could not be read"""

    name: str
    version: str
    format: str
    source: str
    entries: int
    damaged: int
    loaded_by: str
    loaded_at: datetime


class Lists(msgspec.Struct, frozen=True):
    generation: int
    items: Sequence[ListInForce]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at one moment, in the clear.

    why: for each match, in order
    """

    id: HitId
    generation: int
    lists: Mapping[str, str]
    matches: Sequence[Found]
    name: str
    why: Sequence[Sequence[str]]
    at: datetime


class Screened(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's row, and its evidence, the newest first."""

    record: Record
    evidence: Sequence[Proof]


async def list_lists(db: Database, cause: Cause) -> Lists:
    """The lists in force, by name."""
    cause.actor.require(Permission.SCREEN_NAMES)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select name, version, format, source, entries, damaged, loaded_by, loaded_at
              from screening_lists
             where is_current
             order by name
            """
        )
        generation = await tx.fetchval("select coalesce(max(id), 0) from screening_generations")
    return Lists(generation, [ListInForce(**dict(row)) for row in rows])


async def list_hits(db: Database, cause: Cause, *, cursor: str | None, limit: int) -> Page[Record]:
    """Customers with matches that nobody has cleared, the latest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_RISK)
    before = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select customer_id, generation, name_hash, matches, hit_id, at
              from customer_screenings
             where status = 'hit' and ($1::uuid is null or hit_id < $1)
             order by hit_id desc
             limit $2
            """,
            before,
            limit + 1,
        )
    records = [store.record_of_row(row) for row in rows]
    return page_of(records, limit=limit, position=lambda record: str(record.hit_id))


async def screening_of(db: Database, keys: KeyRing, cause: Cause, *, customer_id: str) -> Screened:
    """How a customer stands, and why. Raises NotScreened."""
    cause.actor.require(Permission.READ_RISK)
    async with db.snapshot() as tx:
        record = (await store.records(tx, [customer_id])).get(customer_id)
        if record is None:
            raise NotScreened(customer_id)
        rows = await tx.fetch(
            """
            select id, generation, lists, matches, sealed, at
              from screening_hits
             where customer_id = $1
             order by id desc
             limit $2
            """,
            customer_id,
            _EVIDENCE_MAX,
        )
    proofs = []
    for row in rows:
        hit_id = HitId.of(row["id"])
        plain = keys.decrypt(row["sealed"], context=f"screening_hits.sealed:{hit_id}")
        sealed = msgspec.json.decode(plain, type=Sealed)
        proofs.append(
            Proof(
                id=hit_id,
                generation=row["generation"],
                lists=from_jsonb(row["lists"], dict[str, str]),
                matches=from_jsonb(row["matches"], list[Found]),
                name=sealed.name,
                why=sealed.why,
                at=row["at"],
            )
        )
    return Screened(record=record, evidence=proofs)


def _position(cursor: str) -> HitId:
    try:
        return HitId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
