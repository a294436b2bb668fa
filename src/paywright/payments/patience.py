"""Accounts that somebody else keeps locked: waited for once, and not by everybody's transfers.

A lock that is held for longer than a moment is a process that stalled, or a person in psql. Its
account is not to be had until then; all others are.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from paywright.core.errors import Unavailable
from paywright.core.ids import AccountId
from paywright.ledger.model import Instruction
from paywright.ledger.rules import Book

WAIT_MS = 1_500  # a batch holds its locks for milliseconds
_SUSPECT_FOR = timedelta(seconds=5)


class AccountBusy(Unavailable):
    """The account is locked by something else at the moment.

    Nothing was done. Send the request again, with the same key, after the seconds in `Retry-After`.
    """


class Patience:
    """Which accounts were locked when they were last wanted. One for each process."""

    def __init__(self) -> None:
        self._until: dict[AccountId, datetime] = {}

    def has_lost(self, account_id: AccountId) -> bool:
        """Whether the account is not worth waiting for."""
        return account_id in self._until

    def remember(self, busy: Iterable[AccountId], *, at: datetime) -> None:
        """Forget suspicions that are old, and add those that were locked just now."""
        if self._until:
            self._until = {i: until for i, until in self._until.items() if until > at}
        for account_id in busy:
            self._until[account_id] = at + _SUSPECT_FOR


def nobody_waits(_: AccountId) -> bool:
    return True


def touches_busy(item: Instruction, book: Book) -> bool:
    """Whether a movement needs an account that is not to be had."""
    if not book.busy:
        return False
    hold = book.holds.get(item.hold_id) if item.hold_id else None
    ids = {item.debit_account_id, item.credit_account_id}
    if hold is not None:
        ids |= {hold.transfer.debit_account_id, hold.transfer.credit_account_id}
    return not book.busy.isdisjoint(ids)


def busy() -> AccountBusy:
    return AccountBusy("an account of it is locked", headers={"Retry-After": "2"})
