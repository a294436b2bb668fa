"""Whether a bill is one that is on file already. Pure.

People enter one bill twice with a number that is written in another way, with a digit out of
place, or without a number. What they do not do is to bill the same thing under the next number:
rent and flat fees come back with the same amount, and are no duplicates.
The scores are judgements; tests/payments/test_vendor_duplicates.py measures what they find and what
they take for a duplicate wrongly, over pairs whose truth is known.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

import msgspec

from paywright.core.currencies import EXPONENT
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.bill_numbers import (
    Likeness,
    bill_key,
    families,
    is_swapped,
    likeness,
    read_number,
)

__all__ = [
    "Bill",
    "Candidate",
    "Resemblance",
    "bill_key",
    "compare",
    "family_key",
    "look_up_keys",
    "most_alike",
]

# From here on a person is asked. See the test for what it finds.
THRESHOLD = 0.6
_USUAL = 4  # other bills of the same amount: then the amount says little


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill that is entered or edited `at`. payment_id: itself, when it is on file"""

    vendor_id: str
    amount: Money
    bill_number: str | None = None
    bill_date: date | None = None
    at: datetime
    payment_id: PaymentId | None = None
    incident_id: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A bill on file that may be the same. replaces: the payment that it repeats"""

    payment_id: PaymentId
    vendor_id: str
    status: PaymentStatus
    amount: Money
    bill_number: str | None
    bill_date: date | None
    created_at: datetime
    replaces: PaymentId | None = None
    incident_id: str | None = None


class Resemblance(msgspec.Struct, frozen=True, kw_only=True):
    """The bill on file that another one resembles. score: 0 to 1; reasons: in words"""

    payment_id: PaymentId
    bill_number: str | None
    amount: Money
    created_at: datetime
    status: PaymentStatus
    score: float
    reasons: tuple[str, ...]


def family_key(vendor_id: str, currency: str, number: str | None) -> int | None:
    """What a bill is filed under: the same for all bills of the vendor, in the currency, whose
    numbers are alike enough to be compared. 64 bits; two families may share one by chance."""
    return None if number is None else look_up_keys(vendor_id, currency, number)[0]


@lru_cache(20_000)
def look_up_keys(vendor_id: str, currency: str, number: str) -> tuple[int, ...]:
    """Under which bills are filed that may have the same number; its own is the first."""
    return tuple([_key(vendor_id, currency, it) for it in families(number)])


def _key(vendor_id: str, currency: str, family: str) -> int:
    digest = hashlib.sha256(f"{vendor_id}/{currency}/{family}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


_SAME, _CLOSE, _SLIP, _OTHER = range(4)  # amounts
_AMOUNTS = ("same amount", "nearly the same amount", "an amount with a slip", "another amount")
# By number and amount, of bills of one day. None: one of them has no number, or both.
_SCORES: dict[Likeness | None, tuple[float, float, float, float]] = {
    Likeness.SAME: (1.0, 0.95, 0.9, 0.66),
    Likeness.WRITTEN: (0.96, 0.88, 0.85, 0.45),
    Likeness.PART: (0.78, 0.66, 0.5, 0.2),
    Likeness.TYPO: (0.8, 0.55, 0.3, 0.0),
    Likeness.NEXT: (0.4, 0.2, 0.0, 0.0),
    Likeness.FORM: (0.68, 0.4, 0.0, 0.0),
    Likeness.OTHER: (0.45, 0.2, 0.0, 0.0),
    None: (0.8, 0.66, 0.0, 0.0),
}
_BY_NUMBER = frozenset((Likeness.SAME, Likeness.WRITTEN, Likeness.PART))


def most_alike(bill: Bill, candidates: Sequence[Candidate]) -> Resemblance | None:
    """The bill on file that this one resembles most, if it resembles one enough to ask a person.

    What the bill itself is on file as is none of them, and nothing that repeats it.
    """
    own = bill.payment_id
    others = {
        it.payment_id: it
        for it in candidates
        if own is None or own not in (it.payment_id, it.replaces)
    }
    if not others:
        return None
    same = [it for it in others.values() if it.amount == bill.amount]
    is_usual = len(same) >= _USUAL
    found = [_compare(bill, it, is_usual=is_usual) for it in others.values()]
    best = max(found, key=lambda it: (it.score, it.other.payment_id))
    return _told(bill, best) if best.score >= THRESHOLD else None


def compare(bill: Bill, other: Candidate) -> Resemblance:
    """How much two bills are alike."""
    return _told(bill, _compare(bill, other, is_usual=False))


class _Comparison(msgspec.Struct, frozen=True):
    other: Candidate
    score: float
    number: str
    amounts: int
    days: int


def _compare(bill: Bill, other: Candidate, *, is_usual: bool) -> _Comparison:
    """is_usual: the vendor has many of this amount"""
    kind, number = None, "a bill without a number"
    if bill.bill_number is not None and other.bill_number is not None:
        kind, number = likeness(read_number(bill.bill_number), read_number(other.bill_number))
    amounts = _amounts(bill.amount, other.amount)
    days, are_dated = _days(bill, other)
    score = 0.0
    if bill.amount.currency == other.amount.currency:
        score = _SCORES[kind][amounts] * _nearness(kind, days, are_dated=are_dated)
    if kind not in _BY_NUMBER:
        if is_usual:
            score *= 0.7
        if _are_of_other_work(bill, other):
            score *= 0.6
        if kind in (None, Likeness.FORM) and _is_round(bill.amount):
            score *= 0.85
    return _Comparison(other, round(score, 3), number, amounts, days)


def _told(bill: Bill, found: _Comparison) -> Resemblance:
    other, days = found.other, found.days
    apart_by = "on one day" if days == 0 else f"{days} day{'s' if days > 1 else ''} apart"
    reasons = [found.number, f"{_AMOUNTS[found.amounts]}, {apart_by}"]
    if other.vendor_id != bill.vendor_id:
        reasons.append(f"paid to the same account as vendor {other.vendor_id}")
    return Resemblance(
        payment_id=other.payment_id,
        bill_number=other.bill_number,
        amount=other.amount,
        created_at=other.created_at,
        status=other.status,
        score=found.score,
        reasons=tuple(reasons),
    )


def _are_of_other_work(bill: Bill, other: Candidate) -> bool:
    """For two incidents. Where neither has a number, what they are for is all that tells them
    apart: one of them for none is another, too."""
    if bill.bill_number is None and other.bill_number is None:
        return bill.incident_id != other.incident_id
    return None not in (bill.incident_id, other.incident_id) and (
        bill.incident_id != other.incident_id
    )


def _amounts(one: Money, two: Money) -> int:
    if one.currency != two.currency:
        return _OTHER
    if one.minor == two.minor:
        return _SAME
    larger, difference = max(one.minor, two.minor), abs(one.minor - two.minor)
    # Cents that were rounded on each line, or on the whole.
    if (difference <= 5 and difference * 50 <= larger) or (
        difference <= 100 and difference * 500 <= larger
    ):
        return _CLOSE
    mine, other = str(one.minor), str(two.minor)
    if is_swapped(mine, other) or mine.rstrip("0") == other.rstrip("0"):
        return _SLIP
    return _OTHER


def _days(bill: Bill, other: Candidate) -> tuple[int, bool]:
    """Between the dates of the bills, where both have one, else between the days of entry."""
    if bill.bill_date is not None and other.bill_date is not None:
        return abs((bill.bill_date - other.bill_date).days), True
    return abs(bill.at - other.created_at).days, False


def _nearness(kind: Likeness | None, days: int, *, are_dated: bool) -> float:
    """What the days between two bills leave of their likeness."""
    if kind in _BY_NUMBER:
        # Who numbers bills anew each year comes back to the same number.
        return 0.55 if days > 300 else 1 - days / 3000
    if days == 0:
        return 1.0
    if days <= 3:
        # The same paper bears the same date, whoever enters it.
        return 0.72 if are_dated else 0.95
    if days <= 7:
        return 0.6 if are_dated else 0.8
    return 0.45


def _is_round(amount: Money) -> bool:
    """Hundreds: many bills have such an amount by chance."""
    return amount.minor % (100 * 10 ** EXPONENT[amount.currency]) == 0
