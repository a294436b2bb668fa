"""Refund a charge: hold the money, and intend it. The call itself is made by `settle`."""

from collections.abc import Sequence
from functools import partial

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from paywright.core.ids import PaymentId, RefundId, TransferId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.gateway import calls
from paywright.gateway.calling import Gateway
from paywright.gateway.calls import Begun, Intent, Waits
from paywright.gateway.model import OrderKind
from paywright.idempotency import Claim, claim_fresh
from paywright.idempotency.model import quick_fingerprint
from paywright.ledger import batch as ledger
from paywright.ledger import rules
from paywright.ledger.model import Instruction, Transfer, TransferKind
from paywright.payments import charges_store
from paywright.payments.charges_store import NewRefund, Refundable
from paywright.payments.model import PaymentStatus
from paywright.payments.opening import Opened, open_all, queue_look_ups, unavailable
from paywright.payments.operations import Operation
from paywright.payments.settle_begin import Call, Schedule
from paywright.payments.told import REFUNDS, answer_of, refunds_told

_REFUNDABLE = (
    PaymentStatus.SUCCEEDED,
    PaymentStatus.PARTIALLY_REFUNDED,
)


class NoSuchCharge(NotFound):
    """There is no charge of this id."""


class RefundTooLarge(Invalid):
    """The refund is larger than what is left of the charge.

    What other refunds of it are about to give back is not left any more. `left_minor` is what is.
    """


