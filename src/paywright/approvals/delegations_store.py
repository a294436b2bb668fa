"""All SQL over `approval_delegations`."""

from datetime import datetime

from paywright.approvals.model import Delegation
from paywright.core.ids import DelegationId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx


async def in_force(tx: Tx, delegate: str, *, at: datetime) -> list[Delegation]:
    """What somebody may use then, the oldest first."""
    rows = await tx.fetch(
        """
        select id, delegator, delegate, role, amount_max_minor, currency, reason, starts_at,
               expires_at, created_at, ended_at, ended_by
          from approval_delegations
         where delegate = $1 and ended_at is null and starts_at <= $2 and expires_at > $2
         order by id
        """,
        delegate,
        at,
    )
    return [_delegation(row) for row in rows]


async def lock(tx: Tx, delegation_id: DelegationId) -> Delegation | None:
    row = await tx.fetchrow(
        """
        select id, delegator, delegate, role, amount_max_minor, currency, reason, starts_at,
               expires_at, created_at, ended_at, ended_by
          from approval_delegations
         where id = $1
           for update
        """,
        delegation_id,
    )
    return None if row is None else _delegation(row)


async def insert(tx: Tx, it: Delegation) -> None:
    await tx.execute(
        """
        insert into approval_delegations (id, delegator, delegate, role, amount_max_minor, currency,
                                          reason, starts_at, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        it.id,
        it.delegator,
        it.delegate,
        it.role,
        None if it.limit is None else it.limit.minor,
        None if it.limit is None else it.limit.currency,
        it.reason,
        it.starts_at,
        it.expires_at,
        it.created_at,
    )


async def set_ended(tx: Tx, delegation_id: DelegationId, *, by: str, at: datetime) -> None:
    await tx.execute(
        "update approval_delegations set ended_by = $2, ended_at = $3 where id = $1",
        delegation_id,
        by,
        at,
    )


async def listed(
    tx: Tx,
    *,
    person: str | None,
    open_at: datetime | None,
    before: DelegationId | None,
    limit: int,
) -> list[Delegation]:
    """Newest first. `person`: given or received by them; `open_at`: those not over then."""
    rows = await tx.fetch(
        """
        select id, delegator, delegate, role, amount_max_minor, currency, reason, starts_at,
               expires_at, created_at, ended_at, ended_by
          from approval_delegations
         where ($1::text is null or delegator = $1 or delegate = $1)
           and ($2::timestamptz is null or (ended_at is null and expires_at > $2))
           and ($3::uuid is null or id < $3)
         order by id desc
         limit $4
        """,
        person,
        open_at,
        before,
        limit,
    )
    return [_delegation(row) for row in rows]


def _delegation(row: Row) -> Delegation:
    minor = row["amount_max_minor"]
    return Delegation(
        id=DelegationId.of(row["id"]),
        delegator=row["delegator"],
        delegate=row["delegate"],
        role=row["role"],
        reason=row["reason"],
        starts_at=row["starts_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        limit=None if minor is None else Money(minor, row["currency"]),
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
    )
