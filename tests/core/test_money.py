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
