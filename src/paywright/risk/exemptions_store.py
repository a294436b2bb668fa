"""All SQL over `risk_exemptions`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.ids import ExemptionId
from paywright.db.pool import Row, Tx
from paywright.risk.model import Exemption


async def in_force(tx: Tx, customer_ids: Sequence[str], *, at: datetime) -> list[Exemption]:
    """Oldest first."""
    rows = await tx.fetch(
        """
        select id, customer_id, rule_id, payee, currency, amount_max_minor, reason,
               granted_by, granted_at, expires_at, ended_by, ended_at
          from risk_exemptions
         where customer_id = any($1::text[]) and ended_at is null and expires_at > $2
         order by id
        """,
        customer_ids,
        at,
    )
    return [_exemption(row) for row in rows]


async def by_ids(tx: Tx, ids: Sequence[ExemptionId]) -> dict[ExemptionId, Exemption]:
    rows = await tx.fetch(
        """
        select id, customer_id, rule_id, payee, currency, amount_max_minor, reason,
               granted_by, granted_at, expires_at, ended_by, ended_at
          from risk_exemptions
         where id = any($1::uuid[])
        """,
        ids,
    )
    return {it.id: it for it in map(_exemption, rows)}


async def lock(tx: Tx, exemption_id: ExemptionId) -> Exemption | None:
    row = await tx.fetchrow(
        """
        select id, customer_id, rule_id, payee, currency, amount_max_minor, reason,
               granted_by, granted_at, expires_at, ended_by, ended_at
          from risk_exemptions
         where id = $1
           for update
        """,
        exemption_id,
    )
    return None if row is None else _exemption(row)


async def insert(tx: Tx, it: Exemption) -> None:
    await tx.execute(
        """
        insert into risk_exemptions (id, customer_id, rule_id, payee, currency, amount_max_minor,
                                     reason, granted_by, granted_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        it.id,
        it.customer_id,
        it.rule_id,
        it.payee,
        it.currency,
        it.amount_max_minor,
        it.reason,
        it.granted_by,
        it.granted_at,
        it.expires_at,
    )


async def set_ended(tx: Tx, exemption_id: ExemptionId, *, by: str, at: datetime) -> None:
    await tx.execute(
        "update risk_exemptions set ended_by = $2, ended_at = $3 where id = $1",
        exemption_id,
        by,
        at,
    )


async def listed(
    tx: Tx,
    *,
    customer_id: str | None,
    open_at: datetime | None,
    before: ExemptionId | None,
    limit: int,
) -> list[Exemption]:
    """Newest first. `open_at`: only those in force then."""
    rows = await tx.fetch(
        """
        select id, customer_id, rule_id, payee, currency, amount_max_minor, reason,
               granted_by, granted_at, expires_at, ended_by, ended_at
          from risk_exemptions
         where ($1::text is null or customer_id = $1)
           and ($2::timestamptz is null or (ended_at is null and expires_at > $2))
           and ($3::uuid is null or id < $3)
         order by id desc
         limit $4
        """,
        customer_id,
        open_at,
        before,
        limit,
    )
    return [_exemption(row) for row in rows]


def _exemption(row: Row) -> Exemption:
    return Exemption(
        id=ExemptionId.of(row["id"]),
        customer_id=row["customer_id"],
        rule_id=row["rule_id"],
        payee=row["payee"],
        currency=row["currency"],
        amount_max_minor=row["amount_max_minor"],
        reason=row["reason"],
        granted_by=row["granted_by"],
        granted_at=row["granted_at"],
        expires_at=row["expires_at"],
        ended_by=row["ended_by"],
        ended_at=row["ended_at"],
    )
