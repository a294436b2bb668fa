"""Amounts as Stripe counts them. Pure.

Stripe's smallest unit is that of ISO 4217, but for three currencies.
Source: https://docs.stripe.com/currencies#special-cases
"""

from paywright.core.money import Money

_MORE = {"ISK": 100, "UGX": 100}  # without minor units; told in hundredths all the same
_FEWER = {"MGA": 100}  # minor units that Stripe does not count


def asked(amount: Money) -> int | None:
    """As Stripe is told it. None: nothing that Stripe can be told."""
    whole, rest = divmod(amount.minor, _FEWER.get(amount.currency, 1))
    return None if rest else whole * _MORE.get(amount.currency, 1)


def told(amount: int, currency: str) -> Money:
    """As Stripe tells it. currency: in any case

    Raises ValueError for a currency that nobody knows, and for a part of the smallest unit.
    """
    name = currency.upper()
    whole, rest = divmod(amount, _MORE.get(name, 1))
    if rest:
        raise ValueError(f"{amount} {name} is no amount of Stripe's")
    return Money(whole * _FEWER.get(name, 1), name)
