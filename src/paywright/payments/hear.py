"""What became of payments, told otherwise than in answer to a call: in a file of the bank."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.gateway.model import Approved, Declined
from paywright.payments.settle_begin import lock_targets
from paywright.payments.settle_book import Judged
from paywright.payments.settle_record import judged_of, settle_all


class Heard(msgspec.Struct, frozen=True):
    payment_id: PaymentId
    answer: Approved | Declined


async def hear(tx: Tx, caused: Sequence[tuple[Cause, Heard]], *, at: datetime) -> list[bool]:
    """Settle each payment as it was told; whether that changed it. Safe to repeat: what is settled
    stays so, and of two answers in a list the first one counts."""
    operations = await lock_targets(tx, [heard.payment_id for _, heard in caused])
    judged: dict[UUID, Judged] = {}
    first: dict[UUID, int] = {}
    for number, (cause, heard) in enumerate(caused):
        op = operations.get(heard.payment_id)
        if op is not None and op.id not in judged:
            judged[op.id] = judged_of(cause, op, heard.answer)
            first[op.id] = number
    settled = await settle_all(tx, list(judged.values()), paid_through={}, at=at)
    changed = {first[it.operation.id] for it in settled if it.verdict.is_final}
    return [number in changed for number in range(len(caused))]
