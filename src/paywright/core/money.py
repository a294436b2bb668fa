"""Exact money. Integers in minor units; there is no float on any path."""

import re
from collections.abc import Sequence
from typing import Self

import msgspec

from paywright.core.currencies import EXPONENT

MINOR_MAX = 2**63 - 1  # what a bigint column holds

_DECIMAL = re.compile(r"(-?)([0-9]{1,19})(?:\.([0-9]+))?", re.ASCII)


class Money(msgspec.Struct, frozen=True):
    """An amount in its currency's minor unit: `Money(1099, "EUR")` is €10.99.

    Raises ValueError for an unknown currency or an amount that no bigint column can hold,
    also when arithmetic leads there.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENT:
            raise ValueError(f"unknown currency {self.currency!r}")
        if not -MINOR_MAX <= self.minor <= MINOR_MAX:
            raise ValueError(f"amount out of range: {self.minor}")

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read a decimal amount: `10.99` of EUR is 1099 minor units, `1099` of JPY is 1099.

        Raises ValueError for what is not a plain decimal, and for more digits after the point than
        the currency has: nothing is ever rounded.
        """
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise ValueError(f"not a decimal amount: {text[:40]!r}")
        if currency not in EXPONENT:
            raise ValueError(f"unknown currency {currency!r}")
        sign, whole, part = match[1], match[2], match[3] or ""
        digits = EXPONENT[currency]
        if len(part) > digits:
            allowed = f"at most {digits} digits" if digits else "no digits"
            raise ValueError(f"{currency} has {allowed} after the decimal point")
        return cls(int(f"{sign}{whole}{part:0<{digits}}"), currency)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.minor <= self._same(other)

    def __str__(self) -> str:
        digits = EXPONENT[self.currency]
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}{f'.{part:0{digits}}' if digits else ''} {self.currency}"

    def split(self, weights: Sequence[int]) -> list[Self]:
        """Divide by weight without losing a minor unit; earlier shares take the remainder."""
        total = sum(weights)
        shares = [self.minor * weight // total for weight in weights]
        for i in range(self.minor - sum(shares)):
            shares[i] += 1
        return [type(self)(share, self.currency) for share in shares]

    def _same(self, other: Self) -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.minor
