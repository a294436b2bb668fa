"""PaymentIntents: made, confirmed, canceled. Manual capture is not offered."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from paywright.simulator.stripe.card_objects import intent_status, intent_view
from paywright.simulator.stripe.edge import Acted, Call, found
from paywright.simulator.stripe.entries import Charge, Intent
from paywright.simulator.stripe.errors import StripeError, no_such
from paywright.simulator.stripe.forms import parse
from paywright.simulator.stripe.tokens import MethodVerdict, judge_method

AMOUNT_MIN, AMOUNT_MAX = 50, 99_999_999  # minor units; docs.stripe.com/currencies

Text = Annotated[str, Meta(max_length=5000)]
Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}$")]
Metadata = dict[Annotated[str, Meta(max_length=40)], Annotated[str, Meta(max_length=500)]]


class CreateIntent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: int
    currency: Currency
    automatic_payment_methods: dict[str, str] | None = None
    capture_method: Literal["automatic", "automatic_async"] = "automatic"
    confirm: bool = False
    confirmation_method: Literal["automatic"] = "automatic"
    customer: str | None = None
    description: Text | None = None
    error_on_requires_action: bool = False
    expand: list[str] = []
    metadata: Metadata = {}
    off_session: bool = False
    payment_method: str | None = None
    payment_method_types: list[Literal["card"]] | None = None
    receipt_email: Text | None = None
    return_url: Text | None = None
    statement_descriptor: Annotated[str, Meta(max_length=22)] | None = None
    statement_descriptor_suffix: Annotated[str, Meta(max_length=22)] | None = None
    transfer_group: Text | None = None


class ConfirmIntent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    error_on_requires_action: bool = False
    expand: list[str] = []
    off_session: bool = False
    payment_method: str | None = None
    receipt_email: Text | None = None
    return_url: Text | None = None


class CancelIntent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cancellation_reason: (
        Literal["abandoned", "duplicate", "fraudulent", "requested_by_customer"] | None
    ) = None
    expand: list[str] = []


def create_intent(call: Call) -> Acted:
    body = parse(call.form, CreateIntent)
    check_amount(body.amount)
    if body.off_session and not body.confirm:
        raise StripeError(400, "off_session needs confirm=true.", param="off_session")
    if body.customer is not None and not body.customer.startswith("cus_"):
        raise no_such("customer", body.customer, param="customer", status=400)
    if body.payment_method is not None:
        _judge(call, body.payment_method, off_session=False)
    intent = Intent(
        id=call.books.next_id("pi"),
        created_at=call.at,
        idempotency_key=call.idempotency_key,
        amount=body.amount,
        currency=body.currency.lower(),
        customer=body.customer,
        description=body.description,
        metadata=body.metadata,
        payment_method=body.payment_method,
        receipt_email=body.receipt_email,
        statement_descriptor=body.statement_descriptor,
        statement_descriptor_suffix=body.statement_descriptor_suffix,
        transfer_group=body.transfer_group,
    )
    if not body.confirm:
        return Acted(intent.id, (intent,))
    return _try(
        call,
        intent,
        body.payment_method,
        off_session=body.off_session or body.error_on_requires_action,
    )


def confirm_intent(call: Call) -> Acted:
    body = parse(call.form, ConfirmIntent)
    intent = _intent(call)
    _check_status(call, intent, "confirm")
    is_fresh = intent_status(call.account, intent, call.at) == "requires_confirmation"
    method = body.payment_method or (intent.payment_method if is_fresh else None)
    return _try(call, intent, method, off_session=body.off_session or body.error_on_requires_action)


def cancel_intent(call: Call) -> Acted:
    body = parse(call.form, CancelIntent)
    intent = _intent(call)
    _check_status(call, intent, "cancel")
    reason = body.cancellation_reason
    canceled = replace(intent, canceled_at=call.at, cancellation_reason=reason)
    return Acted(intent.id, (canceled,))


def _try(call: Call, intent: Intent, method: str | None, *, off_session: bool) -> Acted:
    """Charge the card. The intent is on file whatever comes of that."""
    if method is None:
        raise StripeError(
            400,
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            param="payment_method",
        )
    verdict = _judge(call, method, off_session=off_session)
    if verdict.kind == "wants_customer":
        asked = replace(intent, action_at=call.at, payment_method=method)
        return Acted(intent.id, (asked,))
    charge = Charge(
        id=call.books.next_id("ch"),
        created_at=call.at,
        final_at=call.at + verdict.after,
        idempotency_key=call.idempotency_key,
        intent=intent.id,
        amount=intent.amount,
        currency=intent.currency,
        customer=intent.customer,
        description=intent.description,
        metadata=intent.metadata,
        payment_method=method,
        statement_descriptor_suffix=intent.statement_descriptor_suffix,
        transfer_group=intent.transfer_group,
        decline_code=verdict.decline_code,
    )
    status = 402 if charge.status(call.at) == "failed" else 200
    return Acted(intent.id, (intent, charge), status)


def _judge(call: Call, method: str, *, off_session: bool) -> MethodVerdict:
    verdict = judge_method(
        method,
        off_session=off_session,
        settle_after=call.settle_after,
        is_declined=call.is_declined,
    )
    if verdict is None:
        raise no_such("PaymentMethod", method, param="payment_method", status=400)
    return verdict


def _intent(call: Call) -> Intent:
    return found(call, call.account.intents, "payment_intent", param="intent")


def _check_status(call: Call, intent: Intent, wish: str) -> None:
    status = intent_status(call.account, intent, call.at)
    if not status.startswith("requires_"):
        raise StripeError(
            400,
            f"You cannot {wish} this PaymentIntent because it has a status of {status}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent_view(call.account, intent, call.at),
        )


def check_amount(amount: int, *, least: int = AMOUNT_MIN) -> None:
    """Raises StripeError, 400."""
    if amount < least:
        code = "parameter_invalid_integer" if amount < 1 else "amount_too_small"
        raise StripeError(
            400, f"Amount must be at least {least} minor units.", code=code, param="amount"
        )
    if amount > AMOUNT_MAX:
        raise StripeError(
            400,
            f"Amount must be no more than {AMOUNT_MAX} minor units.",
            code="amount_too_large",
            param="amount",
        )
