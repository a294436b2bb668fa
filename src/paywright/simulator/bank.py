"""The API of the partner bank: payments, each once for its idempotency key."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from msgspec import Meta

from paywright.simulator.books import Books, Creditor, Payment
from paywright.simulator.requests import (
    AnyRequest,
    Refused,
    check_same,
    check_token,
    idempotency_key,
    is_declined,
    read_body,
)
from paywright.simulator.verdicts import REASONS, is_iban, judge_payment
from paywright.simulator.webhooks import OutgoingEvent, event_id

# Lengths as in a SEPA credit transfer (pain.001): names 70, references 35, remittance 140.
Reference = Annotated[str, Meta(min_length=1, max_length=35)]


class PaymentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount_minor: Annotated[int, Meta(gt=0)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    debtor_reference: Reference
    creditor: Creditor
    end_to_end_id: Reference
    description: Annotated[str, Meta(max_length=140)] = ""


@post("/payments", status_code=201)
async def post_payment(request: AnyRequest, state: State) -> Response[dict[str, Any]]:
    """Take a payment in. The same key and the same body get the same answer."""
    check_token(request, state.token)
    key = idempotency_key(request)
    body, fingerprint = await read_body(request, PaymentRequest)
    books: Books = state.books
    at: datetime = state.clock()
    known = books.payment_of(key)
    if known is not None:
        check_same(known.fingerprint, fingerprint)
        # As it was answered then, also when the payment has moved on.
        return Response(_view(known, known.created_at), headers={"Idempotency-Replayed": "true"})
    account = _account(body.creditor)
    verdict = judge_payment(
        name=body.creditor.name,
        account=account,
        amount_minor=body.amount_minor,
        settle_after=timedelta(milliseconds=state.faults.sides["bank"].faults.settle_after_ms),
        is_declined=is_declined(request),
    )
    payment = Payment(
        id=books.next_payment_id(),
        idempotency_key=key,
        fingerprint=fingerprint,
        amount_minor=body.amount_minor,
        currency=body.currency,
        debtor_reference=body.debtor_reference,
        creditor=body.creditor,
        end_to_end_id=body.end_to_end_id,
        description=body.description,
        outcome=verdict.status,
        reason_code=verdict.reason_code,
        created_at=at,
        final_at=at + verdict.after,
    )
    books.add(payment)
    for event in _events(payment):
        state.webhooks.announce(event)
    return Response(_view(payment, at))


@get("/payments")
async def find_payment(request: AnyRequest, state: State) -> dict[str, Any]:
    """The payment of `?idempotency_key=`, as it stands now. 404: no such key has come in yet."""
    check_token(request, state.token)
    key = request.query_params.get("idempotency_key")
    if not key:
        raise Refused(400, "malformed", "name an idempotency_key")
    payment = state.books.payment_of(key)
    if payment is None:
        raise Refused(404, "payment_not_found", "no payment has come in under this key")
    return _view(payment, state.clock())


@get("/payments/{payment_id:str}")
async def get_payment(request: AnyRequest, state: State, payment_id: str) -> dict[str, Any]:
    """One payment by the bank's own id."""
    check_token(request, state.token)
    payment = state.books.payments.get(payment_id)
    if payment is None:
        raise Refused(404, "payment_not_found", "there is no such payment")
    return _view(payment, state.clock())


def _account(creditor: Creditor) -> str:
    """Where the money is to go. Raises Refused, 422 with a reason code: nothing was taken in."""
    if creditor.iban is not None:
        if not is_iban(creditor.iban):
            raise _refusal("AC01")
        return creditor.iban
    if not creditor.account_number:
        raise _refusal("AC01")
    if not creditor.bank_code:
        raise _refusal("RC01")
    return creditor.account_number


def _refusal(code: str) -> Refused:
    return Refused(422, "payment_refused", REASONS[code], reason_code=code)


def _events(payment: Payment) -> Iterator[OutgoingEvent]:
    """What there is to tell about it: that it was accepted, if it is not final at once; and what
    it comes to."""
    moments = dict.fromkeys((payment.created_at, payment.final_at))
    for at in moments:
        type = f"payment.{payment.status(at)}"
        yield OutgoingEvent(
            side="bank",
            id=event_id(payment.id, payment.idempotency_key, type),
            type=type,
            object=payment.id,
            created_at=at,
            data=_view(payment, at),
            idempotency_key=payment.idempotency_key,
        )


def _view(payment: Payment, at: datetime) -> dict[str, Any]:
    status = payment.status(at)
    code = payment.reason_code if status == "rejected" else None
    return {
        "id": payment.id,
        "idempotency_key": payment.idempotency_key,
        "status": status,
        "reason_code": code,
        "reason": REASONS.get(code or ""),
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "end_to_end_id": payment.end_to_end_id,
        "created_at": payment.created_at,
    }


ROUTES = [post_payment, find_payment, get_payment]
