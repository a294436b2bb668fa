"""What a provider is asked, and what its answers mean to us."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from paywright.core.ids import PaymentId, RefundId
from paywright.core.money import Money


class OrderKind(StrEnum):
    PAYOUT = "payout"
    CHARGE = "charge"
    REFUND = "refund"


class Creditor(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be paid: by an IBAN, by an account number and a bank code, or by the account that
    the provider itself keeps for them.

    country:          of the account, ISO 3166-1 alpha-2
    provider_account: the provider's own name for the account, `acct_…` with Stripe Connect
    """

    name: str
    country: str
    iban: str | None = None
    account_number: str | None = None
    bank_code: str | None = None
    provider_account: str | None = None


class PayoutOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to an account elsewhere. Its id is the idempotency key and, as the end-to-end id,
    what the creditor's bank sees.

    debtor_reference: whose money it is, in our words; at most 35 characters
    asked_at:         when we first meant to submit it: nobody can have seen it before
    """

    payment_id: PaymentId
    amount: Money
    debtor_reference: str
    creditor: Creditor
    asked_at: datetime
    description: str = ""

    @property
    def kind(self) -> OrderKind:
        return OrderKind.PAYOUT

    @property
    def idempotency_key(self) -> str:
        return str(self.payment_id)


class ChargeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Take money from a customer's card, or another method of payment, while they are away.

    payment_method: the provider's token for it, `pm_…`; never a card number
    asked_at:       when we first meant to submit it: nobody can have seen it before
    """

    payment_id: PaymentId
    amount: Money
    customer_id: str
    payment_method: str
    asked_at: datetime
    description: str = ""

    @property
    def kind(self) -> OrderKind:
        return OrderKind.CHARGE

    @property
    def idempotency_key(self) -> str:
        return str(self.payment_id)


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Give back a charge, or a part of it.

    charge_reference: the provider's own name for the charge, as `Approved` told it
    asked_at:         when we first meant to submit it: nobody can have seen it before
    """

    refund_id: RefundId
    payment_id: PaymentId
    charge_reference: str
    amount: Money
    asked_at: datetime

    @property
    def kind(self) -> OrderKind:
        return OrderKind.REFUND

    @property
    def idempotency_key(self) -> str:
        return str(self.refund_id)


Order = PayoutOrder | ChargeOrder | RefundOrder


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
    UNREADABLE = "unreadable"  # not what the provider said it would send
    CONTRADICTION = "contradiction"  # about another payment than the one we asked about


# May well go better in a moment: worth asking again, under the same key.
TRANSIENT = frozenset(
    {Why.UNREACHABLE, Why.TIMEOUT, Why.CONNECTION_LOST, Why.SERVER_ERROR, Why.THROTTLED}
)
# Tell against the provider as a whole, rather than against one order.
PROVIDER_FAILURES = frozenset(
    {
        *(Why.UNREACHABLE, Why.TIMEOUT, Why.CONNECTION_LOST, Why.SERVER_ERROR),
        *(Why.UNAUTHORIZED, Why.UNREADABLE),
    }
)


class Approved(msgspec.Struct, frozen=True):
    """The money has moved. reference: the provider's own name for it."""

    reference: str


class Declined(msgspec.Struct, frozen=True):
    """The provider says no, for good.

    code: in the provider's own words: an ISO 20022 reason code (`AC04`), a decline code of Stripe's
    """

    code: str
    reason: str = ""
    reference: str | None = None


class Pending(msgspec.Struct, frozen=True):
    """The provider has it and has not decided. Ask again later."""

    reference: str


class NotFound(msgspec.Struct, frozen=True):
    """The provider has never seen this key, up to the moment when it was asked.

    An order that is still under way to it may arrive yet: sending it once more under the same key
    is safe, giving the money back is not, before any such order must have died.
    """


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """We do not know what happened.

    detail:        for an operator; holds nothing personal
    sent:          False: not a byte of the request was sent, so nothing can have happened
    retry_after_s: for how long the provider wants to be left alone, if it said so
    """

    why: Why
    detail: str = ""
    sent: bool = True
    retry_after_s: float | None = None


Answer = Approved | Declined | Pending | Lost


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a provider did, as its own statement tells it.

    reference: the provider's own name for it, the one that `Approved` told
    key:       our idempotency key, where the provider tells it
    amount:    above 0, whichever way it went
    fee:       what the provider kept of it; None: it does not say
    booked_at: when it counted for the provider
    """

    reference: str
    key: str | None
    kind: OrderKind
    amount: Money
    booked_at: datetime
    fee: Money | None = None


class StatementUnavailable(Exception):
    """The statement could not be read as a whole. The text is for an operator."""


class SignatureInvalid(Exception):
    """What came in is not from the provider, or is too old. The text says which check failed."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook is about, as far as any provider's can be read alike.

    event_id:    the provider's own, the same each time it is delivered
    type:        in the provider's words, `payment_intent.succeeded`
    key:         our idempotency key, where the event tells it
    reference:   the provider's own name for the object that it is about
    occurred_at: when the provider says that it happened
    """

    event_id: str
    type: str
    key: str | None
    reference: str | None
    occurred_at: datetime


class Provider(Protocol):
    """One company that moves money for us. No call raises for what the network does, unless it says
    so, and none repeats anything: whoever calls decides on that."""

    @property
    def handles(self) -> frozenset[OrderKind]:
        """What it can be asked for. Anything else is a bug of the caller's (ValueError)."""
        ...

    @property
    def pays_own_accounts(self) -> bool:
        """Whether its payouts go to accounts that it keeps itself (`Creditor.provider_account`),
        rather than to accounts at banks."""
        ...

    async def submit(self, order: Order) -> Answer:
        """Have the order carried out. The same order again is the same payment."""
        ...

    async def look_up(self, order: Order) -> Answer | NotFound:
        """What became of an order that may have been submitted, by its idempotency key. Never
        carries it out."""
        ...

    def statement(self, since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        """What was booked in [since, until), in the order of booking.

        Raises StatementUnavailable, also in the middle: a part of a statement is no statement.
        """
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        """Verify a webhook over its raw body, and read it.

        headers: names in lower case
        Raises SignatureInvalid.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
