"""The books of each account, in memory and indexed. They follow from what was done, in order."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from sys import intern
from typing import Any

import msgspec

from paywright.simulator.stripe.entries import (
    Charge,
    Done,
    Entry,
    Intent,
    Payout,
    Refund,
    Reversal,
    Transfer,
)
from paywright.simulator.stripe.journal import (
    BalanceTransaction,
    Happening,
    happenings_of,
    received,
    transactions_of,
)
from paywright.simulator.stripe.shelf import Labels, Shelf

KEYS_KEPT_FOR = timedelta(hours=24)  # docs.stripe.com/api/idempotent_requests: at least that long


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered under an idempotency key: see `Done`."""

    at: datetime
    path: str
    fingerprint: str
    status: int
    shown: str
    expand: tuple[str, ...]


class Account:
    """The books of one account. connected: its id, where it is not a platform's own"""

    def __init__(self, connected: str = "") -> None:
        self.connected = connected
        self.intents: Shelf[Intent] = Shelf(_labels)
        self.charges: Shelf[Charge] = Shelf(_labels)
        self.refunds: Shelf[Refund] = Shelf(_labels)
        self.transfers: Shelf[Transfer] = Shelf(_labels)
        self.reversals: Shelf[Reversal] = Shelf(_labels)
        self.payouts: Shelf[Payout] = Shelf(_labels)
        self.transactions: Shelf[BalanceTransaction] = Shelf(_labels_of_transaction)
        self.happenings: Shelf[Happening] = Shelf(_labels_of_happening)
        self._kept: dict[str, Kept] = {}
        self._balance: Counter[str] = Counter()
        self._due: list[tuple[datetime, int, str, int]] = []
        self.shelves: dict[str, Shelf[Any]] = {
            "pi": self.intents,
            "ch": self.charges,
            "re": self.refunds,
            "tr": self.transfers,
            "trr": self.reversals,
            "po": self.payouts,
        }

    def entry(self, id: str) -> Entry | None:
        shelf = self.shelves.get(id.partition("_")[0])
        return None if shelf is None else shelf.get(id)

    def known(self, id: str) -> Entry:
        """Of what is in the books. Raises KeyError."""
        entry = self.entry(id)
        if entry is None:
            raise KeyError(id)
        return entry

    def kept(self, idempotency_key: str, at: datetime) -> Kept | None:
        """What is known under a key, unless it is too long ago."""
        kept = self._kept.get(idempotency_key)
        return None if kept is None or at - kept.at >= KEYS_KEPT_FOR else kept

    def balance(self, at: datetime) -> dict[str, int]:
        """What is there, in each currency that there ever was. `at` never goes back."""
        while self._due and self._due[0][0] <= at:
            _, _, currency, net = heappop(self._due)
            self._balance[currency] += net
        return dict(self._balance)

    def keep(self, done: Done) -> None:
        if done.idempotency_key is not None:
            self._kept[done.idempotency_key] = Kept(
                at=done.at,
                path=intern(done.path),
                fingerprint=done.fingerprint,
                status=done.status,
                shown=done.shown,
                expand=done.expand,
            )
        for entry in done.entries:
            if self.entry(entry.id) is None:
                for transaction in transactions_of(entry):
                    self.book(transaction)
            self.shelves[entry.id.partition("_")[0]].put(entry)
        for happening in happenings_of(done):
            self.happenings.put(happening)

    def book(self, transaction: BalanceTransaction) -> None:
        it = transaction
        self.transactions.put(it)
        heappush(
            self._due, (it.created_at, len(self.transactions), it.currency, it.amount - it.fee)
        )


def _labels(entry: Entry) -> Labels:
    match entry:
        case Intent():
            return {"customer": entry.customer}
        case Charge():
            return {
                "payment_intent": entry.intent,
                "transfer_group": entry.transfer_group,
                "customer": entry.customer,
            }
        case Refund():
            return {"payment_intent": entry.intent, "charge": entry.charge}
        case Transfer():
            return {"transfer_group": entry.transfer_group, "destination": entry.destination}
        case Reversal():
            return {"transfer": entry.transfer}
        case Payout():
            return {}


def _labels_of_transaction(it: BalanceTransaction) -> Labels:
    return {"type": it.type, "source": it.source, "currency": it.currency}


def _labels_of_happening(it: Happening) -> Labels:
    return {"type": it.type}


class StripeBooks:
    """All accounts, and what gives them new ids.

    write: puts what was done on file; whoever reads the file calls `keep`
    """

    def __init__(self, write: Callable[[Done], None]) -> None:
        self._write = write
        self._accounts: defaultdict[tuple[str, str], Account] = defaultdict(Account)
        self._counts: Counter[str] = Counter()
        self._latest: datetime | None = None

    def account(self, api_key: str, connected: str = "") -> Account:
        account = self._accounts[api_key, connected]
        account.connected = connected
        return account

    def accounts(self) -> list[tuple[str, str, Account]]:
        """Key, connected account, books; in the order in which they were first asked for."""
        return [(key, connected, it) for (key, connected), it in self._accounts.items()]

    def moment(self, at: datetime) -> datetime:
        """`at`, or just after what was done last: what a thing looked like is told by its time."""
        if self._latest is not None and at <= self._latest:
            return self._latest + timedelta(microseconds=1)
        return at

    def next_id(self, prefix: str) -> str:
        return f"{prefix}_sim{self._counts[prefix] + 1:010}"

    def add(self, done: Done) -> None:
        """On file first, then in memory: what was answered is on file."""
        self._write(done)
        self.keep(done)

    def keep(self, done: Done) -> None:
        account = self.account(done.api_key, done.connected)
        for entry in done.entries:
            if account.entry(entry.id) is None:
                self._counts[entry.id.partition("_")[0]] += 1
        account.keep(done)
        for entry in done.entries:
            if isinstance(entry, Transfer | Reversal):
                self.account(done.api_key, entry.destination).book(received(entry))
        self._latest = done.at
