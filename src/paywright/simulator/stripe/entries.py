"""What an account's books hold. An entry with an id that is there already takes its place.

Each has the idempotency key of the request that made it, and the metadata that came with it. What
becomes of it is decided when it comes in; it only shows from `final_at` on. Amounts are in minor
units, currencies in small letters, as with Stripe.
"""

from datetime import datetime
from typing import Literal

import msgspec


class Intent(msgspec.Struct, frozen=True, kw_only=True, tag="intent"):
    """What was asked for. How far it is follows from its charges.

    action_at: when the customer was last asked to confirm it
    """

    id: str
    created_at: datetime
    idempotency_key: str | None
    amount: int
    currency: str
    customer: str | None
    description: str | None
    metadata: dict[str, str]
    payment_method: str | None
    receipt_email: str | None
    statement_descriptor: str | None
    statement_descriptor_suffix: str | None
    transfer_group: str | None
    action_at: datetime | None = None
    canceled_at: datetime | None = None
    cancellation_reason: str | None = None


class Charge(msgspec.Struct, frozen=True, kw_only=True, tag="charge"):
    """One attempt at a card. decline_code: set if it comes to nothing."""

    id: str
    created_at: datetime
    final_at: datetime
    idempotency_key: str | None
    intent: str
    amount: int
    currency: str
    customer: str | None
    description: str | None
    metadata: dict[str, str]
    payment_method: str
    statement_descriptor_suffix: str | None
    transfer_group: str | None
    decline_code: str | None

    def status(self, at: datetime) -> Literal["pending", "succeeded", "failed"]:
        if at < self.final_at:
            return "pending"
        return "succeeded" if self.decline_code is None else "failed"


class Refund(msgspec.Struct, frozen=True, kw_only=True, tag="refund"):
    """failure_reason: set if the money comes back to us in the end."""

    id: str
    created_at: datetime
    final_at: datetime
    idempotency_key: str | None
    charge: str
    intent: str
    amount: int
    currency: str
    metadata: dict[str, str]
    reason: str | None
    failure_reason: str | None

    def status(self, at: datetime) -> Literal["pending", "succeeded", "failed"]:
        if at < self.final_at:
            return "pending"
        return "succeeded" if self.failure_reason is None else "failed"


class Transfer(msgspec.Struct, frozen=True, kw_only=True, tag="transfer"):
    """Money to a connected account."""

    id: str
    created_at: datetime
    idempotency_key: str | None
    amount: int
    currency: str
    description: str | None
    destination: str
    metadata: dict[str, str]
    source_transaction: str | None
    transfer_group: str | None

    @property
    def destination_payment(self) -> str:
        return "py_" + self.id.removeprefix("tr_")

    def status(self, _: datetime) -> Literal["succeeded"]:
        return "succeeded"


class Reversal(msgspec.Struct, frozen=True, kw_only=True, tag="reversal"):
    """A transfer taken back, or a part of it."""

    id: str
    created_at: datetime
    idempotency_key: str | None
    transfer: str
    destination: str
    amount: int
    currency: str
    metadata: dict[str, str]

    def status(self, _: datetime) -> Literal["succeeded"]:
        return "succeeded"


class Payout(msgspec.Struct, frozen=True, kw_only=True, tag="payout"):
    """Money from a connected account to its bank. failure_code: set if that sends it back.

    account: whose it is; empty: the platform's own
    """

    id: str
    created_at: datetime
    final_at: datetime
    idempotency_key: str | None
    account: str
    amount: int
    currency: str
    description: str | None
    metadata: dict[str, str]
    method: str
    statement_descriptor: str | None
    failure_code: str | None

    def status(self, at: datetime) -> Literal["pending", "paid", "failed"]:
        if at < self.final_at:
            return "pending"
        return "paid" if self.failure_code is None else "failed"


Entry = Intent | Charge | Refund | Transfer | Reversal | Payout


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="stripe", tag_field="kind"):
    """All that one request did, in one line of the file: it happened as a whole or not at all.

    api_key:     whose books it is in
    connected:   the connected account that it was made for; empty: the platform itself
    fingerprint: of the request, to know the same one again
    shown:       the id of what was answered with, as it was at `at`; with status 402 its error
    expand:      the fields that were asked for in full
    """

    at: datetime
    api_key: str
    connected: str
    request_id: str
    idempotency_key: str | None
    path: str
    fingerprint: str
    status: int
    shown: str
    expand: tuple[str, ...]
    entries: tuple[Entry, ...]
