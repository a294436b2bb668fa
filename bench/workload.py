"""Invented customers, transactions and issues: many, always the same ones."""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.customers.model import Customer
from paywright.payments.model import Charge, PaymentStatus

CUSTOMERS = 2_000
_SEED = 20_260_101
_STATUSES = (
    PaymentStatus.SUCCEEDED,
    PaymentStatus.SUCCEEDED,
    PaymentStatus.SUCCEEDED,
    PaymentStatus.DECLINED,
)
_PRIORITIES = ("normal", "normal", "normal", "low", "high", "critical")
_CODES = ("insufficient_funds", "card_expired", "do_not_honor", "stolen_card", "processing_error")


def customers(today: datetime) -> list[Customer]:
    dice = random.Random(_SEED)
    return [
        Customer(
            id=f"cust_{number:05}",
            name=f"Customer {number}",
            email=f"customer{number}@example.com",
            phone=f"+4930{number:07}",
            country=dice.choice(("DE", "FR", "US", "BR")),
            customer_since=today - timedelta(days=dice.randrange(2_000)),
        )
        for number in range(CUSTOMERS)
    ]


def charges(today: datetime) -> list[Charge]:
    """One a customer."""
    dice = random.Random(_SEED)
    found = []
    for number in range(CUSTOMERS):
        at = today - timedelta(days=dice.randrange(90))
        found.append(
            Charge(
                id=PaymentId.new(at),
                reference=f"txn_{number:05}",
                status=dice.choice(_STATUSES),
                customer_id=f"cust_{number:05}",
                amount=Money(dice.randrange(100, 50_000), "EUR"),
                provider="stripe",
                description="An order",
                failure_code=None,
                created_at=at,
            )
        )
    return found


def requests(count: int, *, first: int, secret: str) -> list[bytes]:
    """`POST /api/v1/issues`, ready to be sent; `first` numbers their idempotency keys."""
    dice = random.Random(_SEED + first)
    return [
        _request(_issue(dice), key=f"bench-{first + i:08}", secret=secret) for i in range(count)
    ]


def _request(issue: dict[str, Any], *, key: str, secret: str) -> bytes:
    body = msgspec.json.encode(issue)
    head = (
        "POST /api/v1/issues HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {secret}\r\nidempotency-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _issue(dice: random.Random) -> dict[str, Any]:
    number = dice.randrange(CUSTOMERS)
    type, details = dice.choice((_decline, _missed_installment, _dispute, _refund_request))(dice)
    return {
        "type": type,
        "customer_id": f"cust_{number:05}",
        "transaction_id": f"txn_{number:05}",
        "priority": dice.choice(_PRIORITIES),
        "details": details,
    }


def _decline(dice: random.Random) -> tuple[str, dict[str, Any]]:
    return "decline", {"error_code": dice.choice(_CODES), "auto_retry_count": dice.randrange(4)}


def _missed_installment(dice: random.Random) -> tuple[str, dict[str, Any]]:
    return "missed_installment", {
        "installment_number": dice.randrange(1, 7),
        "total_installments": 6,
        "amount_due": dice.randrange(1_000, 20_000),
        "days_overdue": dice.randrange(60),
    }


def _dispute(dice: random.Random) -> tuple[str, dict[str, Any]]:
    reason = dice.choice(("item_not_received", "unauthorized", "product_issue"))
    return "dispute", {"reason": reason, "days_since_purchase": dice.randrange(90)}


def _refund_request(dice: random.Random) -> tuple[str, dict[str, Any]]:
    return "refund_request", {
        "reason": dice.choice(("changed_mind", "defective", "wrong_item")),
        "days_since_purchase": dice.randrange(60),
        "partial_amount": dice.choice((None, 2_000)),
    }
