"""Settle a payment with another bank: intend, act, record.

What we are about to ask is on file, with the next turn queued, before we ask; no transaction
spans the call. So a process that dies at any point leaves a turn behind that finds out. A payment
is only ever submitted under its own id as the bank's idempotency key: asking twice pays once.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, TransferId
from paywright.core.money import Money
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.gateway.model import (
    Answer,
    Approved,
    Bank,
    Creditor,
    Declined,
    Lost,
    NotFound,
    Order,
    Pending,
    Why,
)
from paywright.ledger import batch as ledger
from paywright.ledger import rules
from paywright.ledger.model import Instruction, Transfer, TransferKind
from paywright.payments import attempts_store, waiting_store
from paywright.payments.attempts_store import Leaving
from paywright.payments.model import PaymentStatus
from paywright.payments.outside import unseal
from paywright.payments.states import is_final
from paywright.payments.tasks import ask_for_reviews, ask_to_settle_later
from paywright.payments.waiting_store import Change

log = structlog.get_logger()

# How long after a turn the next one asks what became of it. After the last a person has to.
_WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(days=1),
)


async def settle_payment(
    db: Database,
    keys: KeyRing,
    banks: Mapping[str, Bank],
    cause: Cause,
    *,
    payment_id: PaymentId,
    turn: int,
) -> None:
    """One turn: submit the payment, or ask what became of it, and record the answer.

    Safe to repeat, and to be run by two at once: the bank knows the payment by its id, and its
    hold is resolved once.
    """
    async with db.transaction() as tx:
        leaving = await attempts_store.lock(tx, payment_id)
        if leaving is None or is_final(leaving.status):
            return
        seq = leaving.attempts + 1
        call = "look_up" if leaving.attempts else "submit"
        await attempts_store.begin(tx, payment_id, seq=seq, provider=leaving.bank, call=call)
        if turn < len(_WAITS):
            wait = _WAITS[turn]
            await ask_to_settle_later(tx, cause, payment_id, turn=turn + 1, wait=wait)
        else:
            await ask_for_reviews(tx, [(cause, payment_id)], reason="unsettled")
    bank = banks.get(leaving.bank)
    order = _order(keys, leaving)
    if bank is None:
        answer: Answer = Lost(why=Why.UNREACHABLE, detail="not set up", sent=False)
    elif call == "submit":
        answer = await bank.submit(order)
    else:
        answer = await _look_up(bank, order)
    async with db.transaction() as tx:
        await _record(tx, cause, payment_id, seq, answer)


async def _look_up(bank: Bank, order: Order) -> Answer:
    """What became of it. What the bank has never seen is submitted, under the same key."""
    answer = await bank.look_up(order)
    return await bank.submit(order) if isinstance(answer, NotFound) else answer


def _order(keys: KeyRing, leaving: Leaving) -> Order:
    payee = unseal(keys, leaving.id, leaving.beneficiary)
    return Order(
        payment_id=leaving.id,
        amount=Money(leaving.amount_minor, leaving.currency),
        debtor_reference=str(leaving.id),
        creditor=Creditor(
            name=payee.name,
            country=payee.country or "",
            iban=payee.iban,
            account_number=payee.account_number,
            bank_code=payee.bic,
        ),
        description=leaving.description or "",
    )


async def _record(tx: Tx, cause: Cause, payment_id: PaymentId, seq: int, answer: Answer) -> None:
    leaving = await attempts_store.lock(tx, payment_id)
    if leaving is None:
        raise AssertionError(f"{payment_id} is gone")
    outcome, code = _outcome(answer)
    await attempts_store.end(tx, payment_id, seq=seq, outcome=outcome, code=code)
    if is_final(leaving.status):
        return  # another turn was faster
    if isinstance(answer, Approved):
        await _resolve(tx, cause, leaving, TransferKind.POST_HOLD)
        await _change(tx, cause, leaving, PaymentStatus.SUCCEEDED, reason="approved")
    elif isinstance(answer, Declined):
        await _resolve(tx, cause, leaving, TransferKind.RELEASE_HOLD)
        await _change(tx, cause, leaving, PaymentStatus.FAILED, reason=answer.code)
    elif isinstance(answer, Lost) and answer.sent:
        log.warning("payment.answer_lost", payment_id=str(payment_id), why=answer.why.value)
        if leaving.status is not PaymentStatus.UNKNOWN:
            await _change(tx, cause, leaving, PaymentStatus.UNKNOWN, reason="answer_lost")


async def _resolve(tx: Tx, cause: Cause, leaving: Leaving, kind: TransferKind) -> None:
    """Post or release the money that is on hold for the payment."""
    asked = Instruction(
        id=TransferId.new(cause.at), kind=kind, at=cause.at, hold_id=TransferId.of(leaving.id)
    )
    book = await ledger.load(tx, [asked])
    outcomes = rules.apply(book, [asked])
    if not isinstance(outcomes[0], Transfer):
        raise outcomes[0]
    await ledger.record(tx, cause, book, outcomes)


_EVENTS = {
    PaymentStatus.SUCCEEDED: "payment.completed",
    PaymentStatus.FAILED: "payment.failed",
    PaymentStatus.UNKNOWN: "payment.unknown",
}


async def _change(
    tx: Tx, cause: Cause, leaving: Leaving, after: PaymentStatus, *, reason: str
) -> None:
    change = Change(
        payment_id=leaving.id,
        before=leaving.status,
        after=after,
        reason=reason,
        actor=cause.actor.id,
        at=cause.at,
        failure_code=reason if after is PaymentStatus.FAILED else None,
    )
    await waiting_store.change(tx, [change])
    facts = {
        "kind": "transfer",
        "status": after.value,
        "amount_minor": leaving.amount_minor,
        "currency": leaving.currency,
        "reason": reason,
    }
    await emit(
        tx,
        cause,
        Event(
            _EVENTS[after],
            str(leaving.id),
            facts,
            before={"status": leaving.status.value},
            after={"status": after.value},
        ),
    )


def _outcome(answer: Answer) -> tuple[str, str | None]:
    match answer:
        case Approved():
            return "approved", None
        case Declined(code=code):
            return "declined", code
        case Pending():
            return "pending", None
        case Lost(why=why):
            return "lost", why.value
