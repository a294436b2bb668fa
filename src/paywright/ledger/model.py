"""The nouns of the ledger."""

from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import AccountId, TransferId

# Who owns the accounts of the platform itself.
HOUSE = "paywright"


class AccountKind(StrEnum):
    """What an account stands for, and with it the side on which it grows."""

    ASSET = "asset"  # what we have: grows by debits
    LIABILITY = "liability"  # what we owe, customers' money above all: grows by credits
    INCOME = "income"  # grows by credits
    EXPENSE = "expense"  # grows by debits


GROWS_BY_DEBITS = frozenset((AccountKind.ASSET, AccountKind.EXPENSE))


class AccountStatus(StrEnum):
    ACTIVE = "active"
    FROZEN = "frozen"  # nothing moves; holds may be released
    CLOSED = "closed"  # for good, and empty


class TransferKind(StrEnum):
    POST = "post"
    HOLD = "hold"
    POST_HOLD = "post_hold"
    RELEASE_HOLD = "release_hold"
    EXPIRE_HOLD = "expire_hold"  # what the sweep writes


RESOLVES = frozenset((TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD, TransferKind.EXPIRE_HOLD))


class Balances(msgspec.Struct, frozen=True):
    """Minor units, in the direction in which the account grows. `available`: less what is held."""

    balance: int
    available: int


class Standing(msgspec.Struct, kw_only=True):
    """What a movement needs to know of an account, with its four totals in minor units.

    Mutable: a batch moves money between accounts in memory, before it is written. Nothing else
    changes one.
    """

    id: AccountId
    currency: str
    kind: AccountKind
    moved_at: datetime
    owner: str = ""
    may_go_negative: bool = False
    status: AccountStatus = AccountStatus.ACTIVE
    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    @property
    def grows_by_debits(self) -> bool:
        return self.kind in GROWS_BY_DEBITS

    def balances(self) -> Balances:
        """What the account holds, and what of it can be spent: held money cannot, and money
        that is on hold for it has not come yet."""
        if self.kind in GROWS_BY_DEBITS:
            balance = self.debits_posted - self.credits_posted
            return Balances(balance, balance - self.credits_pending)
        balance = self.credits_posted - self.debits_posted
        return Balances(balance, balance - self.debits_pending)


class Account(Standing, kw_only=True):
    """An account with all that is known of it."""

    owner: str
    name: str
    opened_at: datetime
    code: str | None = None


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One element of a batch: a movement that somebody asks for.

    post, hold:              accounts, amount and currency
    post_hold:               hold_id; amount None posts the whole, less releases the rest
    release_hold, expire_hold: hold_id
    linked:                  this one and the next succeed or fail together
    balancing_debit:         move at most what the debit account has in credit (credits less debits
                             less what is held); balancing_credit: the mirror image
    expires_in_s:            of a hold; None: it stays until it is resolved
    """

    id: TransferId
    kind: TransferKind
    at: datetime
    debit_account_id: AccountId | None = None
    credit_account_id: AccountId | None = None
    amount_minor: int | None = None
    currency: str | None = None
    hold_id: TransferId | None = None
    expires_in_s: int | None = None
    linked: bool = False
    balancing_debit: bool = False
    balancing_credit: bool = False
    description: str | None = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A movement that happened. `debit` and `credit` are what the two accounts had after it.

    amount_minor: what moved; for hold, release_hold and expire_hold what was held
    held_minor:   by how much what is held changed
    """

    id: TransferId
    kind: TransferKind
    debit_account_id: AccountId
    credit_account_id: AccountId
    amount_minor: int
    held_minor: int
    currency: str
    created_at: datetime
    debit: Balances
    credit: Balances
    hold_id: TransferId | None = None
    expires_at: datetime | None = None
    description: str | None = None

    @property
    def posted_minor(self) -> int:
        """What changed hands."""
        posts = self.kind in (TransferKind.POST, TransferKind.POST_HOLD)
        return self.amount_minor if posts else 0


class Hold(msgspec.Struct, frozen=True):
    """A hold, and the movement that resolved it. None: it is open."""

    transfer: Transfer
    resolved_by: TransferKind | None = None


def before(transfer: Transfer, after: Balances, *, grew: bool) -> Balances:
    """What an account had before a movement. `grew`: it stands on the side on which it grows."""
    posted, held = transfer.posted_minor, transfer.held_minor
    if grew:  # money that is on hold for it was not available, and is not
        return Balances(after.balance - posted, after.available - posted)
    return Balances(after.balance + posted, after.available + posted + held)