class NotRefundable(Conflict):
    """The charge is not in a state in which it can be refunded.

    Only one that has succeeded can, and not one that is disputed: there the provider has taken the
    money back already, and the customer would have it twice.
    """


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Give back a charge. amount_minor: None gives back all that is left"""

    cause: Cause
    key: str
    charge_id: PaymentId
    amount_minor: int | None = None
    reason: str | None = None

    @property
    def claim(self) -> Claim:
        asked = {
            "amount_minor": self.amount_minor,
            "charge_id": self.charge_id,
            "reason": self.reason,
        }
        return Claim(REFUNDS, self.key, *quick_fingerprint(asked))


async def open_refunds(
    db: Database, gateway: Gateway, schedule: Schedule, requests: Sequence[RefundRequest]
) -> list[Opened | Problem]:
    """Put each refund on file, `processing`, its money on hold, with the call that is now to be
    made for it.

    Those that cannot be made are Problems, and nothing is kept of them: NoSuchCharge,
    RefundTooLarge, NotRefundable, ProviderUnavailable, and what the ledger refuses
    (InsufficientFunds).
    """
    return await open_all(db, requests, partial(_open, gateway, schedule))


class _Draft(msgspec.Struct, eq=False):
    request: RefundRequest
    id: RefundId
    charge: Refundable | None = None
    amount: Money | None = None
    problem: Problem | None = None
    begun: Begun | None = None


async def _open(
    gateway: Gateway, schedule: Schedule, tx: Tx, requests: Sequence[RefundRequest]
) -> list[Opened | Problem]:
    drafts = [_Draft(it, RefundId.new(it.cause.at)) for it in requests]
    charges = await charges_store.lock_refundable(tx, [it.charge_id for it in requests])
    reserved = {it.id: it.reserved_minor for it in charges.values()}
    for draft in drafts:
        draft.charge = charges.get(draft.request.charge_id)
        draft.problem = _check(draft, gateway, reserved)
    begun = [it for it in drafts if it.problem is None]
    if not begun:
        return [it.problem for it in drafts if it.problem is not None]
    await _hold(tx, begun)
    await charges_store.insert_refunds(tx, [_new(it) for it in begun])
    await queue_look_ups(tx, [(it.request.cause, it.id) for it in begun], schedule)
    told = await refunds_told(tx, [it.id for it in begun])
    answers = {it.id: answer_of(told[it.id]) for it in begun}
    claims = [msgspec.structs.replace(it.request.claim, answer=answers[it.id]) for it in begun]
    await claim_fresh(tx, claims, at=max(it.request.cause.at for it in begun))
    await emit_all(tx, [(it.request.cause, _event(it)) for it in begun])
    # At last, since it locks breakers: nothing is waited for after that.
    await _begin(tx, gateway, begun)
    return [it.problem or Opened(answers[it.id], _call(it)) for it in drafts]


def _check(draft: _Draft, gateway: Gateway, reserved: dict[PaymentId, int]) -> Problem | None:
    """What is wrong with it; else the amount is settled, and reserved among its neighbours."""
    it, charge = draft.request, draft.charge
    try:
        it.cause.actor.require(Permission.REFUND)
    except Forbidden as problem:
        return problem
    if charge is None:
        return NoSuchCharge(str(it.charge_id))
    if charge.status not in _REFUNDABLE or charge.provider_reference is None:
        return NotRefundable(f"it is {charge.status}", payment_status=charge.status)
    if charge.provider not in gateway.providers:
        return NotRefundable(f"{charge.provider} is not set up any more")
    left = charge.amount.minor - reserved[charge.id]
    wanted = left if it.amount_minor is None else it.amount_minor
    if wanted > left or left == 0:
        return RefundTooLarge.field("amount_minor", f"{left} is left to refund")
    reserved[charge.id] += wanted
    draft.amount = Money(wanted, charge.amount.currency)
    return None


def _sure(draft: _Draft) -> tuple[Refundable, Money]:
    if draft.charge is None or draft.amount is None:
        raise AssertionError("it was refused")
    return draft.charge, draft.amount


async def _begin(tx: Tx, gateway: Gateway, drafts: Sequence[_Draft]) -> None:
    """Put the calls on file. Raises ProviderUnavailable for all: what was held is given back."""
    intents = [
        Intent(
            operation_id=it.id,
            payment_id=it.request.charge_id,
            kind=OrderKind.REFUND,
            call="submit",
            providers=[_sure(it)[0].provider],
            comes_back=False,
        )
        for it in drafts
    ]
    at = max(it.request.cause.at for it in drafts)
    results = await calls.begin(tx, intents, policy=gateway.policy, at=at)
    for draft, result in zip(drafts, results, strict=True):
        if isinstance(result, Waits):
            seconds = (result.retry_at - at).total_seconds()
            raise unavailable(result, provider=_sure(draft)[0].provider, seconds=seconds)
        draft.begun = result


async def _hold(tx: Tx, drafts: Sequence[_Draft]) -> None:
    """Set the money aside. Raises what the ledger refuses: the batch is then tried one by one."""
    asked = []
    for it in drafts:
        charge, amount = _sure(it)
        asked.append(
            Instruction(
                id=TransferId.of(it.id),
                kind=TransferKind.HOLD,
                at=it.request.cause.at,
                debit_account_id=charge.credit_account_id,
                credit_account_id=charge.debit_account_id,
                amount_minor=amount.minor,
                currency=amount.currency,
                description=f"refund of {charge.id}",
            )
        )
    book = await ledger.load(tx, asked)
    outcomes = rules.apply(book, asked)
    for outcome in outcomes:
        if isinstance(outcome, Problem):
            raise outcome
    held = [it for it in outcomes if isinstance(it, Transfer)]
    await ledger.save(tx, book, held)
    causes = [it.request.cause for it in drafts]
    await emit_all(tx, [(cause, ledger.posted(it)) for cause, it in zip(causes, held, strict=True)])


def _new(draft: _Draft) -> NewRefund:
    charge, amount = _sure(draft)
    it = draft.request
    return NewRefund(
        id=draft.id,
        payment_id=charge.id,
        amount=amount,
        reason=it.reason,
        provider=charge.provider,
        request_key=it.key,
        created_by=it.cause.actor.id,
        created_at=it.cause.at,
    )


def _call(draft: _Draft) -> Call:
    charge, amount = _sure(draft)
    if draft.begun is None:
        raise AssertionError("nobody is asked")
    operation = Operation(
        id=draft.id,
        payment_id=charge.id,
        kind=OrderKind.REFUND,
        status="processing",
        provider=charge.provider,
        amount=amount,
        asked_at=draft.request.cause.at,
        debit_account_id=charge.credit_account_id,
        credit_account_id=charge.debit_account_id,
        charge_reference=charge.provider_reference,
    )
    return Call(operation, draft.begun, next_turn=1)


def _event(draft: _Draft) -> Event:
    charge, amount = _sure(draft)
    facts = {
        "payment_id": str(charge.id),
        "status": "processing",
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "provider": charge.provider,
    }
    return Event("refund.processing", str(draft.id), facts)
