"""What is told of a charge or a refund, as it stood at some moment: kept under the key of the
request, so that the same request again is told the same."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, PaymentId, RefundId
from paywright.db.pool import Row, Tx
from paywright.idempotency import Answer, Claim, amend
from paywright.payments import charges_store
from paywright.payments.tasks import Target

CHARGES, REFUNDS = "charges.create", "refunds.create"
_DONE, _ACCEPTED, _REFUSED = 201, 202, 422


class ChargeTold(msgspec.Struct, frozen=True, kw_only=True):
    """A charge. amounts in minor units; settled_at: when we learned that it had succeeded"""

    id: str
    status: str
    customer_id: str
    amount_minor: int
    refunded_minor: int
    currency: str
    credit_account_id: str
    payment_method: str
    provider: str
    provider_reference: str | None
    failure_code: str | None
    reference: str | None
    description: str | None
    created_at: datetime
    settled_at: datetime | None


class RefundTold(msgspec.Struct, frozen=True, kw_only=True):
    """A refund, the same way. charge_id: what it gives back"""

    id: str
    charge_id: str
    status: str
    amount_minor: int
    currency: str
    reason: str | None
    provider: str
    provider_reference: str | None
    failure_code: str | None
    created_at: datetime
    settled_at: datetime | None


def charge_of(row: Row) -> ChargeTold:
    return ChargeTold(
        id=str(PaymentId.of(row["id"])),
        status=row["status"],
        customer_id=row["customer_id"],
        amount_minor=row["amount_minor"],
        refunded_minor=row["refunded_minor"],
        currency=row["currency"],
        credit_account_id=str(AccountId.of(row["credit_account_id"])),
        payment_method=row["payment_method"],
        provider=row["provider"],
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
        reference=row["reference"],
        description=row["description"],
        created_at=row["created_at"],
        settled_at=row["settled_at"],
    )


def refund_of(row: Row) -> RefundTold:
    return RefundTold(
        id=str(RefundId.of(row["id"])),
        charge_id=str(PaymentId.of(row["payment_id"])),
        status=row["status"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        reason=row["reason"],
        provider=row["provider"],
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
        created_at=row["created_at"],
        settled_at=row["settled_at"],
    )


def answer_of(told: ChargeTold | RefundTold) -> Answer:
    """What is kept under the key: the edge makes its response of it."""
    return Answer(status_of(told), msgspec.msgpack.encode(told), is_recipe=True)


def status_of(told: ChargeTold | RefundTold) -> int:
    """The HTTP status with which it is told. Source: as with transfers, 202 is taken in and not
    done yet, and what a provider declined cannot be done."""
    if told.status in ("processing", "unknown"):
        return _ACCEPTED
    return _REFUSED if told.status == "failed" else _DONE


async def charges_told(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, ChargeTold]:
    return {row["id"]: charge_of(row) for row in await charges_store.charges(tx, ids)}


async def refunds_told(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, RefundTold]:
    return {row["id"]: refund_of(row) for row in await charges_store.refunds(tx, ids)}


async def amend_answers(tx: Tx, targets: Sequence[Target]) -> dict[Target, Answer]:
    """Have the requests for these told, from now on, what has become of them. The answers; payouts
    have none here."""
    charges = [it for it in targets if not isinstance(it, RefundId)]
    refunds = [it for it in targets if isinstance(it, RefundId)]
    made = await charges_store.charges(tx, charges) if charges else []
    given_back = await charges_store.refunds(tx, refunds) if refunds else []
    answers: dict[Target, Answer] = {}
    claims: list[Claim] = []
    for row in made:
        answer = answers[PaymentId.of(row["id"])] = answer_of(charge_of(row))
        claims.append(Claim(CHARGES, row["request_key"], (), b"", answer))
    for row in given_back:
        answer = answers[RefundId.of(row["id"])] = answer_of(refund_of(row))
        claims.append(Claim(REFUNDS, row["request_key"], (), b"", answer))
    if claims:
        await amend(tx, claims)
    return answers
