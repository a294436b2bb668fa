"""Refunds of charges."""

from typing import Literal

import msgspec

from paywright.simulator.stripe.card_objects import charge_of, refunded
from paywright.simulator.stripe.edge import Acted, Call, found
from paywright.simulator.stripe.entries import Charge, Refund
from paywright.simulator.stripe.errors import StripeError
from paywright.simulator.stripe.forms import parse
from paywright.simulator.stripe.intents import Metadata, check_amount
from paywright.simulator.stripe.tokens import judge_refund


class CreateRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: int | None = None
    charge: str | None = None
    expand: list[str] = []
    metadata: Metadata = {}
    payment_intent: str | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


def create_refund(call: Call) -> Acted:
    body = parse(call.form, CreateRefund)
    charge = _charge(call, body)
    if charge.status(call.at) != "succeeded":
        raise StripeError(
            400,
            f"Charge {charge.id} did not succeed, so that it cannot be refunded.",
            code="charge_not_refundable",
            param="charge",
        )
    left = charge.amount - refunded(call.account, charge, call.at)
    if left == 0:
        raise StripeError(
            400,
            f"Charge {charge.id} has already been refunded.",
            code="charge_already_refunded",
            param="charge",
        )
    amount = left if body.amount is None else body.amount
    check_amount(amount, least=1)
    if amount > left:
        # Stripe names no code here.
        raise StripeError(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    verdict = judge_refund(amount, settle_after=call.settle_after)
    refund = Refund(
        id=call.books.next_id("re"),
        created_at=call.at,
        final_at=call.at + verdict.after,
        idempotency_key=call.idempotency_key,
        charge=charge.id,
        intent=charge.intent,
        amount=amount,
        currency=charge.currency,
        metadata=body.metadata,
        reason=body.reason,
        failure_reason=verdict.failure_reason,
    )
    return Acted(refund.id, (refund,))


def _charge(call: Call, body: CreateRefund) -> Charge:
    account = call.account
    if body.charge is not None:
        return found(call, account.charges, "charge", param="charge", id=body.charge)
    if body.payment_intent is None:
        raise StripeError(400, "Name a charge or a payment_intent.", code="parameter_missing")
    name, id = "payment_intent", body.payment_intent
    intent = found(call, account.intents, name, param=name, id=id)
    charge = charge_of(account, intent, call.at)
    if charge is None or charge.status(call.at) != "succeeded":
        raise StripeError(
            400,
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
            param="payment_intent",
        )
    return charge
