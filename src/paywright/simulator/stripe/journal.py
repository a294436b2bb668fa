"""What entries mean for balances, and what is told about them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

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
from paywright.simulator.webhooks import event_id

TransactionType = Literal[
    "charge",
    "refund",
    "refund_failure",
    "transfer",
    "transfer_refund",
    "payment",
    "payment_refund",
    "payout",
    "payout_failure",
]


class BalanceTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a balance. amount: signed, before the fee"""

    id: str
    created_at: datetime
    type: TransactionType
    source: str
    amount: int
    currency: str
    fee: int = 0
    description: str | None = None


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something worth telling, from `created_at` on. object: the id of what it is about"""

    id: str
    created_at: datetime
    type: str
    object: str
    request_id: str
    idempotency_key: str | None


def fee_of(amount: int) -> int:
    """2.9 % and 30 minor units, rounded half up."""
    return (amount * 29 + 500) // 1000 + 30


def transaction_id(source: str, *, back: bool = False) -> str:
    """back: of the one that undoes it"""
    return f"txn_{source.replace('_', '')}{'back' if back else ''}"


def transactions_of(entry: Entry) -> Iterator[BalanceTransaction]:
    """In the books that the entry is in."""
    match entry:
        case Charge(decline_code=None):
            yield _booked(entry, "charge", entry.amount, entry.final_at, fee=fee_of(entry.amount))
        case Refund():
            yield _booked(entry, "refund", -entry.amount, entry.created_at)
            if entry.failure_reason is not None:
                yield _booked(entry, "refund_failure", entry.amount, entry.final_at, back=True)
        case Transfer():
            yield _booked(entry, "transfer", -entry.amount, entry.created_at)
        case Reversal():
            yield _booked(entry, "transfer_refund", entry.amount, entry.created_at)
        case Payout():
            yield _booked(entry, "payout", -entry.amount, entry.created_at)
            if entry.failure_code is not None:
                yield _booked(entry, "payout_failure", entry.amount, entry.final_at, back=True)
        case Intent() | Charge():
            pass


def received(entry: Transfer | Reversal) -> BalanceTransaction:
    """In the books of the connected account."""
    is_transfer = isinstance(entry, Transfer)
    source = entry.destination_payment if is_transfer else "pyr_" + entry.id.removeprefix("trr_")
    return BalanceTransaction(
        id=transaction_id(source),
        created_at=entry.created_at,
        type="payment" if is_transfer else "payment_refund",
        source=source,
        amount=entry.amount if is_transfer else -entry.amount,
        currency=entry.currency,
    )


def _booked(
    entry: Charge | Refund | Transfer | Reversal | Payout,
    type: TransactionType,
    amount: int,
    at: datetime,
    *,
    fee: int = 0,
    back: bool = False,
) -> BalanceTransaction:
    return BalanceTransaction(
        id=transaction_id(entry.id, back=back),
        created_at=at,
        type=type,
        source=entry.id,
        amount=amount,
        currency=entry.currency,
        fee=fee,
        description=None if isinstance(entry, Refund | Reversal) else entry.description,
    )


def happenings_of(done: Done) -> Iterator[Happening]:
    """What a request will have told, once all of it has come about."""
    for entry in done.entries:
        for type, object, at in _told(entry):
            yield Happening(
                id=event_id(done.api_key, done.connected, type, entry.id, at.isoformat()),
                created_at=at,
                type=type,
                object=object,
                request_id=done.request_id,
                idempotency_key=done.idempotency_key,
            )


def _told(entry: Entry) -> Iterator[tuple[str, str, datetime]]:
    match entry:
        case Intent():
            if entry.canceled_at is not None:
                yield "payment_intent.canceled", entry.id, entry.canceled_at
        case Charge():
            is_paid = entry.decline_code is None
            yield f"charge.{'succeeded' if is_paid else 'failed'}", entry.id, entry.final_at
            word = "succeeded" if is_paid else "payment_failed"
            yield f"payment_intent.{word}", entry.intent, entry.final_at
        case Refund():
            yield "refund.created", entry.id, entry.created_at
            yield "charge.refunded", entry.charge, entry.created_at
            if entry.final_at > entry.created_at or entry.failure_reason is not None:
                yield "refund.updated", entry.id, entry.final_at
        case Transfer():
            yield "transfer.created", entry.id, entry.created_at
        case Reversal():
            yield "transfer.reversed", entry.transfer, entry.created_at
        case Payout():
            is_paid = entry.failure_code is None
            yield f"payout.{'paid' if is_paid else 'failed'}", entry.id, entry.final_at
