"""How intents, charges and refunds look from outside, at a moment.

Source of the shapes: docs.stripe.com/api.
"""

import hashlib
from datetime import datetime
from typing import Any

from paywright.simulator.stripe.accounts import Account
from paywright.simulator.stripe.entries import Charge, Intent, Refund
from paywright.simulator.stripe.errors import doc_url
from paywright.simulator.stripe.journal import transaction_id
from paywright.simulator.stripe.moments import second
from paywright.simulator.stripe.tokens import (
    advice_code,
    card_of,
    decline_message,
    error_code,
    network_decline_code,
)

View = dict[str, Any]


def charge_of(account: Account, intent: Intent, at: datetime) -> Charge | None:
    """The latest attempt at an intent."""
    charges = account.charges.labelled("payment_intent", intent.id)
    return next((it for it in reversed(charges) if it.created_at <= at), None)


def intent_status(account: Account, intent: Intent, at: datetime) -> str:
    if intent.canceled_at is not None and intent.canceled_at <= at:
        return "canceled"
    charge = charge_of(account, intent, at)
    asked_at = intent.action_at
    was_asked = asked_at is not None and asked_at <= at
    if was_asked and (charge is None or charge.created_at < asked_at):
        return "requires_action"
    if charge is None:
        return (
            "requires_payment_method" if intent.payment_method is None else "requires_confirmation"
        )
    by_charge = {
        "pending": "processing",
        "succeeded": "succeeded",
        "failed": "requires_payment_method",
    }
    return by_charge[charge.status(at)]


def intent_view(account: Account, intent: Intent, at: datetime) -> View:
    status = intent_status(account, intent, at)
    charge = charge_of(account, intent, at)
    has_failed = charge is not None and charge.status(at) == "failed"
    method = intent.payment_method if charge is None else charge.payment_method
    secret = hashlib.sha256(intent.id.encode()).hexdigest()[:24]
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": 0,
        "amount_received": intent.amount if status == "succeeded" else 0,
        "application": None,
        "canceled_at": second(intent.canceled_at) if status == "canceled" else None,
        "cancellation_reason": intent.cancellation_reason if status == "canceled" else None,
        "capture_method": "automatic",
        "client_secret": f"{intent.id}_secret_{secret}",
        "confirmation_method": "automatic",
        "created": second(intent.created_at),
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": last_error(charge, at) if has_failed else None,
        "latest_charge": None if charge is None else charge.id,
        "livemode": False,
        "metadata": intent.metadata,
        "next_action": _next_action() if status == "requires_action" else None,
        "payment_method": None if status == "requires_payment_method" else method,
        "payment_method_types": ["card"],
        "receipt_email": intent.receipt_email,
        "setup_future_usage": None,
        "statement_descriptor": intent.statement_descriptor,
        "statement_descriptor_suffix": intent.statement_descriptor_suffix,
        "status": status,
        "transfer_group": intent.transfer_group,
    }


def _next_action() -> View:
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}


def last_error(charge: Charge | None, at: datetime) -> View | None:
    """Why the last attempt at an intent has failed, as in `last_payment_error`."""
    if charge is None or charge.decline_code is None or charge.status(at) != "failed":
        return None
    code = error_code(charge.decline_code)
    return {
        "advice_code": advice_code(charge.decline_code),
        "charge": charge.id,
        "code": code,
        "decline_code": charge.decline_code,
        "doc_url": doc_url(code),
        "message": decline_message(charge.decline_code),
        "network_decline_code": network_decline_code(charge.decline_code),
        "payment_method": {
            "id": charge.payment_method,
            "object": "payment_method",
            "card": _card(charge.payment_method),
            "created": second(charge.created_at),
            "customer": charge.customer,
            "livemode": False,
            "metadata": {},
            "type": "card",
        },
        "type": "card_error",
    }


def _card(method: str) -> View:
    brand, last4 = card_of(method)
    return {
        "brand": brand,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2040,
        "funding": "credit",
        "last4": last4,
        "network": brand,
    }


def refunded(account: Account, charge: Charge, at: datetime) -> int:
    """How much of a charge was given back and has not come back since."""
    refunds = account.refunds.labelled("charge", charge.id)
    alive = (it for it in refunds if it.created_at <= at and it.status(at) != "failed")
    return sum(it.amount for it in alive)


def charge_view(account: Account, charge: Charge, at: datetime) -> View:
    status = charge.status(at)
    code = charge.decline_code if status == "failed" else None
    is_paid = status == "succeeded"
    given_back = refunded(account, charge, at)
    return {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": charge.amount if is_paid else 0,
        "amount_refunded": given_back,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": transaction_id(charge.id) if is_paid else None,
        "captured": is_paid,
        "created": second(charge.created_at),
        "currency": charge.currency,
        "customer": charge.customer,
        "description": charge.description,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if code is None else error_code(code),
        "failure_message": None if code is None else decline_message(code),
        "fraud_details": {},
        "livemode": False,
        "metadata": charge.metadata,
        "outcome": None if status == "pending" else _outcome(code),
        "paid": is_paid,
        "payment_intent": charge.intent,
        "payment_method": charge.payment_method,
        "payment_method_details": {"card": _card(charge.payment_method), "type": "card"},
        "receipt_email": None,
        "refunded": given_back == charge.amount,
        "statement_descriptor_suffix": charge.statement_descriptor_suffix,
        "status": status,
        "transfer_group": charge.transfer_group,
    }


def _outcome(decline_code: str | None) -> View:
    is_paid = decline_code is None
    return {
        "advice_code": None if decline_code is None else advice_code(decline_code),
        "network_advice_code": None,
        "network_decline_code": (
            None if decline_code is None else network_decline_code(decline_code)
        ),
        "network_status": "approved_by_network" if is_paid else "declined_by_network",
        "reason": decline_code,
        "seller_message": "Payment complete." if is_paid else "The bank did not say more.",
        "type": "authorized" if is_paid else "issuer_declined",
    }


def refund_view(refund: Refund, at: datetime) -> View:
    status = refund.status(at)
    body = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": transaction_id(refund.id),
        "charge": refund.charge,
        "created": second(refund.created_at),
        "currency": refund.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.intent,
        "reason": refund.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "failed":
        body["failure_reason"] = refund.failure_reason
        body["failure_balance_transaction"] = transaction_id(refund.id, back=True)
    return body
