"""What Stripe's objects and errors mean. Pure.

An answer settles something only where it is about the very order that was asked about.
"""

import re
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec

from paywright.gateway.heard import Heard
from paywright.gateway.model import (
    Answer,
    Approved,
    ChargeOrder,
    Declined,
    Lost,
    NotFound,
    Order,
    OrderKind,
    PayoutOrder,
    Pending,
    RefundOrder,
    Why,
)
from paywright.gateway.stripe.amounts import asked

KEY = "paywright_id"  # of the metadata of whatever we make: our idempotency key
_TEXT_MAX = 200
_CODE = re.compile(r"[a-z0-9_]{1,50}", re.ASCII)
T = TypeVar("T")


class Named(msgspec.Struct, frozen=True):
    id: str


class Error(msgspec.Struct, frozen=True):
    """message is for people; it may name tokens and is neither kept nor logged of a mistake."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    param: str | None = None
    payment_intent: Named | None = None


class _Failure(msgspec.Struct, frozen=True):
    error: Error


class Made(Named, frozen=True, kw_only=True):
    """What every object of money has. More fields may come.

    amount: as Stripe counts it
    """

    amount: int
    currency: str
    metadata: dict[str, str] = {}


class Intent(Made, frozen=True, kw_only=True):
    # `requires_capture` and `requires_confirmation` follow from nothing that we ask for.
    status: Literal[
        "succeeded", "processing", "requires_action", "requires_payment_method", "canceled"
    ]
    last_payment_error: Error | None = None


class _Outcome(msgspec.Struct, frozen=True):
    reason: str | None = None


class Charge(Made, frozen=True, kw_only=True):
    status: Literal["succeeded", "pending", "failed"]
    payment_intent: str
    transfer_group: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    outcome: _Outcome | None = None


class Refund(Made, frozen=True, kw_only=True):
    status: Literal["succeeded", "pending", "requires_action", "failed", "canceled"]
    payment_intent: str | None = None
    failure_reason: str | None = None


class Transfer(Made, frozen=True, kw_only=True):
    destination: str
    created: int
    transfer_group: str | None = None
    reversed: bool = False
    amount_reversed: int = 0


class Payout(Made, frozen=True, kw_only=True):
    status: Literal["paid", "pending", "in_transit", "canceled", "failed"]
    failure_code: str | None = None
    failure_message: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    data: list[T]
    has_more: bool


def read(heard: Heard | Lost, kind: type[T]) -> T | Lost:
    """The object that a look-up found, or what was said instead: to look declines nothing."""
    made = read_made(heard, kind, None)
    return Lost(why=Why.UNREADABLE) if isinstance(made, Declined) else made


def read_made(
    heard: Heard | Lost, kind: type[T], order_kind: OrderKind | None
) -> T | Declined | Lost:
    """The object that an order has made, or what was said instead.

    order_kind: None where nothing that can be said is a no to the order
    """
    if isinstance(heard, Lost):
        return heard
    if not 200 <= heard.status < 300:
        return refusal(heard, order_kind)
    try:
        return msgspec.json.decode(heard.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Lost(why=Why.UNREADABLE, detail=f"status {heard.status}, not a {_name(kind)}")


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", "page").lower()


# Codes that say no to this order for good, whatever becomes of our account or of Stripe's mood.
# Source: https://docs.stripe.com/error-codes
_DEFINITE = {
    OrderKind.CHARGE: {"amount_too_small", "amount_too_large"},
    OrderKind.REFUND: {"amount_too_small", "amount_too_large", "charge_already_refunded",
                       "charge_disputed"},
    OrderKind.PAYOUT: {"amount_too_small", "amount_too_large", "payouts_not_allowed",
                       "insufficient_capabilities_for_transfer"},
}  # fmt: skip
# What an order names itself: that it does not exist is the order's fault. A charge that is to be
# refunded did exist, so that not to find it is a mistake of ours.
_NAMED = {OrderKind.CHARGE: "payment_method", OrderKind.PAYOUT: "destination"}

_WHY = {
    401: Why.UNAUTHORIZED,
    403: Why.UNAUTHORIZED,
    408: Why.TIMEOUT,
    409: Why.CONFLICT,
    424: Why.SERVER_ERROR,  # somebody behind Stripe has failed
    429: Why.THROTTLED,
}
_WHY_CODES = {"idempotency_key_in_use": Why.CONFLICT, "rate_limit": Why.THROTTLED}


def refusal(heard: Heard, order_kind: OrderKind | None) -> Declined | Lost:
    """What an answer without success means."""
    try:
        error = msgspec.json.decode(heard.body, type=_Failure).error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        error = Error()
    if order_kind is not None and _is_definite(heard.status, error, order_kind):
        reference = None if error.payment_intent is None else error.payment_intent.id
        code = error.decline_code or error.code or "card_error"
        return Declined(code[:50], (error.message or "")[:_TEXT_MAX], reference)
    if heard.status >= 500:
        why = Why.SERVER_ERROR
    elif heard.status < 400:
        why = Why.UNREADABLE  # a redirect, say
    elif error.type == "idempotency_error" and heard.status == 400:
        # The key was used for another order, which may have moved money: what is on file there is
        # not what is on file here. To repeat it mends nothing.
        why = Why.CONTRADICTION
    else:
        why = _WHY_CODES.get(error.code or "") or _WHY.get(heard.status, Why.REFUSED)
    code = error.code if error.code and _CODE.fullmatch(error.code) else ""
    detail = f"status {heard.status} {code}".rstrip()
    return Lost(why=why, detail=detail, retry_after_s=heard.retry_after_s)


def _is_definite(status: int, error: Error, kind: OrderKind) -> bool:
    if status == 402:
        return kind is OrderKind.CHARGE and error.type == "card_error"
    if status not in (400, 404) or error.type != "invalid_request_error":
        return False
    if error.code == "resource_missing":
        return error.param is not None and error.param == _NAMED.get(kind)
    return error.code in _DEFINITE[kind]


def contradiction() -> Lost:
    return Lost(why=Why.CONTRADICTION, detail="the answer is about another order")


def is_about(made: Made, order: Order) -> bool:
    """Whether it is of this order, and of this amount."""
    return made.metadata.get(KEY) == order.idempotency_key and is_of(made, order)


def is_of(made: Made, order: Order) -> bool:
    """Whether it is of the amount of this order."""
    wanted = (asked(order.amount), order.amount.currency)
    return (made.amount, made.currency.upper()) == wanted


def of_intent(intent: Intent, order: ChargeOrder) -> Answer:
    """`requires_action` is not among them: somebody would have to act who is away."""
    if not is_about(intent, order):
        return contradiction()
    match intent.status:
        case "succeeded":
            return Approved(intent.id)
        case "processing":
            return Pending(intent.id)
        case "requires_payment_method" | "canceled" | "requires_action":
            error = intent.last_payment_error or Error()
            code = error.decline_code or error.code or intent.status
            return Declined(code, (error.message or "")[:_TEXT_MAX], intent.id)


def of_charges(charges: Sequence[Charge], order: ChargeOrder) -> Answer | NotFound:
    """What the charges under one transfer group come to: one, unless a key was forgotten."""
    if not charges:
        return NotFound()
    key = order.idempotency_key
    if not all(it.transfer_group == key and is_of(it, order) for it in charges):
        return contradiction()
    alive = [charge for charge in charges if charge.status != "failed"]
    if len(alive) > 1:
        return Lost(why=Why.CONTRADICTION, detail="charged more than once")
    if alive:
        made = alive[0]
        is_done = made.status == "succeeded"
        return (Approved if is_done else Pending)(made.payment_intent)
    failed = charges[0]
    # What the issuer said is in `outcome`; `failure_code` is mostly just `card_declined`.
    reason = None if failed.outcome is None else failed.outcome.reason
    code = reason or failed.failure_code or "card_declined"
    return Declined(code, (failed.failure_message or "")[:_TEXT_MAX], failed.payment_intent)


def of_refund(refund: Refund, order: RefundOrder) -> Answer:
    if not is_about(refund, order) or refund.payment_intent != order.charge_reference:
        return contradiction()
    match refund.status:
        case "succeeded":
            return Approved(refund.id)
        case "pending" | "requires_action":
            return Pending(refund.id)
        case "failed" | "canceled":
            return Declined(refund.failure_reason or refund.status, "", refund.id)


def of_refunds(refunds: Sequence[Refund], order: RefundOrder) -> Answer | NotFound:
    """refunds: all of the charge"""
    ours = [it for it in refunds if it.metadata.get(KEY) == order.idempotency_key]
    alive = [it for it in ours if it.status not in ("failed", "canceled")]
    if len(alive) > 1:
        return Lost(why=Why.CONTRADICTION, detail="refunded more than once")
    if not ours:
        return NotFound()
    return of_refund((alive or ours)[0], order)


def of_payout(transfer: Transfer, payout: Payout, order: PayoutOrder) -> Answer:
    """transfer: what carries the payout, and gives it its name"""
    if not is_about(payout, order):
        return contradiction()
    match payout.status:
        case "paid":
            return Approved(transfer.id)
        case "pending" | "in_transit":
            return Pending(transfer.id)
        case "failed" | "canceled":
            reason = (payout.failure_message or "")[:_TEXT_MAX]
            return Declined(payout.failure_code or payout.status, reason, transfer.id)
