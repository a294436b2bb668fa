"""Customers, and the transactions that issues refer to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, put
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import (
    END,
    CustomerRef,
    LongText,
    Reference,
    Text,
    in_our_time,
    read_body,
)
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.ids import PaymentId
from paywright.core.money import MINOR_MAX, Money
from paywright.customers.model import Customer
from paywright.customers.register import find_customers, get_customer, register_customer
from paywright.kyc.reconsider import reconsider
from paywright.payments.model import Charge, PaymentStatus
from paywright.payments.record import get_charge, record_charge
from paywright.screening.forget import forget_standing
from paywright.wiring import App

AwareTime = Annotated[datetime, Meta(tz=True)]
Email = Annotated[
    str, Meta(max_length=254, pattern=r"^[^@\s\u0000]+@[^@\s\u0000]+\.[^@\s\u0000]+$")
]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}" + END, description="E.164.")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}" + END, description="ISO 3166-1 alpha-2.")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}" + END, description="ISO 4217.")]
AmountMinor = Annotated[int, Meta(gt=0, le=MINOR_MAX, description="Minor units: cents.")]


class CustomerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_since: AwareTime
    name: Text | None = None
    email: Email | None = None
    phone: Phone | None = None
    country: Country | None = None


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    customer_since: datetime
    name: str | None
    email: str | None
    phone: str | None
    country: str | None

    @classmethod
    def of(cls, customer: Customer) -> "CustomerView":
        return cls(**{field: getattr(customer, field) for field in cls.__struct_fields__})


class CustomerList(msgspec.Struct, frozen=True):
    items: Sequence[CustomerView]


class TransactionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: CustomerRef
    status: PaymentStatus
    amount_minor: AmountMinor
    currency: CurrencyCode
    created_at: AwareTime
    provider: Text | None = None
    failure_code: Text | None = None
    description: LongText | None = None


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reference: str
    customer_id: str
    status: PaymentStatus
    amount_minor: int
    currency: str
    provider: str | None
    failure_code: str | None
    description: str | None
    created_at: datetime

    @classmethod
    def of(cls, charge: Charge) -> "TransactionView":
        return cls(
            id=str(charge.id),
            reference=charge.reference,
            customer_id=charge.customer_id,
            status=charge.status,
            amount_minor=charge.amount.minor,
            currency=charge.amount.currency,
            provider=charge.provider,
            failure_code=charge.failure_code,
            description=charge.description,
            created_at=charge.created_at,
        )


@put(
    "/customers/{customer_id:str}",
    status_code=200,
    opt={"permission": Permission.WRITE_CUSTOMERS, "body": CustomerRequest, "also": (201,)},
)
async def put_customer(
    request: Request[Any, Any, Any], app: App, cause: Cause, customer_id: str
) -> Response[CustomerView]:
    """Register a customer under your own id, or correct what is on file. Safe to repeat."""
    body: CustomerRequest = await read_body(request, CustomerRequest)
    fields = {name: getattr(body, name) for name in CustomerRequest.__struct_fields__}
    fields["customer_since"] = in_our_time("customer_since", body.customer_since)
    customer = Customer(id=_checked("customer_id", customer_id, CustomerRef), **fields)
    new = await register_customer(app.db, app.keys, cause, customer=customer)
    if not new:
        # What was found out about one name says nothing about another.
        await reconsider(app.db, app.keys, cause, customer_id=customer.id)
        await forget_standing(app.db, customer_id=customer.id)
    return Response(CustomerView.of(customer), status_code=201 if new else 200)


@get("/customers", opt={"permission": Permission.READ_CUSTOMERS})
async def get_customers(
    app: App, cause: Cause, email: Annotated[str, Parameter(min_length=3, max_length=254)]
) -> CustomerList:
    """Find customers by their exact e-mail address."""
    found = await find_customers(app.db, app.keys, cause, email=email)
    return CustomerList([CustomerView.of(customer) for customer in found])


@get("/customers/{customer_id:str}", opt={"permission": Permission.READ_CUSTOMERS})
async def get_one_customer(app: App, cause: Cause, customer_id: str) -> CustomerView:
    """One customer."""
    reference = _checked("customer_id", customer_id, CustomerRef)
    return CustomerView.of(await get_customer(app.db, app.keys, cause, customer_id=reference))


@put(
    "/transactions/{reference:str}",
    status_code=200,
    opt={"permission": Permission.WRITE_CUSTOMERS, "body": TransactionRequest, "also": (201,)},
)
async def put_transaction(
    request: Request[Any, Any, Any], app: App, cause: Cause, reference: str
) -> Response[TransactionView]:
    """Put a charge that was made elsewhere on file, or update it. Safe to repeat."""
    body: TransactionRequest = await read_body(request, TransactionRequest)
    if body.currency not in EXPONENT:
        raise InvalidRequest.field("currency", f"{body.currency} is not an ISO 4217 currency")
    charge = Charge(
        id=PaymentId.new(cause.at),
        reference=_checked("reference", reference, Reference),
        status=body.status,
        customer_id=body.customer_id,
        amount=Money(body.amount_minor, body.currency),
        provider=body.provider,
        failure_code=body.failure_code,
        description=body.description,
        created_at=in_our_time("created_at", body.created_at),
    )
    stored, new = await record_charge(app.db, cause, charge=charge)
    return Response(TransactionView.of(stored), status_code=201 if new else 200)


@get("/transactions/{reference:str}", opt={"permission": Permission.READ_CUSTOMERS})
async def get_transaction(app: App, cause: Cause, reference: str) -> TransactionView:
    """One transaction, by the reference it was put on file under."""
    name = _checked("reference", reference, Reference)
    return TransactionView.of(await get_charge(app.db, cause, reference=name))


def _checked(field: str, value: str, type: Any) -> str:
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise InvalidRequest.field(field, str(error)) from None


ROUTES = [put_customer, get_customers, get_one_customer, put_transaction, get_transaction]
