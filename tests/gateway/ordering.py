"""Valid orders with everything optional."""

from typing import Any

from tests.builders import NOON, eur

from paywright.core.ids import PaymentId, RefundId
from paywright.gateway.model import ChargeOrder, Creditor, PayoutOrder, RefundOrder


def an_order(**changes: Any) -> PayoutOrder:
    return PayoutOrder(
        **{
            "payment_id": PaymentId.new(NOON),
            "amount": eur(12_34),
            "debtor_reference": "cust_1",
            "creditor": a_creditor(),
            "description": "Invoice 4711",
            "asked_at": NOON,
        }
        | changes
    )


def a_creditor(**changes: Any) -> Creditor:
    fields = {
        "name": "Nordlicht Bau GmbH",
        "country": "DE",
        "iban": "DE89370400440532013000",
    } | changes
    return Creditor(**fields)


def an_account_holder(account: str = "acct_nordlicht") -> Creditor:
    """A creditor whose account the provider keeps itself."""
    return a_creditor(iban=None, provider_account=account)


def a_charge(**changes: Any) -> ChargeOrder:
    return ChargeOrder(
        **{
            "payment_id": PaymentId.new(NOON),
            "amount": eur(12_34),
            "customer_id": "cust_1",
            "payment_method": "pm_card_visa",
            "description": "Order 4711",
            "asked_at": NOON,
        }
        | changes
    )


def a_refund(**changes: Any) -> RefundOrder:
    return RefundOrder(
        **{
            "refund_id": RefundId.new(NOON),
            "payment_id": PaymentId.new(NOON),
            "charge_reference": "pi_1",
            "amount": eur(12_34),
            "asked_at": NOON,
        }
        | changes
    )
