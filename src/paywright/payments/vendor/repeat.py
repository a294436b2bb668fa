"""Make a payment again that has failed, or could not leave: under a new id, with its approvals."""

import msgspec

from paywright.approvals import store as approvals
from paywright.approvals.decide import counting, missing, needed
from paywright.approvals.model import Vote
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import ApprovalId, PaymentId
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.events import Event, emit
from paywright.incidents.take_up import take_up
from paywright.ledger.expire import HoldsDue, expire
from paywright.payments.checks import Unscreened, screen_parties
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import create_store, store
from paywright.payments.vendor.advance import advance, ask_for_one_more
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.candidates_store import resembling
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.duplicates import Bill
from paywright.payments.vendor.going import going_of
from paywright.payments.vendor.model import Terms, VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.refusals import (
    NoSuchVendorPayment,
    PaymentNotRepeatable,
    VendorBlocked,
)
from paywright.payments.vendor.store import Locked, Successor
from paywright.payments.vendor.voting import requirements_of, subject_of
from paywright.vendors import store as vendors
from paywright.vendors.model import BANK_FILES, Payable, VendorStatus

_TRIES = 10
_REPEATABLE = (PaymentStatus.FAILED, PaymentStatus.CANCELED)


async def repeat_payment(
    db: Database, parts: ApproveParts, cause: Cause, *, payment_id: PaymentId
) -> VendorPayment:
    """The payment that repeats this one: made now, or the one that was made before.

    It is approved already if nothing has changed since: contents, and where the money goes. Else
    it waits for approvals, and who repeats it has made it, too. Raises NoSuchVendorPayment,
    PaymentNotRepeatable, VendorBlocked.
    """
    cause.actor.require(Permission.CREATE_PAYMENTS)
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                made = await repeat(tx, parts, cause, payment_id)
                return (await on_file(tx, [made]))[made]
        except HoldsDue as found:
            await expire(db, cause, found.ids)
        except Unscreened as found:
            await screen_parties(db, found, at=cause.at)
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just repeated it, which the next run finds; or:
            if not await _has_successor(db, payment_id):
                raise PaymentNotRepeatable("another payment is open for its incident") from None
    raise AssertionError(f"holds or lists changed under us {_TRIES} times")


async def _has_successor(db: Database, payment_id: PaymentId) -> bool:
    async with db.snapshot() as tx:
        return await store.successor_of(tx, payment_id) is not None


async def repeat(
    tx: Tx, parts: ApproveParts, cause: Cause, payment_id: PaymentId, *, afresh: bool = False
) -> PaymentId:
    """afresh: its approvals are not carried over."""
    row = (await store.lock(tx, [payment_id])).get(payment_id)
    if row is None:
        raise NoSuchVendorPayment(str(payment_id))
    if (made := await store.successor_of(tx, payment_id)) is not None:
        return made
    if row.status not in _REPEATABLE:
        raise PaymentNotRepeatable(f"it is {row.status.value}", payment_status=row.status.value)
    before = (await on_file(tx, [row.id]))[row.id]
    if not afresh:
        await _check_not_entered_anew(tx, parts.terms, cause, before)
    vendor = (await vendors.lock_payables(tx, [row.vendor_id]))[row.vendor_id]
    if vendor.status is VendorStatus.BLOCKED:
        raise VendorBlocked(vendor.id)
    if row.incident_id is not None and await take_up(tx, [(cause, row.incident_id)]):
        raise PaymentNotRepeatable(f"the incident {row.incident_id} is closed")
    return await _succeed(tx, parts, cause, row, before, vendor, afresh=afresh)


