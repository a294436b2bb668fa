"""Ids that say what they name: `iss_01jf…` outside, a 16-byte UUIDv7 in PostgreSQL.

The text form is a TypeID (github.com/jetify-com/typeid, spec 0.3.0).
"""

import os
from datetime import datetime
from typing import ClassVar, Self, TypeVar
from uuid import UUID, SafeUUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case
_LOW_62 = (1 << 62) - 1
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUE = {char: value for value, char in enumerate(_ALPHABET)}


_DICE_BYTES = 10
_dice_left: list[bytes] = []


def _dice() -> int:
    """74 random bits. The system is asked for many at a time: each call to it has its price."""
    while True:
        try:
            return int.from_bytes(_dice_left.pop()) >> 6
        except IndexError:
            many = os.urandom(_DICE_BYTES * 512)
            _dice_left.extend(many[i : i + _DICE_BYTES] for i in range(0, len(many), _DICE_BYTES))


# A child process must not roll what its parent will roll.
if hasattr(os, "register_at_fork"):  # not where processes cannot fork
    os.register_at_fork(after_in_child=_dice_left.clear)


_keep = object.__setattr__  # a UUID does not let itself be written to


class Id(UUID):
    """Base of all ids. Time-ordered, so a primary key also sorts by creation."""

    __slots__ = ("_text",)
    prefix: ClassVar[str]

    @classmethod
    def new(cls, at: datetime) -> Self:
        """A fresh id of the millisecond `at` (RFC 9562, version 7)."""
        ms = int(at.timestamp() * 1000)
        dice = _dice()
        return _made(cls, ms << 80 | 0x7 << 76 | dice >> 62 << 64 | 0b10 << 62 | dice & _LOW_62)

    @classmethod
    def of(cls, uuid: UUID) -> Self:
        """The id that a database column holds."""
        return _made(cls, uuid.int)

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
        made = _made(cls, number)
        _keep(made, "_text", text)
        return made

    def __str__(self) -> str:
        try:
            return self._text
        except AttributeError:  # asked for the first time
            _keep(self, "_text", f"{self.prefix}_{self.suffix()}")
            return self._text

    def suffix(self) -> str:
        """The text form without its prefix: ids of one uuid have it in common."""
        number = self.int
        return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


_AnyId = TypeVar("_AnyId", bound=Id)


def _made(kind: type[_AnyId], number: int) -> _AnyId:
    """The same as `kind(int=number)`, in half the time."""
    made = object.__new__(kind)
    _keep(made, "int", number)
    _keep(made, "is_safe", SafeUUID.unknown)
    return made


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


class AccountId(Id):
    __slots__ = ()
    prefix = "acc"


class TransferId(Id):
    """A movement of the ledger. That of a payment has the payment's uuid: `pay_x` and `trf_x`."""

    __slots__ = ()
    prefix = "trf"


class UserId(Id):
    __slots__ = ()
    prefix = "usr"


class SessionId(Id):
    __slots__ = ()
    prefix = "ses"


class ChallengeId(Id):
    __slots__ = ()
    prefix = "chl"


class ExemptionId(Id):
    __slots__ = ()
    prefix = "exm"


class MessageId(Id):
    __slots__ = ()
    prefix = "msg"


class CheckId(Id):
    __slots__ = ()
    prefix = "kyc"


class RefundId(Id):
    """A refund of a charge. What the ledger holds for it has the same uuid."""

    __slots__ = ()
    prefix = "rfd"


class ReconciliationId(Id):
    __slots__ = ()
    prefix = "rec"


class VendorChangeId(Id):
    """A change of where a vendor's money goes."""

    __slots__ = ()
    prefix = "vch"


class ApprovalId(Id):
    __slots__ = ()
    prefix = "apr"


class DelegationId(Id):
    __slots__ = ()
    prefix = "dlg"


class RunId(Id):
    """A payment run: payments that leave together."""

    __slots__ = ()
    prefix = "run"


class StatusReportId(Id):
    """A bank's answer to the file of a payment run."""

    __slots__ = ()
    prefix = "psr"
