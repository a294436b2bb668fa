"""A vendor payment has failed: repeat it by itself, or have a person look."""

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.payments.model import PaymentStatus
from paywright.payments.tasks import ask_for_reviews
from paywright.payments.vendor import store
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.model import Terms
from paywright.payments.vendor.repeat import repeat_payment
from paywright.payments.vendor.tasks import ask_to_repeat

# Reasons that may be gone in an hour. ISO 20022 external status reasons: AM04 insufficient funds,
# AM02 and AM14 amount limits, AB05 to AB08 and TM01 timeouts and agents that are offline, ED05
# settlement failed, NARR and MS03 are not told. Stripe: balance_insufficient, rate limits.
_PASSING = frozenset(
    {
        *("AM04", "AM02", "AM14", "AB05", "AB06", "AB07", "AB08", "TM01", "ED05"),
        *("balance_insufficient", "insufficient_funds", "rate_limit", "try_again_later"),
    }
)


def is_passing(failure_code: str | None) -> bool:
    """Whether the same payment may succeed later, with nothing changed about it."""
    return failure_code in _PASSING


async def repeat_or_tell(
    db: Database, parts: ApproveParts, cause: Cause, *, payment_id: PaymentId
) -> None:
    """Repeat it by itself; where that is not possible any more, a person is told."""
    try:
        await repeat_payment(db, parts, cause, payment_id=payment_id)
    except Problem as problem:
        if problem.status >= 500:
            raise  # the next attempt may do better
        async with db.transaction() as tx:
            await ask_for_reviews(tx, [(cause, payment_id)], reason="payout_failed")


async def follow_up_failure(
    db: Database, terms: Terms, cause: Cause, *, payment_id: PaymentId
) -> None:
    """What failed for a passing reason is repeated after a while, so often; all else, and what goes
    on failing, comes before a person."""
    async with db.transaction() as tx:
        row = (await store.lock(tx, [payment_id])).get(payment_id)
        if row is None or row.status is not PaymentStatus.FAILED:
            return
        if is_passing(row.failure_code) and row.attempt <= terms.retries:
            await ask_to_repeat(tx, cause, payment_id, at=cause.at + terms.retry_after)
        else:
            await ask_for_reviews(tx, [(cause, payment_id)], reason="payout_failed")
