"""What a list must be like before it is put in force, and what it changes."""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from paywright.core.errors import Conflict, Invalid
from paywright.screening.loaders.parsed import Parsed
from paywright.screening.model import Entry

_DAMAGED_ONE_IN = 50
_encoder = msgspec.msgpack.Encoder()


class ListDamaged(Invalid):
    """Too many rows of the list cannot be read.

    More than one in fifty. Nothing was changed. Fetch the list again, or load it with force when
    the rows are known to be worthless.
    """


class ListTruncated(Conflict):
    """The list has far fewer entries than the version in force.

    Less than half: a download that broke off looks like that, and would clear everybody else.
    Nothing was changed. Load it with force when the list has really shrunk.
    """


class BadListName(Invalid):
    """The name is not one that a list can have.

    A name has 1 to 64 of a-z, 0-9, `_`, `-` and `.`, and begins with a letter or a digit.
    """


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What a new version changes, by the ids of the entries."""

    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]
    unchanged: int


def hash_of(entry: Entry) -> bytes:
    """16 bytes that differ when anything of the entry does."""
    return hashlib.sha256(_encoder.encode(entry)).digest()[:16]


def version_of(hashes: Iterable[bytes]) -> str:
    """Of a list: the same entries make the same version, in any order and any file."""
    return hashlib.sha256(b"".join(sorted(hashes))).hexdigest()[:12]


def check_plausible(parsed: Parsed, *, entries_before: int) -> None:
    """Raises ListDamaged or ListTruncated."""
    damaged = len(parsed.damaged)
    if not parsed.entries or damaged * _DAMAGED_ONE_IN > len(parsed.entries):
        rows = "; ".join(f"row {it.row}: {it.reason}" for it in parsed.damaged[:5])
        raise ListDamaged(
            f"{len(parsed.entries)} entries, {damaged} damaged rows" + (f": {rows}" if rows else "")
        )
    if len(parsed.entries) * 2 < entries_before:
        raise ListTruncated(f"{len(parsed.entries)} entries, {entries_before} before")


def delta(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> Delta:
    """From the hashes of the entries."""
    both = before.keys() & now.keys()
    changed = frozenset(entry_id for entry_id in both if before[entry_id] != now[entry_id])
    return Delta(
        added=frozenset(now.keys() - before.keys()),
        changed=changed,
        removed=frozenset(before.keys() - now.keys()),
        unchanged=len(both) - len(changed),
    )
