"""Why a movement is refused. `result` is its name in batches, files and reports."""

from typing import ClassVar

from paywright.core.errors import Conflict, FieldError, Invalid, NotFound, Problem
from paywright.ledger.model import TransferKind


class Refused(Problem):
    """A movement is refused; nothing was changed by it."""

    status = 422
    result: ClassVar[str]

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None, **extra: object):
        super().__init__(detail, headers=headers, result=self.result, **extra)


class AmountInvalid(Refused, Invalid):
    """The amount is zero, negative or too large.

    Amounts are whole numbers of minor units, from 1 to 9,223,372,036,854,775,807.
    """

    result = "amount_invalid"


class SameAccount(Refused, Invalid):
    """Money cannot move from an account to itself."""

    result = "accounts_must_differ"


class AccountNotFound(Refused, Invalid):
    """There is no account of this id."""

    result = "account_not_found"


class CurrencyMismatch(Refused, Invalid):
    """The accounts and the amount are not all of one currency.

    Money is exchanged by two movements, through accounts of the exchange in both currencies.
    """

    result = "currency_mismatch"


class AccountFrozen(Refused, Invalid):
    """The account is frozen: nothing moves until it is unfrozen."""

    result = "account_frozen"


class AccountClosed(Refused, Invalid):
    """The account is closed."""

    result = "account_closed"


class InsufficientFunds(Refused, Invalid):
    """The account does not have that much available.

    What is on hold is not available. `available_minor` is what the account had at that moment.
    """

    result = "exceeds_available"


class BalanceOverflow(Refused, Invalid):
    """The totals of an account would become larger than can be kept (2⁶³ - 1 minor units)."""

    result = "balance_overflow"


class ExpiryInvalid(Refused, Invalid):
    """A hold expires after at least a second, and ten years at most."""

    result = "expiry_invalid"


class HoldNotFound(Refused, NotFound):
    """There is no hold of this id."""

    status = 404
    result = "hold_not_found"


class HoldAlreadyResolved(Refused, Conflict):
    """The hold was posted, released or has expired before.

    A hold is resolved once. `resolved_by` says how it was.
    """

    status = 409
    result = "hold_already_resolved"


class HoldExpired(Refused, Conflict):
    """The hold has expired; its money is available again."""

    status = 409
    result = "hold_expired"


class HoldNotExpired(Refused, Conflict):
    """The hold has not expired yet."""

    status = 409
    result = "hold_not_expired"


class AmountExceedsHold(Refused, Invalid):
    """A hold cannot be posted for more than what it holds. `held_minor` is that."""

    result = "amount_exceeds_hold"


class LinkedFailed(Refused, Invalid):
    """Another movement that this one is linked to was refused.

    Linked movements succeed or fail together. Look for the one that has a reason of its own.
    """

    result = "linked_failed"


class ChainOpen(Refused, Invalid):
    """The last movement of a batch is linked to a next one, which is not there."""

    result = "chain_open"


class Exists(Refused, Conflict):
    """The same movement is on file already. Nothing is wrong, and nothing was done."""

    status = 409
    result = "exists"


class ExistsWithDifferentFields(Refused, Conflict):
    """Another movement is on file under this id. `errors` names what differs."""

    status = 409
    result = "exists_with_different_fields"


def not_found(side: str, account_id: object) -> AccountNotFound:
    return AccountNotFound.field(f"{side}_account_id", f"there is no account {account_id}")


def insufficient(side: str, available_minor: int) -> InsufficientFunds:
    field = f"{side}_account_id"
    message = f"has {available_minor} available"
    return InsufficientFunds(
        f"{field}: {message}",
        available_minor=available_minor,
        errors=[FieldError(field, message)],
    )


def resolved(by: TransferKind) -> HoldAlreadyResolved:
    words = {"post_hold": "posted", "release_hold": "released", "expire_hold": "expired"}
    return HoldAlreadyResolved(f"was {words[by.value]} before", resolved_by=words[by.value])


def exceeds_hold(held_minor: int) -> AmountExceedsHold:
    message = f"{held_minor} are held"
    return AmountExceedsHold(
        f"amount_minor: {message}",
        held_minor=held_minor,
        errors=[FieldError("amount_minor", message)],
    )
