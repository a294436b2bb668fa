"""Credentials that were verified a moment ago, so that not every request asks the database."""

from datetime import datetime

import msgspec

from paywright.core.actor import Actor
from paywright.identity.model import Caller

_TRUST_S = 60.0  # belt and braces: what is revoked is dropped long before
_ENTRIES_MAX = 10_000


class _Entry(msgspec.Struct, frozen=True):
    actor: Actor
    subjects: tuple[str, ...]
    until: float


class Trusted:
    """Known callers by the digest of their secret. `now`: monotonic seconds."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}
        self._by_subject: dict[str, set[bytes]] = {}
        # Counts what was dropped. A look at the database that began before is not to be kept.
        self.generation = 0

    def find(self, digest: bytes, *, now: float) -> Actor | None:
        entry = self._entries.get(digest)
        return entry.actor if entry is not None and now < entry.until else None

    def keep(
        self, digest: bytes, caller: Caller, *, generation: int, at: datetime, now: float
    ) -> None:
        """Remember a caller, unless something was revoked since `generation`.

        at: the same moment as `now`, by the calendar
        """
        if generation != self.generation:
            return
        trust_s = _TRUST_S
        if caller.valid_until is not None:
            trust_s = min(trust_s, (caller.valid_until - at).total_seconds())
        if len(self._entries) >= _ENTRIES_MAX:
            self._entries.clear()
            self._by_subject.clear()
        self._entries[digest] = _Entry(caller.actor, caller.subjects, now + trust_s)
        for subject in caller.subjects:
            self._by_subject.setdefault(subject, set()).add(digest)

    def forget(self, subject: str) -> None:
        """Drop whom a key, a session or a user stands behind."""
        self.generation += 1
        for digest in self._by_subject.pop(subject, ()):
            if (entry := self._entries.pop(digest, None)) is None:
                continue
            for other in entry.subjects:
                if others := self._by_subject.get(other):
                    others.discard(digest)
                    if not others:
                        del self._by_subject[other]

    def forget_all(self) -> None:
        self.generation += 1
        self._entries.clear()
        self._by_subject.clear()
