"""Pairs of bills whose truth is known: entered twice, or two bills. Invented, from a seed."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random

from tests.builders import NOON

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.duplicates import Bill, Candidate

TODAY = NOON.date()
Pair = tuple[Bill, Candidate]


def a_bill(number: str | None = "INV-0042", amount: int = 125_000, **changes: object) -> Bill:
    fields: dict[str, object] = {
        "vendor_id": "towing_7", "amount": Money(amount, "EUR"), "bill_number": number, "at": NOON,
    }  # fmt: skip
    return Bill(**fields | changes)  # ty: ignore[invalid-argument-type]


def on_file(
    number: str | None = "INV-0042",
    amount: int = 125_000,
    *,
    days: int = 0,
    currency: str = "EUR",
    **changes: object,
) -> Candidate:
    """A bill that was entered so many days before."""
    at = NOON - timedelta(days=days)
    fields: dict[str, object] = {
        "payment_id": PaymentId.new(at), "vendor_id": "towing_7", "bill_number": number,
        "status": PaymentStatus.SUCCEEDED, "amount": Money(amount, currency), "bill_date": None,
        "created_at": at,
    }  # fmt: skip
    return Candidate(**fields | changes)  # ty: ignore[invalid-argument-type]


class Pairs:
    """One method for each kind. What is drawn is drawn from `dice`."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)

    def many(self, kind: str, count: int) -> Iterator[Pair]:
        draw: Callable[[], Pair] = getattr(self, kind)
        for _ in range(count):
            yield draw()

    def _serial(self, digits: int | None = None) -> str:
        length = digits or self.dice.choice([2, 3, 4, 5, 6, 8])
        return str(self.dice.randrange(10 ** (length - 1), 10**length))

    def _amount(self) -> int:
        """Euros and cents; one in five is a round one."""
        if self.dice.random() < 0.2:
            return self.dice.randrange(1, 90) * 10_000
        return self.dice.randrange(1_500, 2_000_000)

    def _dressed(self, serial: str) -> str:
        """A number as people write it."""
        word = self.dice.choice(["", "INV-", "inv ", "INV", "Invoice No. ", "#", "RE-", "Bill "])
        return word + "0" * self.dice.choice([0, 0, 1, 2, 3]) + serial

    def _pair(self, one: str | None, two: str | None, amounts: tuple[int, int], days: int) -> Pair:
        """With the same date on both papers, or with none; entered so many days apart."""
        dated: date | None = None
        if self.dice.random() < 0.5:
            dated = TODAY - timedelta(days=days + self.dice.randrange(10))
        mine, other = (one, two) if self.dice.random() < 0.5 else (two, one)
        return (
            a_bill(mine, amounts[0], bill_date=dated),
            on_file(other, amounts[1], days=days, bill_date=dated),
        )

    def _two(self, one: str | None, two: str | None, amounts: tuple[int, int], days: int) -> Pair:
        """Two papers: each has its own date, or they have none."""
        mine: date | None = None
        other: date | None = None
        if self.dice.random() < 0.5:
            mine, other = TODAY, TODAY - timedelta(days=days)
        return (
            a_bill(one, amounts[0], bill_date=mine),
            on_file(two, amounts[1], days=days, bill_date=other),
        )

    def _same(self) -> tuple[int, int]:
        amount = self._amount()
        return amount, amount

    # One bill, entered twice.

    def twice(self) -> Pair:
        number = self._dressed(self._serial())
        return self._pair(number, number, self._same(), self.dice.randrange(100))

    def dressed_otherwise(self) -> Pair:
        serial = self._serial()
        one, two = self._dressed(serial), self._dressed(serial)
        return self._pair(one, two, self._same(), self.dice.randrange(60))

    def letters_for_digits(self) -> Pair:
        serial = self._serial(6)
        wrong = serial.replace("0", self.dice.choice("Oo")).replace("1", self.dice.choice("Il"))
        return self._pair(f"INV-{serial}", f"INV-{wrong}", self._same(), self.dice.randrange(60))

    def year_left_out(self) -> Pair:
        serial = self._serial(self.dice.choice([2, 3, 4]))
        full = self.dice.choice(["2026-{:0>4}", "{}/2026", "2026{:0>4}", "INV 2026/{:0>5}"])
        return self._pair(full.format(serial), serial, self._same(), self.dice.randrange(60))

    def marked_as_copy(self) -> Pair:
        number = self._dressed(self._serial())
        mark = self.dice.choice(["{} copy", "{}-DUP", "{} (duplicate)", "COPY {}", "{}/Kopie"])
        return self._pair(number, mark.format(number), self._same(), self.dice.randrange(60))

    def with_an_ending(self) -> Pair:
        number = self._dressed(self._serial())
        ending = self.dice.choice(["-1", "a", "/A", "-2", " b", "R"])
        return self._pair(number, number + ending, self._same(), self.dice.randrange(60))

    def digits_swapped(self) -> Pair:
        digits = list(self._serial(self.dice.choice([5, 6, 8])))
        places = [i for i in range(1, len(digits) - 1) if digits[i] != digits[i + 1]]
        if not places:
            return self.digits_swapped()
        one, i = "".join(digits), self.dice.choice(places)
        digits[i], digits[i + 1] = digits[i + 1], digits[i]
        return self._pair(one, "".join(digits), self._same(), self.dice.randrange(8))

    def digit_wrong(self) -> Pair:
        digits = list(self._serial(6))
        one, i = "".join(digits), self.dice.randrange(3)  # a slip at the end is a number close by
        digits[i] = self.dice.choice([it for it in "23456789" if it != digits[i]])
        return self._pair(one, "".join(digits), self._same(), self.dice.randrange(8))

    def digit_left_out(self) -> Pair:
        serial, i = self._serial(self.dice.choice([5, 6, 8])), self.dice.randrange(1, 5)
        short = serial[:i] + serial[i + 1 :]
        return self._pair(serial, short, self._same(), self.dice.randrange(8))

    def amount_swapped(self) -> Pair:
        serial, digits = self._serial(), list(str(self.dice.randrange(100_000, 10_000_000)))
        places = [i for i in range(len(digits) - 1) if digits[i] != digits[i + 1] != "0"]
        if not places:
            return self.amount_swapped()
        amount, i = int("".join(digits)), self.dice.choice(places)
        digits[i], digits[i + 1] = digits[i + 1], digits[i]
        amounts = (amount, int("".join(digits)))
        one, two = self._dressed(serial), self._dressed(serial)
        return self._pair(one, two, amounts, self.dice.randrange(60))

    def amount_shifted(self) -> Pair:
        serial, amount = self._serial(), self._amount()
        amounts = (amount, amount * self.dice.choice([10, 100]))
        one, two = self._dressed(serial), self._dressed(serial)
        return self._pair(one, two, amounts, self.dice.randrange(60))

    def rounded(self) -> Pair:
        serial, amount = self._serial(), self.dice.randrange(50_000, 2_000_000)
        other = self.dice.choice([round(amount, -2), amount + 1, amount - 2])
        one, two = self._dressed(serial), self._dressed(serial)
        return self._pair(one, two, (amount, other), self.dice.randrange(60))

    def another_amount(self) -> Pair:
        number = self._dressed(self._serial())
        amounts = (self._amount(), self._amount())
        return self._pair(number, number, amounts, self.dice.randrange(60))

    def number_left_out(self) -> Pair:
        number = self.dice.choice([None, self._dressed(self._serial())])
        return self._pair(None, number, self._same(), self.dice.randrange(5))

    def order_number_instead(self) -> Pair:
        order = f"{self.dice.choice(['PO', 'WO', 'A'])}/{self._serial(3)}/{self._serial(2)}"
        return self._pair(self._serial(5), order, self._same(), self.dice.randrange(4))

    # Two bills.

    def rent(self) -> Pair:
        serial = int(self._serial())
        one, two = (f"INV-{serial + self.dice.randrange(1, 4):04}", f"INV-{serial:04}")
        return self._two(one, two, self._same(), self.dice.choice([28, 30, 31]))

    def rent_without_number(self) -> Pair:
        return self._two(None, None, self._same(), self.dice.choice([28, 30, 31]))

    def weekly_without_number(self) -> Pair:
        mine, other = self._two(None, None, self._same(), 7)
        if mine.bill_date is None:  # they have a date at least
            return self.weekly_without_number()
        return mine, other

    def next_number(self) -> Pair:
        serial, step = int(self._serial()), self.dice.randrange(1, 6)
        one, two = f"INV-{serial + step:05}", f"INV-{serial:05}"
        return self._two(one, two, self._same(), self.dice.randrange(4))

    def flat_fee(self) -> Pair:
        """Of the same series, some days and many numbers on."""
        serial = int(self._serial(5))
        step = self.dice.randrange(21, 900)
        one, two = f"{serial + step}", f"{serial}"
        return self._two(one, two, self._same(), self.dice.randrange(1, 30))

    def another_series(self) -> Pair:
        serial = self._serial()
        one, two = f"A-{serial}", f"B-{serial}"
        return self._two(one, two, self._same(), self.dice.randrange(60))

    def another_year(self) -> Pair:
        serial = self._serial(3)
        one, two = f"2026-{serial}", f"2025-{serial}"
        return self._two(one, two, self._same(), self.dice.randrange(1, 120))

    def another_currency(self) -> Pair:
        number, (amount, _) = self._dressed(self._serial()), self._same()
        mine, _ = self._two(number, number, (amount, amount), 0)
        return mine, on_file(number, amount, currency="USD")

    def parts(self) -> Pair:
        serial = self._serial(5)
        one, two = self.dice.choice([("/1", "/2"), ("a", "b"), ("-A", "-C"), ("-01", "-02")])
        return self._two(serial + one, serial + two, self._same(), self.dice.randrange(30))

    def part_of_another_amount(self) -> Pair:
        serial = self._serial(5)
        amounts = (self._amount(), self._amount())
        return self._two(serial, serial + self.dice.choice(["a", "-1"]), amounts, 5)

    def unrelated(self) -> Pair:
        one, two = self._dressed(self._serial()), self._dressed(self._serial())
        return self._two(one, two, (self._amount(), self._amount()), self.dice.randrange(60))


TWICE = (
    *("twice", "dressed_otherwise", "letters_for_digits", "year_left_out", "marked_as_copy"),
    *("with_an_ending", "digits_swapped", "digit_wrong", "digit_left_out", "amount_swapped"),
    *("amount_shifted", "rounded", "another_amount", "number_left_out", "order_number_instead"),
)
TWO = (
    *("rent", "rent_without_number", "weekly_without_number", "next_number", "flat_fee"),
    *("another_series", "another_year", "another_currency", "parts", "part_of_another_amount"),
    "unrelated",
)
