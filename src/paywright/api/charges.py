"""Charges and their refunds over HTTP."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.answers import respond
from paywright.api.problems import InvalidRequest, document
from paywright.api.requests import (
    NO_NUL,
    CustomerRef,
    IdempotencyKey,
    Reference,
    one_key,
    read_body,
    read_id,
)
from paywright.api.transfers import KeyHeader
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Invalid, Problem
from paywright.core.ids import AccountId, PaymentId, RefundId
from paywright.core.money import Money
from paywright.idempotency import Answer
from paywright.payments.charge import ChargeRequest
from paywright.payments.charge_views import (
    get_charge_made,
    get_refund,
    list_charges,
    list_refunds,
)
from paywright.payments.orders import Answered
from paywright.payments.refund import RefundRequest
from paywright.payments.told import ChargeTold, RefundTold
from paywright.wiring import App

Amount = Annotated[int, Meta(gt=0, le=2**63 - 1, description="Minor units.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
PaymentMethod = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{2,99}$(?!\n)",
        description="The provider's token, `pm_…`; never a card number.",
    ),
]
Description = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)]


class ChargeDeclined(Invalid):
    """The provider declined the charge.

    No money moved. `failure_code` is the provider's own word for why; `payment_id` is on file as
    `failed`. The same request with the same key is told the same: for a new attempt, use a new key.
    """


class RefundDeclined(Invalid):
    """The provider declined the refund.

    No money moved, and what was set aside for it is available again. `failure_code` is the
    provider's own word for why.
    """


class ChargeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Money to be taken from a customer's card. `credit_account_id`: whose it is then."""

    customer_id: CustomerRef
    amount_minor: Amount
    currency: Currency
    payment_method: PaymentMethod
    credit_account_id: Annotated[str, Meta(max_length=64)]
    reference: Reference | None = None
    description: Description | None = None
    idempotency_key: IdempotencyKey | None = None


class RefundBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without `amount_minor`, all that is left of the charge is given back."""

    amount_minor: Amount | None = None
    reason: Description | None = None
    idempotency_key: IdempotencyKey | None = None


class ChargeView(ChargeTold, frozen=True, kw_only=True, tag="charge", tag_field="type"):
    """A charge. `processing` and `unknown`: the provider has not been heard yet."""


class RefundView(RefundTold, frozen=True, kw_only=True, tag="refund", tag_field="type"):
    """A refund of a charge."""


class ChargePage(msgspec.Struct, frozen=True):
    items: list[ChargeView]
    next_cursor: str | None


class RefundList(msgspec.Struct, frozen=True):
    items: list[RefundView]


def charge_view(told: ChargeTold) -> ChargeView:
    return ChargeView(**msgspec.structs.asdict(told))


def refund_view(told: RefundTold) -> RefundView:
    return RefundView(**msgspec.structs.asdict(told))


_read_charge = msgspec.msgpack.Decoder(ChargeTold).decode
_read_refund = msgspec.msgpack.Decoder(RefundTold).decode


def _charge_answer(kept: Answer, path: str) -> Answer:
    told = _read_charge(kept.body)
    if kept.status >= 400:
        declined = ChargeDeclined(
            f"{told.provider} declined it: {told.failure_code}",
            payment_id=told.id,
            payment_status=told.status,
            provider=told.provider,
            failure_code=told.failure_code,
        )
        return _refused(declined, path)
    return Answer(kept.status, msgspec.json.encode(charge_view(told)))


def _refund_answer(kept: Answer, path: str) -> Answer:
    told = _read_refund(kept.body)
    if kept.status >= 400:
        declined = RefundDeclined(
            f"{told.provider} declined it: {told.failure_code}",
            refund_id=told.id,
            payment_id=told.charge_id,
            provider=told.provider,
            failure_code=told.failure_code,
        )
        return _refused(declined, path)
    return Answer(kept.status, msgspec.json.encode(refund_view(told)))


def _refused(problem: Problem, path: str) -> Answer:
    # No request id: the same request again, with the same key, gets the same bytes.
    return Answer(problem.status, document(problem, instance=path, request_id=None))


@post("/charges", status_code=201, opt={"permission": Permission.CHARGE, "body": ChargeBody})
async def create_charge(
    request: Request[Any, Any, Any], cause: Cause, key: KeyHeader = None
) -> Response[ChargeView]:
    """Charge a customer's card.

    The answer waits for the provider. 201: it succeeded; 422 `charge-declined`: the provider said
    no; 202: it is not known yet, and settled without you. The same request with the same key never
    charges twice, and is told how it stands or how it ended. While no provider can be asked it is
    refused (503 `provider-unavailable`), and nothing is kept.
    """
    body: ChargeBody = await read_body(request, ChargeBody)
    asked = ChargeRequest(
        cause=cause,
        key=one_key(key, body.idempotency_key),
        customer_id=body.customer_id,
        amount=_amount(body),
        payment_method=body.payment_method,
        credit_account_id=read_id(AccountId, body.credit_account_id, field="credit_account_id"),
        reference=body.reference,
        description=body.description,
    )
    answered: Answered = await request.app.state.making.charge(asked)
    told = _charge_answer(answered.answer, request.url.path)
    return respond(told, replayed=answered.replayed)


def _amount(body: ChargeBody) -> Money:
    if body.currency not in EXPONENT:
        raise InvalidRequest.field("currency", f"{body.currency!r} is not a currency of ISO 4217")
    return Money(body.amount_minor, body.currency)


@get("/charges", opt={"permission": Permission.READ_PAYMENTS})
async def get_charges(
    app: App,
    cause: Cause,
    customer_id: Annotated[str | None, Parameter(max_length=64)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> ChargePage:
    """List charges, newest first, of one customer or of all."""
    page = await list_charges(app.db, cause, customer_id=customer_id, cursor=cursor, limit=limit)
    return ChargePage([charge_view(it) for it in page.items], page.next_cursor)


@get("/charges/{charge_id:str}", opt={"permission": Permission.READ_PAYMENTS})
async def get_one_charge(app: App, cause: Cause, charge_id: str) -> ChargeView:
    """One charge, as it stands now."""
    wanted = read_id(PaymentId, charge_id, field="charge_id")
    return charge_view(await get_charge_made(app.db, cause, payment_id=wanted))


@post(
    "/charges/{charge_id:str}/refunds",
    status_code=201,
    opt={"permission": Permission.REFUND, "body": RefundBody},
)
async def create_refund(
    request: Request[Any, Any, Any], cause: Cause, charge_id: str, key: KeyHeader = None
) -> Response[RefundView]:
    """Give back a charge, or a part of it.

    The money is set aside from the account that the charge went to, then the provider is asked.
    Answers are as with charges: 201, 202, and 422 `refund-declined`. More than is left of the
    charge, counting refunds under way, is refused with 422 `refund-too-large`.
    """
    body: RefundBody = await read_body(request, RefundBody)
    asked = RefundRequest(
        cause=cause,
        key=one_key(key, body.idempotency_key),
        charge_id=read_id(PaymentId, charge_id, field="charge_id"),
        amount_minor=body.amount_minor,
        reason=body.reason,
    )
    answered: Answered = await request.app.state.making.refund(asked)
    told = _refund_answer(answered.answer, request.url.path)
    return respond(told, replayed=answered.replayed)


@get("/charges/{charge_id:str}/refunds", opt={"permission": Permission.READ_PAYMENTS})
async def get_refunds(app: App, cause: Cause, charge_id: str) -> RefundList:
    """All refunds of one charge, the oldest first."""
    wanted = read_id(PaymentId, charge_id, field="charge_id")
    found = await list_refunds(app.db, cause, payment_id=wanted)
    return RefundList([refund_view(it) for it in found])


@get("/refunds/{refund_id:str}", opt={"permission": Permission.READ_PAYMENTS})
async def get_one_refund(app: App, cause: Cause, refund_id: str) -> RefundView:
    """One refund, as it stands now."""
    wanted = read_id(RefundId, refund_id, field="refund_id")
    return refund_view(await get_refund(app.db, cause, refund_id=wanted))


ROUTES = [create_charge, get_charges, get_one_charge, create_refund, get_refunds, get_one_refund]
