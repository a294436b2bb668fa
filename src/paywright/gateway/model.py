"""What a bank is asked, and what its answers mean to us."""

from enum import StrEnum
from typing import Protocol

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money


class Creditor(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be paid, by an IBAN or by an account number and a bank code.

    country: of the account, ISO 3166-1 alpha-2
    """

    name: str
    country: str
    iban: str | None = None
    account_number: str | None = None
    bank_code: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to an account at another bank. Its id is the idempotency key and, as the end-to-end
    id, what the creditor's bank sees.

    debtor_reference: whose money it is, in our words; at most 35 characters
    """

    payment_id: PaymentId
    amount: Money
    debtor_reference: str
    creditor: Creditor
    description: str = ""

    @property
    def idempotency_key(self) -> str:
        return str(self.payment_id)


class Why(StrEnum):
    """Why there is no answer that we can go by."""

    UNREACHABLE = "unreachable"  # no connection
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    SERVER_ERROR = "server_error"  # a 5xx
    THROTTLED = "throttled"  # a 429
    UNAUTHORIZED = "unauthorized"  # a 401 or 403: our token is wrong
    CONFLICT = "conflict"  # a 409: another call with this key is under way
    REFUSED = "refused"  # another 4xx without a reason code: a mistake of ours
    UNREADABLE = "unreadable"  # not what the bank said it would send
    CONTRADICTION = "contradiction"  # about another payment than the one we asked about


class Approved(msgspec.Struct, frozen=True):
    """The money has moved. reference: the bank's own name for the payment."""

    reference: str


class Declined(msgspec.Struct, frozen=True):
    """The bank says no, for good. code: ISO 20022 reason code, `AC04`"""

    code: str
    reason: str = ""
    reference: str | None = None


class Pending(msgspec.Struct, frozen=True):
    """The bank has it and has not decided. Ask again later."""

    reference: str


class NotFound(msgspec.Struct, frozen=True):
    """The bank has never seen this key, up to the moment when it was asked.

    An order that is still under way to it may arrive yet: sending it once more under the same key
    is safe, giving the money back is not, before any such order must have died.
    """


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """We do not know what happened.

    detail:        for an operator; holds nothing personal
    sent:          False: not a byte of the request was sent, so nothing can have happened
    retry_after_s: for how long the bank wants to be left alone, if it said so
    """

    why: Why
    detail: str = ""
    sent: bool = True
    retry_after_s: float | None = None


Answer = Approved | Declined | Pending | Lost


class Bank(Protocol):
    """One provider of payments to other banks. Neither call raises for what the network does, and
    neither repeats anything: whoever calls decides on that."""

    async def submit(self, order: Order) -> Answer:
        """Have the order carried out. The same order again is the same payment."""
        ...

    async def look_up(self, order: Order) -> Answer | NotFound:
        """What became of an order that may have been submitted, by its idempotency key."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
