"""Put on file what became of a batch, in the transaction that carried it out."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.events.emit import Event, emit_all
from paywright.ledger import batch as ledger
from paywright.ledger.model import Transfer, TransferKind
from paywright.payments import transfers_store, waiting_store
from paywright.payments.checks import Checks
from paywright.payments.model import PaymentStatus
from paywright.payments.pipeline import Draft, Facts
from paywright.payments.refusals import PaymentDeclined
from paywright.payments.sealing import seal
from paywright.payments.tasks import ask_for_reviews, ask_to_settle
from paywright.payments.waiting_store import Change, Fresh
from paywright.risk.record import record


async def save(tx: Tx, facts: Facts, drafts: Sequence[Draft], checks: Checks | None) -> None:
    """Movements and balances, payments and what changed of them, assessments, work for later,
    and an event for each."""
    moved = [draft for draft in drafts if draft.transfer is not None]
    if moved:
        await ledger.save(tx, facts.book, [draft.settled() for draft in moved])
        at_once = [it for it in moved if it.completes is None and _is_post(it.settled())]
        if at_once:
            await transfers_store.insert(
                tx, [it.settled() for it in at_once], [it.order.cause.at for it in at_once]
            )
    told: list[tuple[Cause, Event]] = [(it.order.cause, _moved(it)) for it in moved]
    if checks is not None:
        told += await _save_the_rest(tx, facts, drafts, checks)
    await emit_all(tx, told)


async def _save_the_rest(
    tx: Tx, facts: Facts, drafts: Sequence[Draft], checks: Checks
) -> list[tuple[Cause, Event]]:
    """What is not simply done: what waits or has waited, what was declined, what leaves."""
    fresh = [it for it in drafts if it.completes is None and _status(it) is not None]
    if fresh:
        await waiting_store.insert(tx, [_fresh(it, checks.keys) for it in fresh])
    changed = [it for it in drafts if it.completes is not None and _status_after(it) is not None]
    await waiting_store.change(tx, [_change(it) for it in changed])
    if facts.background is not None:
        kept = [it.assessment for it in drafts if it.assessment is not None and _is_on_file(it)]
        await record(tx, facts.background, kept)
    leaving = [it for it in drafts if it.transfer is not None and it.element.payee is not None]
    await ask_to_settle(tx, [(it.order.cause, it.payment_id) for it in leaving])
    declined = [it for it in (*fresh, *changed) if isinstance(it.problem, PaymentDeclined)]
    await ask_for_reviews(tx, [(it.order.cause, it.payment_id) for it in declined])
    return [(it.order.cause, _told(it)) for it in (*fresh, *changed) if it.transfer is None]


def _status(draft: Draft) -> PaymentStatus | None:
    """What a payment is made as; None for one that is not made, or simply succeeded."""
    if not draft.is_payment:
        return None
    if draft.challenge is not None:
        return PaymentStatus.REQUIRES_OTP
    if isinstance(draft.problem, PaymentDeclined):
        return PaymentStatus.DECLINED
    if draft.transfer is not None and draft.element.payee is not None:
        return PaymentStatus.PROCESSING
    return None


def _status_after(draft: Draft) -> PaymentStatus | None:
    """What becomes of a payment that was waiting; None: it goes on waiting."""
    if draft.transfer is not None:
        leaves = draft.element.payee is not None
        return PaymentStatus.PROCESSING if leaves else PaymentStatus.SUCCEEDED
    if draft.problem is None or draft.keeps_nothing:
        return None
    is_declined = isinstance(draft.problem, PaymentDeclined)
    return PaymentStatus.DECLINED if is_declined else PaymentStatus.FAILED


def _is_on_file(draft: Draft) -> bool:
    """Whether there is something on file now that the assessment is about."""
    if draft.completes is not None:
        return _status_after(draft) is not None
    return draft.transfer is not None or _status(draft) is not None


def _fresh(draft: Draft, keys: KeyRing) -> Fresh:
    it, status, payee = draft.instruction, _status(draft), draft.element.payee
    if status is None:
        raise AssertionError(f"{draft.payment_id} is not made")
    return Fresh(
        id=draft.payment_id,
        status=status,
        amount_minor=_amount(draft),
        currency=it.currency or "",
        debit_account_id=it.debit_account_id,
        credit_account_id=it.credit_account_id,
        description=it.description,
        created_at=draft.order.cause.at,
        provider=None if payee is None else payee.bank,
        failure_code="risk" if status is PaymentStatus.DECLINED else None,
        beneficiary=None if payee is None else seal(keys, draft.payment_id, payee),
    )


def _change(draft: Draft) -> Change:
    after = _status_after(draft)
    if after is None:
        raise AssertionError(f"{draft.payment_id} goes on waiting")
    reason = "otp_passed" if draft.problem is None else _code(draft.problem)
    return Change(
        payment_id=draft.payment_id,
        before=PaymentStatus.REQUIRES_OTP,
        after=after,
        reason=reason,
        actor=draft.order.cause.actor.id,
        at=draft.order.cause.at,
        failure_code=None if draft.problem is None else reason,
    )


def _code(problem: Problem) -> str:
    return "risk" if isinstance(problem, PaymentDeclined) else problem.code().replace("-", "_")


def _amount(draft: Draft) -> int:
    return draft.instruction.amount_minor or draft.weighed_minor


def _is_post(transfer: Transfer) -> bool:
    return transfer.kind is TransferKind.POST


def _moved(draft: Draft) -> Event:
    transfer = draft.settled()
    if not draft.is_payment:
        return ledger.posted(transfer)
    is_done = _is_post(transfer)
    facts = {
        "kind": "transfer",
        "status": "succeeded" if is_done else "processing",
        **ledger.facts_of(transfer),
    }
    return Event(
        "payment.completed" if is_done else "payment.processing", str(draft.payment_id), facts
    )


_EVENTS = {
    PaymentStatus.REQUIRES_OTP: "payment.challenged",
    PaymentStatus.DECLINED: "payment.declined",
    PaymentStatus.FAILED: "payment.failed",
}


def _told(draft: Draft) -> Event:
    it = draft.instruction
    status = _status(draft) if draft.completes is None else _status_after(draft)
    if status is None:
        raise AssertionError(f"nothing happened to {draft.payment_id}")
    facts = {
        "kind": "transfer",
        "status": status.value,
        "debit_account_id": str(it.debit_account_id),
        "credit_account_id": str(it.credit_account_id),
        "amount_minor": _amount(draft),
        "currency": it.currency,
    }
    return Event(_EVENTS[status], str(draft.payment_id), facts)
