"""What has become of a payment, step by step."""

from datetime import datetime
from uuid import UUID

import msgspec

from paywright.db.pool import Tx
from paywright.payments.model import PaymentStatus


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A status that followed another. reason: in a word; actor: by which credential"""

    seq: int
    before: PaymentStatus
    after: PaymentStatus
    reason: str
    actor: str
    at: datetime


async def transitions_of(tx: Tx, payment_id: UUID) -> list[Transition]:
    """All of one payment, the first first."""
    rows = await tx.fetch(
        """
        select seq, before, after, reason, actor, at
          from payment_transitions
         where payment_id = $1
         order by seq
        """,
        payment_id,
    )
    return [
        Transition(
            seq=row["seq"],
            before=PaymentStatus(row["before"]),
            after=PaymentStatus(row["after"]),
            reason=row["reason"],
            actor=row["actor"],
            at=row["at"],
        )
        for row in rows
    ]
