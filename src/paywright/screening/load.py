"""Put a version of a list in force."""

import asyncio
import re
from pathlib import Path

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.screening import lists, lists_store
from paywright.screening.lists import BadListName, Delta
from paywright.screening.lists_store import Current, Stored
from paywright.screening.loaders.formats import name_of, read_list
from paywright.screening.loaders.parsed import Damage, Parsed
from paywright.screening.loaders.sources import Source, from_bytes, opened
from paywright.screening.tasks import ask_for_rescreen

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_TOLD_MAX = 20


class LoadedList(msgspec.Struct, frozen=True, kw_only=True):
    """What loading a list did. `damaged`: the first rows that could not be read.

    generation: of all lists, after it; the same as before when nothing changed
    """

    name: str
    version: str
    format: str
    generation: int
    entries: int
    added: int
    changed: int
    removed: int
    unchanged: int
    damaged_rows: int
    damaged: list[Damage]


async def load_list(
    db: Database,
    cause: Cause,
    *,
    source: Path | bytes,
    name: str | None = None,
    format: str | None = None,
    force: bool = False,
) -> LoadedList:
    """Read a list and put it in force, as a whole or not at all. The same again changes nothing.

    source: a file, with what OFAC publishes beside it, or the content of one
    name:   of the list; a list of that name is replaced. None: after the file
    format: one of `formats.READERS`; None: found by looking
    force:  load it although rows are damaged or most entries are gone
    Raises ListUnreadable, ListTooLarge, ListDamaged, ListTruncated, BadListName.
    """
    cause.actor.require(Permission.MANAGE_LISTS)
    if name is not None and not _NAME.fullmatch(name):
        raise BadListName.field("name", f"{name[:64]!r} is no name of a list")
    read = await asyncio.to_thread(_read, source, name, format)
    async with db.transaction() as tx:
        await lists_store.lock(tx)
        in_force = await lists_store.current(tx)
        before = in_force.get(read.name)
        if not force:
            lists.check_plausible(read.parsed, entries_before=before.entries if before else 0)
        hashes = {} if before is None else await lists_store.hashes(tx, read.name)
        delta = lists.delta(hashes, {entry_id: it.hash for entry_id, it in read.entries.items()})
        if before is not None and before.version == read.version:
            return _told(read, delta, await lists_store.generation(tx))
        versions = {it.name: it.version for it in in_force.values()} | {read.name: read.version}
        generation = await lists_store.add_generation(tx, versions, at=cause.at)
        await _put_in_force(tx, cause, read, delta, generation)
        loaded = _told(read, delta, generation)
        await ask_for_rescreen(tx, cause)
        await emit(tx, cause, _event(loaded))
    return loaded


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """A list, read and hashed, before it is on file. `source`: name of the file."""

    name: str
    source: str
    version: str
    parsed: Parsed
    entries: dict[str, Stored]


def _read(source: Path | bytes, name: str | None, format: str | None) -> _Read:
    if isinstance(source, bytes):
        return _hashed(from_bytes(name or "list", source), name or "list", format)
    with opened(source) as stream:
        return _hashed(stream, name or name_of(stream), format)


def _hashed(stream: Source, name: str, format: str | None) -> _Read:
    parsed = read_list(stream, name=name, format=format)
    entries = {entry.id: Stored(lists.hash_of(entry), entry) for entry in parsed.entries}
    version = lists.version_of(stored.hash for stored in entries.values())
    return _Read(name=name, source=stream.name, version=version, parsed=parsed, entries=entries)


async def _put_in_force(tx: Tx, cause: Cause, read: _Read, delta: Delta, generation: int) -> None:
    await lists_store.replace(
        tx,
        read.name,
        gone=[*delta.removed, *delta.changed],
        new={entry_id: read.entries[entry_id] for entry_id in delta.added | delta.changed},
        generation=generation,
    )
    await lists_store.put_in_force(
        tx,
        Current(read.name, read.version, len(read.entries)),
        format=read.parsed.format,
        source=read.source[:200],
        damaged=len(read.parsed.damaged),
        by=cause.actor.id,
        at=cause.at,
    )


def _told(read: _Read, delta: Delta, generation: int) -> LoadedList:
    return LoadedList(
        name=read.name,
        version=read.version,
        format=read.parsed.format,
        generation=generation,
        entries=len(read.entries),
        added=len(delta.added),
        changed=len(delta.changed),
        removed=len(delta.removed),
        unchanged=delta.unchanged,
        damaged_rows=len(read.parsed.damaged),
        damaged=list(read.parsed.damaged[:_TOLD_MAX]),
    )


def _event(loaded: LoadedList) -> Event:
    data = {
        field: getattr(loaded, field)
        for field in ("version", "generation", "entries", "added", "changed", "removed")
    }
    return Event("list.loaded", loaded.name, data)
