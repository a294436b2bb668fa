"""Valid orders with everything optional."""

from typing import Any

from tests.builders import NOON, eur

from paywright.core.ids import PaymentId
from paywright.gateway.model import Creditor, Order


def an_order(**changes: Any) -> Order:
    return Order(
        **{
            "payment_id": PaymentId.new(NOON),
            "amount": eur(12_34),
            "debtor_reference": "cust_1",
            "creditor": a_creditor(),
            "description": "Invoice 4711",
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
