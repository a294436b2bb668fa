"""Money is exact, or it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import eur

from paywright.core.currencies import EXPONENT
from paywright.core.money import MINOR_MAX, Money


@given(st.integers(0, 10**12), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_split_loses_nothing(minor: int, weights: list[int]) -> None:
    shares = eur(minor).split(weights)
    assert sum(share.minor for share in shares) == minor
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share.minor - minor * weight // total <= 1


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot mix"):
        eur(1) + Money(1, "JPY")
    with pytest.raises(ValueError, match="cannot mix"):
        assert eur(1) < Money(1, "JPY")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (eur(1099), "10.99 EUR"),
        (Money(5, "JPY"), "5 JPY"),
        (Money(5, "BHD"), "0.005 BHD"),
        (eur(-5), "-0.05 EUR"),
        (Money(12345, "CLF"), "1.2345 CLF"),
    ],
)
def test_prints_in_major_units(money: Money, text: str) -> None:
    assert str(money) == text


@pytest.mark.parametrize(("minor", "currency"), [(1, "XXX"), (1, "eur"), (MINOR_MAX + 1, "EUR")])
def test_what_cannot_be_stored_is_refused(minor: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"unknown currency|out of range"):
        Money(minor, currency)


def test_arithmetic_does_not_overflow_silently() -> None:
    with pytest.raises(ValueError, match="out of range"):
        eur(MINOR_MAX) + eur(1)


def test_the_table_of_currencies() -> None:
    """Spot checks against ISO 4217 itself."""
    assert len(EXPONENT) > 160
    known = {"EUR": 2, "JPY": 0, "BHD": 3, "KWD": 3, "CLF": 4, "ISK": 0, "HUF": 2, "UGX": 0}
    assert {code: EXPONENT[code] for code in known} == known
    assert not {"XAU", "XTS", "XXX"} & EXPONENT.keys()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10.99", "EUR", 1099),
        ("10", "EUR", 1000),
        ("10.9", "EUR", 1090),
        ("0", "EUR", 0),
        ("-0.05", "EUR", -5),
        ("-0", "EUR", 0),
        ("007.50", "EUR", 750),
        ("1099", "JPY", 1099),
        ("0.005", "BHD", 5),
        ("1.2345", "CLF", 12345),
        ("92233720368547758.07", "EUR", MINOR_MAX),
        ("-92233720368547758.07", "EUR", -MINOR_MAX),
        ("9223372036854775807", "JPY", MINOR_MAX),
    ],
)
def test_reads_a_decimal_amount(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(sorted(EXPONENT)))
def test_reads_what_it_prints(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money).removesuffix(f" {currency}"), currency) == money


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "--1", "+1", "1-", ".5", "1.", "1..2", "1.2.3"),
        *(" 1", "1 ", "1\n", "1,5", "1,000.00", "1_000", "1e3", "0x10", "NaN", "Infinity", "1/2"),
        *("1.099", "1.000", "٣", "1.٣", "\uff11", "1.0\n", "1\x00", "12345678901234567890"),
    ],
)
def test_what_is_not_a_plain_amount_is_not_guessed_at(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a decimal amount|after the decimal point"):
        Money.parse(text, "EUR")


@pytest.mark.parametrize(("text", "currency"), [("1.0", "JPY"), ("1.", "JPY"), ("1.2345", "BHD")])
def test_more_digits_than_the_currency_has_are_not_rounded(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"after the decimal point|not a decimal amount"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "told"),
    [
        ("92233720368547758.08", "EUR", "out of range"),
        ("9223372036854775807", "EUR", "out of range"),
        ("1", "XXX", "unknown currency"),
        ("1", "eur", "unknown currency"),
        ("1" * 10_000, "EUR", "not a decimal amount"),
        ("1." + "0" * 10_000, "EUR", "after the decimal point"),
    ],
)
def test_an_amount_that_cannot_be_kept_is_not_read(text: str, currency: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Money.parse(text, currency)


@given(st.text())
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        money = Money.parse(text, "EUR")
    except ValueError:
        return
    assert str(money).endswith(" EUR")