async def _check_not_entered_anew(
    tx: Tx, terms: Terms, cause: Cause, before: VendorPayment
) -> None:
    """Since it failed, somebody may have entered the same bill again: it is not paid twice."""
    it = before.contents
    await create_store.take_turns(tx, [it.vendor_id])
    bill = Bill(
        vendor_id=it.vendor_id,
        amount=it.amount,
        bill_number=it.bill_number,
        bill_date=it.bill_date,
        at=cause.at,
        payment_id=before.id,
        incident_id=it.incident_id,
    )
    (found,) = await resembling(tx, [bill], window=terms.duplicate_window)
    if found is None or found.payment_id == before.resembles:
        return
    other = (await on_file(tx, [found.payment_id]))[found.payment_id]
    # Somebody has said that the other one is another bill, and others have approved that.
    if other.resembles != before.id:
        told = f"{other.id} is on file for what seems to be the same bill"
        raise PaymentNotRepeatable(told, resembles=str(other.id))


async def _succeed(
    tx: Tx,
    parts: ApproveParts,
    cause: Cause,
    row: Locked,
    before: VendorPayment,
    vendor: Payable,
    *,
    afresh: bool,
) -> PaymentId:
    digest = content_hash(
        before.contents, payout_version=vendor.payout_version, revision=before.revision
    )
    rules = await parts.policies.current(tx)
    new = msgspec.structs.replace(
        row,
        id=PaymentId.new(cause.at),
        status=PaymentStatus.PENDING_APPROVAL,
        content_hash=digest,
        payout_version=vendor.payout_version,
        is_high_risk=False,
        credit_account_id=None,
    )
    carries = not afresh and digest == row.content_hash and _has_failed_for_sure(before)
    votes = await _carried(tx, cause, row, new) if carries else []
    if carries:
        new = msgspec.structs.replace(new, is_high_risk=row.is_high_risk)
    requirements = requirements_of(rules, new, vendor, cause)
    is_approved = carries and not missing(requirements, votes)
    if not afresh and not is_approved:
        new = _made_by(new, cause.actor.person)
    await store.insert_successor(
        tx,
        Successor(
            id=new.id,
            replaces=row.id,
            makers=new.makers,
            content_hash=digest,
            payout_version=vendor.payout_version,
            approvals_needed=needed(requirements),
            created_at=cause.at,
        ),
    )
    await emit(tx, cause, _created(new, row))
    await approvals.insert_votes(tx, counting(subject_of(new), votes))
    if is_approved:
        going = going_of(cause, new, vendor, parts.checks.keys)
        if await advance(tx, parts.checks, [going], [needed(requirements)]):
            await ask_for_one_more(tx, new, requirements)  # the risk is high by now
        if going.problem is not None:
            raise going.problem
    return new.id


def _made_by(row: Locked, person: str) -> Locked:
    if person in row.makers:
        return row
    return msgspec.structs.replace(row, makers=(*row.makers, person))


def _has_failed_for_sure(before: VendorPayment) -> bool:
    """One that was canceled by a person is not approved any more. And what became of a file is
    what a person told us: nobody pays it again alone."""
    return before.status is PaymentStatus.FAILED and before.provider != BANK_FILES


async def _carried(tx: Tx, cause: Cause, row: Locked, new: Locked) -> list[Vote]:
    """The approvals that it had, as those of the one that repeats it."""
    earlier = (await approvals.votes_of(tx, [row.id])).get(row.id, ())
    return [
        msgspec.structs.replace(
            it, id=ApprovalId.new(cause.at), subject_id=new.id, carried_from=row.id
        )
        for it in counting(subject_of(row), earlier)
    ]


def _created(new: Locked, row: Locked) -> Event:
    facts = {
        "kind": "vendor_payment",
        "status": "pending_approval",
        "vendor_id": row.vendor_id,
        "incident_id": row.incident_id,
        "payer_type": row.payer_type,
        "amount_minor": row.amount.minor,
        "currency": row.amount.currency,
        "content_hash": new.content_hash.hex(),
        "replaces": str(row.id),
        "attempt": row.attempt + 1,
    }
    return Event("payment.created", str(new.id), facts, after={"status": "pending_approval"})
