"""All SQL over `screening_lists`, `screening_entries` and `screening_generations`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx, from_jsonb, to_jsonb
from paywright.screening.model import Entry

_COLUMNS = ("list", "entry_id", "hash", "generation", "data")


class Current(msgspec.Struct, frozen=True):
    """The version of a list that is in force."""

    name: str
    version: str
    entries: int


class Stored(msgspec.Struct, frozen=True):
    hash: bytes
    entry: Entry


async def lock(tx: Tx) -> None:
    """Lists change one after the other: each change is a generation of its own."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('screening_lists', 0))")


async def current(tx: Tx) -> dict[str, Current]:
    """The lists in force, by name."""
    rows = await tx.fetch(
        "select name, version, entries from screening_lists where is_current order by name"
    )
    return {row["name"]: Current(row["name"], row["version"], row["entries"]) for row in rows}


async def hashes(tx: Tx, name: str) -> dict[str, bytes]:
    """Of the entries of a list, by id."""
    rows = await tx.fetch("select entry_id, hash from screening_entries where list = $1", name)
    return {row["entry_id"]: row["hash"] for row in rows}


async def replace(
    tx: Tx, name: str, *, gone: Sequence[str], new: Mapping[str, Stored], generation: int
) -> None:
    """Remove the entries `gone`, and add the new ones. A changed entry is both."""
    await tx.execute(
        "delete from screening_entries where list = $1 and entry_id = any($2::text[])", name, gone
    )
    rows = [
        b"".join(
            (
                copy.row(5),
                copy.word(name),
                copy.text(entry_id),
                copy.bytea(stored.hash),
                copy.bigint(generation),
                copy.jsonb(msgspec.json.encode(stored.entry)),
            )
        )
        for entry_id, stored in new.items()
    ]
    await copy_rows(tx, "screening_entries", _COLUMNS, rows)


async def put_in_force(
    tx: Tx,
    version: Current,
    *,
    format: str,
    source: str,
    damaged: int,
    by: str,
    at: datetime,
) -> None:
    await tx.execute(
        "update screening_lists set is_current = false where name = $1 and is_current",
        version.name,
    )
    await tx.execute(
        """
        insert into screening_lists (name, version, entries, format, source, damaged, is_current,
                                     loaded_by, loaded_at)
        values ($1, $2, $3, $4, $5, $6, true, $7, $8)
        """,
        version.name,
        version.version,
        version.entries,
        format,
        source,
        damaged,
        by,
        at,
    )


async def generation(tx: Tx) -> int:
    """The newest one; 0 before the first list."""
    return await tx.fetchval("select coalesce(max(id), 0) from screening_generations")


async def add_generation(tx: Tx, versions: Mapping[str, str], *, at: datetime) -> int:
    """Number what is in force now."""
    return await tx.fetchval(
        """
        insert into screening_generations (id, lists, at)
        select coalesce(max(id), 0) + 1, $1::jsonb, $2 from screening_generations
        returning id
        """,
        to_jsonb(versions),
        at,
    )


async def everything(tx: Tx) -> tuple[int, dict[str, str], list[Stored]]:
    """The generation, the versions in force by name, and all entries."""
    row = await tx.fetchrow("select id, lists from screening_generations order by id desc limit 1")
    if row is None:
        return 0, {}, []
    rows = await tx.fetch("select hash, data from screening_entries order by list, entry_id")
    decode = msgspec.json.Decoder(Entry).decode
    stored = [Stored(entry["hash"], decode(entry["data"])) for entry in rows]
    return row["id"], from_jsonb(row["lists"], dict[str, str]), stored


async def since(tx: Tx, *, generation: int) -> list[Entry]:
    """The entries that have come, or changed, after a generation."""
    rows = await tx.fetch("select data from screening_entries where generation > $1", generation)
    decode = msgspec.json.Decoder(Entry).decode
    return [decode(row["data"]) for row in rows]
