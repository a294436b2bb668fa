"""What the accounts really hold, for whoever compares books."""

from collections import Counter
from datetime import datetime
from typing import Any, Literal

import msgspec

from paywright.simulator.stripe.accounts import Account, StripeBooks
from paywright.simulator.stripe.card_objects import intent_status
from paywright.simulator.stripe.entries import Entry, Intent

Kind = Literal["intents", "charges", "refunds", "transfers", "reversals", "payouts"]

_PREFIXES: dict[Kind, str] = {
    "intents": "pi",
    "charges": "ch",
    "refunds": "re",
    "transfers": "tr",
    "reversals": "trr",
    "payouts": "po",
}


def totals(books: StripeBooks, at: datetime) -> list[dict[str, Any]]:
    """Of each account that holds anything, by kind: how many, and minor units, by status and
    currency: `{"charges": {"succeeded": {"eur": {"count": 2, "minor": 500}}}}`."""
    return [
        {
            "api_key": api_key,
            "account": connected,
            "balance_minor": account.balance(at),
            **{kind: _sums(account, kind, at) for kind in _PREFIXES},
        }
        for api_key, connected, account in books.accounts()
        if len(account.transactions) or len(account.intents)
    ]


def _sums(account: Account, kind: Kind, at: datetime) -> dict[str, dict[str, dict[str, int]]]:
    count: Counter[tuple[str, str]] = Counter()
    minor: Counter[tuple[str, str]] = Counter()
    shelf = account.shelves[_PREFIXES[kind]]
    for entry in shelf.slice(after=0, limit=len(shelf)):
        name = (_status(account, entry, at), entry.currency)
        count[name] += 1
        minor[name] += entry.amount
    sums: dict[str, dict[str, dict[str, int]]] = {}
    for (status, currency), number in count.items():
        of_status = sums.setdefault(status, {})
        of_status[currency] = {"count": number, "minor": minor[status, currency]}
    return sums


def entries(
    account: Account, kind: Kind, *, after: int, limit: int, at: datetime
) -> list[dict[str, Any]]:
    """`limit` entries in the order in which they came, beyond the first `after`, with their status
    at `at`, idempotency keys and metadata."""
    return [
        {**msgspec.to_builtins(entry), "status": _status(account, entry, at)}
        for entry in account.shelves[_PREFIXES[kind]].slice(after=after, limit=limit)
    ]


def count(account: Account, kind: Kind) -> int:
    return len(account.shelves[_PREFIXES[kind]])


def _status(account: Account, entry: Entry, at: datetime) -> str:
    return intent_status(account, entry, at) if isinstance(entry, Intent) else entry.status(at)
