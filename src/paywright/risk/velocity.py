"""How much a customer has moved lately. Pure."""

from datetime import datetime
from typing import NamedTuple

import msgspec

_DAY_S = 86_400
SLOT_S = 300
_SLOTS_PER_HOUR = 3600 // SLOT_S


class Pace(NamedTuple):
    """With the payment that is looked at. `sum_today_minor`: in its currency."""

    count_today: int
    count_1h: int
    sum_today_minor: int


class Profile(msgspec.Struct):
    """What one customer has moved in this UTC day and in the last hour.

    day:   since 1970-01-01, in UTC
    sums:  of the day, by currency
    slots: payments by five minutes, since 1970-01-01, of the last hour and whatever is older and
           has not been cleared away yet
    """

    day: int = 0
    count: int = 0
    sums: dict[str, int] = {}
    slots: dict[int, int] = {}

    def pace(self, *, at: datetime, amount_minor: int, currency: str) -> Pace:
        """How it would be after one more payment.

        The hour is counted in whole slots: it has 60 to 65 minutes.
        """
        second = int(at.timestamp())
        since = second // SLOT_S - _SLOTS_PER_HOUR
        recent = 1
        for slot, n in self.slots.items():
            if slot >= since:
                recent += n
        # A clock that is a little behind does not bring yesterday back.
        if second // _DAY_S > self.day:
            return Pace(1, recent, amount_minor)
        return Pace(self.count + 1, recent, self.sums.get(currency, 0) + amount_minor)

    def count_in(self, *, at: datetime, amount_minor: int, currency: str) -> None:
        """One more payment was made."""
        second = int(at.timestamp())
        slot, day = second // SLOT_S, second // _DAY_S
        if day > self.day:
            self.day, self.count, self.sums = day, 0, {}
        if slot not in self.slots:
            since = slot - _SLOTS_PER_HOUR
            self.slots = {it: n for it, n in self.slots.items() if it >= since}
        self.count += 1
        self.sums[currency] = self.sums.get(currency, 0) + amount_minor
        self.slots[slot] = self.slots.get(slot, 0) + 1

    def count_out(self, *, at: datetime, amount_minor: int, currency: str) -> None:
        """One that was counted in just now was not made after all."""
        self.count -= 1
        self.sums[currency] -= amount_minor
        self.slots[int(at.timestamp()) // SLOT_S] -= 1
