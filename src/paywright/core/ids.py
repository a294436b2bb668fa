"""Ids that say what they name: `iss_01jf…` outside, a 16-byte UUIDv7 in PostgreSQL.

The text form is a TypeID (github.com/jetify-com/typeid, spec 0.3.0).
"""

from datetime import datetime
from secrets import randbits
from typing import ClassVar, Self
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case
_LOW_62 = (1 << 62) - 1
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUE = {char: value for value, char in enumerate(_ALPHABET)}


class Id(UUID):
    """Base of all ids. Time-ordered, so a primary key also sorts by creation."""

    __slots__ = ()
    prefix: ClassVar[str]

    @classmethod
    def new(cls, at: datetime) -> Self:
        """A fresh id of the millisecond `at` (RFC 9562, version 7)."""
        ms = int(at.timestamp() * 1000)
        dice = randbits(74)  # once: each call asks the system
        return cls(int=ms << 80 | 0x7 << 76 | dice >> 62 << 64 | 0b10 << 62 | dice & _LOW_62)

    @classmethod
    def of(cls, uuid: UUID) -> Self:
        """The id that a database column holds."""
        return cls(int=uuid.int)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Raises ValueError when it is not an id of this kind."""
        prefix, _, suffix = text.rpartition("_")
        if prefix != cls.prefix or len(suffix) != 26 or suffix[0] > "7":
            raise ValueError(f"not a {cls.prefix}_ id: {text[:64]!r}")
        number = 0
        for char in suffix:
            if (value := _VALUE.get(char)) is None:
                raise ValueError(f"not a {cls.prefix}_ id: {text[:64]!r}")
            number = number << 5 | value
        return cls(int=number)

    def __str__(self) -> str:
        number = self.int
        suffix = "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
        return f"{self.prefix}_{suffix}"


class IssueId(Id):
    __slots__ = ()
    prefix = "iss"


class DecisionId(Id):
    __slots__ = ()
    prefix = "dec"


class ActionId(Id):
    __slots__ = ()
    prefix = "act"


class ReviewId(Id):
    __slots__ = ()
    prefix = "rev"


class EventId(Id):
    __slots__ = ()
    prefix = "evt"


class KeyId(Id):
    __slots__ = ()
    prefix = "key"


class PaymentId(Id):
    __slots__ = ()
    prefix = "pay"
