"""Put on file what approvals have made of payments: risk, hold, and the way out."""

from collections.abc import Sequence

from paywright.approvals.decide import needed
from paywright.approvals.model import Requirement
from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.ledger import batch as ledger
from paywright.payments import waiting_store
from paywright.payments.checks import Checks
from paywright.payments.model import PaymentStatus
from paywright.payments.sealing import seal
from paywright.payments.tasks import ask_for_reviews, ask_to_settle
from paywright.payments.vendor import store
from paywright.payments.vendor.going import Going, hold, weigh
from paywright.payments.vendor.store import Approved, Locked
from paywright.payments.vendor.tasks import ask_to_release
from paywright.payments.waiting_store import Change
from paywright.risk.record import record

HIGH_RISK = "builtin:high-risk"


def one_more(count: int) -> Requirement:
    """What a high risk asks for: as many approvers as the policies, and one."""
    return Requirement("approver", count + 1, HIGH_RISK, "The risk of the payment is high.")


async def ask_for_one_more(
    tx: Tx, row: Locked, requirements: tuple[Requirement, ...]
) -> tuple[Requirement, ...]:
    """Keep that the risk of a pending payment is high; what is asked for by now."""
    asked = (*requirements, one_more(needed(requirements)))
    more = Approved(id=row.id, approvals_needed=needed(asked), is_high_risk=True)
    await store.save_approved(tx, [more])
    return asked


async def advance(
    tx: Tx, checks: Checks, going: Sequence[Going], counts: Sequence[int]
) -> list[Going]:
    """Payments that have all approvals they need go on, as far as each can.

    counts: of approvals that are needed, for each
    Returns those of a high risk that have not been looked at by one more approver: the caller sees
    whether they have been, and may hand them in again. Raises Unscreened and HoldsDue.
    """
    background = await weigh(tx, checks, going)
    risky = [it for it in going if it.is_risky and not it.row.is_high_risk]
    passing = [it for it in going if it not in risky]
    wanted = {id(it): count for it, count in zip(going, counts, strict=True)}
    book = await hold(tx, passing)
    done = [it for it in passing if it.problem is None]
    held = [it for it in done if it.transfer is not None]
    await ledger.save(tx, book, [it.transfer for it in held if it.transfer is not None])
    await store.save_approved(tx, [_approved(it, wanted[id(it)], checks) for it in done])
    await waiting_store.change(tx, [_change(it) for it in done])
    if background is not None:
        await record(tx, background, [it.assessment for it in done if it.assessment is not None])
    await _ask_for_more(tx, done)
    await emit_all(tx, [pair for it in done for pair in _events(it)])
    return risky


def _approved(it: Going, needed: int, checks: Checks) -> Approved:
    leaves_now = it.leaves_now and not it.is_declined
    return Approved(
        id=it.row.id,
        approvals_needed=needed,
        is_high_risk=it.row.is_high_risk,
        approved_at=it.cause.at,
        release_at=None if it.is_declined else it.release_at,
        released_at=it.cause.at if leaves_now else None,
        provider=it.payee.bank,
        credit_account_id=it.credit_account_id,
        beneficiary=seal(checks.keys, it.row.id, it.payee),
    )


def _change(it: Going) -> Change:
    return Change(
        payment_id=it.row.id,
        before=PaymentStatus.PENDING_APPROVAL,
        after=PaymentStatus.DECLINED if it.is_declined else PaymentStatus.PROCESSING,
        reason="risk" if it.is_declined else "approved",
        actor=it.cause.actor.id,
        at=it.cause.at,
        failure_code="risk" if it.is_declined else None,
    )


async def _ask_for_more(tx: Tx, done: Sequence[Going]) -> None:
    declined = [it for it in done if it.is_declined]
    await ask_for_reviews(tx, [(it.cause, it.row.id) for it in declined])
    leaving = [it for it in done if it.leaves_now and not it.is_declined]
    await ask_to_settle(tx, [(it.cause, it.row.id) for it in leaving])
    later = [
        (it.cause, it.row.id, it.release_at)
        for it in done
        if it.release_at is not None and not it.leaves_now and not it.is_declined
    ]
    await ask_to_release(tx, later)


def _events(it: Going) -> list[tuple[Cause, Event]]:
    facts = {
        "kind": "vendor_payment",
        "vendor_id": it.row.vendor_id,
        "incident_id": it.row.incident_id,
        "amount_minor": it.row.amount.minor,
        "currency": it.row.amount.currency,
        "content_hash": it.row.content_hash.hex(),
    }
    subject = str(it.row.id)
    before = {"status": "pending_approval"}
    approved = Event("payment.approved", subject, facts, before=before, after=before)
    status = "declined" if it.is_declined else "processing"
    went_on = Event(
        f"payment.{status}",
        subject,
        facts | {"status": status, "provider": it.payee.bank},
        before=before,
        after={"status": status},
    )
    told = [(it.cause, approved), (it.cause, went_on)]
    if it.transfer is not None:
        told.append((it.cause, ledger.posted(it.transfer)))
    return told
