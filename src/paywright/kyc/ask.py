"""Ask the provider about an open check: intended by the check, asked outside any transaction, then
recorded."""

import msgspec
import structlog

from paywright.core.cause import Cause
from paywright.core.ids import CheckId
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.customers.model import Customer
from paywright.db.pool import Database, Tx
from paywright.kyc import rules, store, subject
from paywright.kyc.decide import settle
from paywright.kyc.model import (
    Check,
    Forgotten,
    KycProvider,
    KycStatus,
    Lost,
    Refused,
    Standing,
    Underway,
    Verdict,
)
from paywright.kyc.tasks import ask_soon

log = structlog.get_logger()

_DUE_MAX = 500  # checks queued by one run of the schedule

Answer = Verdict | Underway | Refused | Forgotten | Lost


async def ask_due(db: Database, cause: Cause) -> int:
    """Queue the open checks whose time has come; how many there were."""
    async with db.transaction() as tx:
        due = await store.due(tx, at=cause.at, limit=_DUE_MAX)
        await ask_soon(tx, cause, due)
    return len(due)


async def ask_provider(
    db: Database, keys: KeyRing, provider: KycProvider, cause: Cause, *, check_id: CheckId
) -> None:
    """Begin a check at its provider, or look up what became of it, and record the answer.

    A lost answer is asked for again later, under the same idempotency key: no check is made, or
    paid for, twice. Safe to repeat.
    """
    async with db.snapshot() as tx:
        check, customer = await _load(tx, keys, check_id)
    if check is None or customer is None:
        return
    index = subject.index_of(keys, customer)
    reference = check.provider_reference
    if not subject.is_about(keys, check.subject_index, customer):
        reference = None  # was begun under another name
    answer: Answer
    if reference is not None:
        answer = await provider.look_up(reference)
    elif subject.is_nameless(customer):
        answer = Refused("name_missing")  # it was taken away since
    else:
        # A key of its own for each name: under the same key the request may not change.
        key = f"{check_id}-{index.hex()[:16]}"
        answer = await provider.begin(subject.subject_of(customer), idempotency_key=key)
    async with db.transaction() as tx:
        standing = await store.lock_standing(tx, customer.id, at=cause.at)
        check, now = await _load(tx, keys, check_id)
        if check is None or now is None:
            return  # decided meanwhile, by hand or by another worker
        asked = msgspec.structs.replace(
            check, subject_index=index, provider_reference=reference, attempts=check.attempts + 1
        )
        if not subject.is_about(keys, index, now):
            answer = Forgotten()  # about a name that is not theirs any more
        await _record(tx, cause, standing, asked, answer)


async def _load(tx: Tx, keys: KeyRing, check_id: CheckId) -> tuple[Check | None, Customer | None]:
    """An open check and whom it is about; None for both when it is not open."""
    check = await store.find(tx, check_id)
    if check is None or check.status != KycStatus.PENDING:
        return None, None
    return check, await customers.find(tx, keys, check.customer_id)


async def _record(tx: Tx, cause: Cause, standing: Standing, check: Check, answer: Answer) -> None:
    match answer:
        case Verdict():
            status = KycStatus.VERIFIED if answer.is_verified else KycStatus.REJECTED
            known = msgspec.structs.replace(check, provider_reference=answer.reference)
            await settle(tx, cause, standing, known, status=status, reason=answer.reason)
        case Refused():
            log.warning("kyc.refused", check_id=str(check.id), reason=answer.reason)
            await settle(
                tx, cause, standing, check, status=KycStatus.UNVERIFIED, reason=answer.reason
            )
        case Underway():
            await _ask_again(tx, cause, check, reference=answer.reference)
        case Forgotten():
            await _ask_again(tx, cause, check, reference=None)
        case Lost():
            log.warning("kyc.answer_lost", check_id=str(check.id), why=answer.why)
            await _ask_again(
                tx,
                cause,
                check,
                reference=check.provider_reference,
                retry_after_s=answer.retry_after_s,
            )


async def _ask_again(
    tx: Tx, cause: Cause, check: Check, *, reference: str | None, retry_after_s: float | None = None
) -> None:
    await store.set_asked(
        tx,
        check.id,
        reference=reference,
        subject_index=check.subject_index,
        ask_at=rules.next_asked_at(check, at=cause.at, retry_after_s=retry_after_s),
    )
