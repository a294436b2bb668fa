"""A turn whose job has died is not the last: money may be under way."""

from collections.abc import Sequence
from datetime import timedelta

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.payments import operations_store
from paywright.payments.tasks import (
    SettlePayment,
    SettleRefund,
    Target,
    Turn,
    ask_for_reviews,
    ask_for_turns,
)

# What killed it may kill the next one: it comes seldom, and a person is told.
_PAUSE = timedelta(hours=1)


async def keep_asking(
    tx: Tx, cause: Cause, tasks: Sequence[SettlePayment | SettleRefund], reasons: Sequence[str]
) -> None:
    """Queue each turn once more, for later, and have a person look."""
    at = cause.at + _PAUSE
    targets: list[tuple[Target, int]] = [
        (it.refund_id if isinstance(it, SettleRefund) else it.payment_id, it.turn) for it in tasks
    ]
    await ask_for_turns(
        tx,
        [
            Turn(cause=cause, target=target, turn=turn, at=at, again=cause.at)
            for target, turn in targets
        ],
    )
    payments = [it.payment_id for it in tasks if isinstance(it, SettlePayment)]
    refunds = [it.refund_id for it in tasks if isinstance(it, SettleRefund)]
    payments += await operations_store.payments_of(tx, refunds) if refunds else []
    await ask_for_reviews(tx, [(cause, it) for it in payments], reason="unsettled")
