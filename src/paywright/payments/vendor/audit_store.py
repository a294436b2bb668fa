"""The audit trail of a payment."""

from datetime import datetime
from typing import Any

import msgspec

from paywright.core.ids import PaymentId
from paywright.db.pool import Tx, from_jsonb


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done to a payment: by whom, from where, and what it changed."""

    sequence: int
    at: datetime
    action: str
    actor: str
    ip: str | None
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    data: dict[str, Any]


async def audit_of(tx: Tx, payment_id: PaymentId, *, after: int, limit: int) -> list[Audited]:
    """The first first. after: the sequence of the last one that was seen"""
    rows = await tx.fetch(
        """
        select sequence, at, action, actor, ip, request_id, before::text as before,
               after::text as after, data::text as data
          from payment_audit_log
         where subject = $1 and sequence > $2
         order by sequence
         limit $3
        """,
        str(payment_id),
        after,
        limit,
    )
    return [
        Audited(
            sequence=row["sequence"],
            at=row["at"],
            action=row["action"],
            actor=row["actor"],
            ip=None if row["ip"] is None else str(row["ip"]),
            request_id=row["request_id"],
            before=from_jsonb(row["before"]),
            after=from_jsonb(row["after"]),
            data=from_jsonb(row["data"]),
        )
        for row in rows
    ]
