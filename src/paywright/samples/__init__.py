"""Invented customers, transactions, issues, accounts and movements, for trying things out."""

from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Literal

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.customers.model import Customer
from paywright.payments.model import Charge, PaymentStatus


class SampleCustomer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str
    phone: str
    country: str
    customer_for_days: int


class SampleTransaction(msgspec.Struct, frozen=True, kw_only=True):
    reference: str
    customer_id: str
    status: PaymentStatus
    amount_minor: int
    currency: str
    provider: str
    description: str
    age_days: int
    failure_code: str | None = None


class SampleIssue(msgspec.Struct, frozen=True, kw_only=True):
    """A request to `POST /api/v1/issues`, as it is sent."""

    idempotency_key: str
    type: str
    customer_id: str
    transaction_id: str
    priority: str
    details: dict[str, Any]


class SampleAccount(msgspec.Struct, frozen=True):
    """A customer's money, which we owe: it may not go negative."""

    code: str
    owner: str
    name: str
    currency: str


class SampleMovement(msgspec.Struct, frozen=True, kw_only=True):
    """A request that moves money, with the codes of its accounts and the key of its hold.

    expect: the problem that it is refused with, if it is
    """

    key: str
    do: Literal["transfer", "hold", "post_hold"]
    amount: str
    description: str
    debit: str | None = None
    credit: str | None = None
    hold: str | None = None
    expect: str | None = None


SAMPLE_CURRENCY = "EUR"
SAMPLE_PROVIDERS = ("stripe",)
SAMPLE_BANKS = ("partner_bank", "bank_files")


def sample_customers(today: datetime) -> list[Customer]:
    """`today`: midnight, so that loading the samples twice on a day changes nothing."""
    return [
        Customer(
            id=sample.id,
            name=sample.name,
            email=sample.email,
            phone=sample.phone,
            country=sample.country,
            customer_since=today - timedelta(days=sample.customer_for_days),
        )
        for sample in _read("customers.json", list[SampleCustomer])
    ]


def sample_transactions(today: datetime) -> list[Charge]:
    return [
        Charge(
            id=PaymentId.new(today - timedelta(days=sample.age_days)),
            reference=sample.reference,
            status=sample.status,
            customer_id=sample.customer_id,
            amount=Money(sample.amount_minor, sample.currency),
            provider=sample.provider,
            description=sample.description,
            failure_code=sample.failure_code,
            created_at=today - timedelta(days=sample.age_days),
        )
        for sample in _read("transactions.json", list[SampleTransaction])
    ]


def sample_issues() -> list[SampleIssue]:
    return _read("issues.json", list[SampleIssue])


def sample_accounts() -> list[SampleAccount]:
    return _read("accounts.json", list[SampleAccount])


def sample_movements() -> list[SampleMovement]:
    return _read("movements.json", list[SampleMovement])


def _read(name: str, type: Any) -> Any:
    text = files("paywright.samples").joinpath(name).read_bytes()
    return msgspec.json.decode(text, type=type)
