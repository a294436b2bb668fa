"""All SQL over `kyc_checks` and `kyc_standings`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.ids import CheckId
from paywright.db.pool import Row, Tx
from paywright.kyc.model import Check, KycStatus, Standing


async def statuses(tx: Tx, customer_ids: Sequence[str]) -> dict[str, KycStatus]:
    rows = await tx.fetch(
        "select customer_id, status from kyc_standings where customer_id = any($1::text[])",
        customer_ids,
    )
    return {row["customer_id"]: KycStatus(row["status"]) for row in rows}


async def standing(tx: Tx, customer_id: str) -> Standing:
    row = await tx.fetchrow(
        """
        select customer_id, status, since, check_id, expires_at, subject_index
          from kyc_standings
         where customer_id = $1
        """,
        customer_id,
    )
    if row is None:
        return Standing(customer_id=customer_id, status=KycStatus.UNVERIFIED)
    return _standing(row)


async def lock_standing(tx: Tx, customer_id: str, *, at: datetime) -> Standing:
    """Whoever changes anything about a customer holds this lock first: a row is made to be held."""
    await tx.execute(
        """
        insert into kyc_standings (customer_id, status, since) values ($1, 'unverified', $2)
            on conflict do nothing
        """,
        customer_id,
        at,
    )
    row = await tx.fetchrow(
        """
        select customer_id, status, since, check_id, expires_at, subject_index
          from kyc_standings
         where customer_id = $1
           for update
        """,
        customer_id,
    )
    assert row is not None  # noqa: S101 - made above, and never removed
    return _standing(row)


async def set_standing(tx: Tx, standing: Standing) -> None:
    await tx.execute(
        """
        update kyc_standings
           set status = $2, since = $3, check_id = $4, expires_at = $5, subject_index = $6
         where customer_id = $1
        """,
        standing.customer_id,
        standing.status,
        standing.since,
        standing.check_id,
        standing.expires_at,
        standing.subject_index,
    )


async def expire(tx: Tx, *, at: datetime, limit: int) -> list[tuple[str, KycStatus]]:
    """End verifications whose time is over; the customers, and where they stand now."""
    rows = await tx.fetch(
        """
        with over as (
            select customer_id
              from kyc_standings
             where status = 'verified' and expires_at <= $1
             order by expires_at
             limit $2
               for update skip locked
        )
        update kyc_standings s
           set status = case when exists (select from kyc_checks c
                                           where c.customer_id = s.customer_id
                                             and c.status = 'pending')
                             then 'pending' else 'unverified' end,
               since = $1, expires_at = null, subject_index = null
          from over
         where s.customer_id = over.customer_id
        returning s.customer_id, s.status
        """,
        at,
        limit,
    )
    return [(row["customer_id"], KycStatus(row["status"])) for row in rows]


async def insert(tx: Tx, check: Check, *, ask_at: datetime | None) -> None:
    await tx.execute(
        """
        insert into kyc_checks (id, customer_id, provider, status, reason, subject_index,
                                requested_at, requested_by, ask_at, decided_at, decided_by,
                                expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        check.id,
        check.customer_id,
        check.provider,
        check.status,
        check.reason,
        check.subject_index,
        check.requested_at,
        check.requested_by,
        ask_at,
        check.decided_at,
        check.decided_by,
        check.expires_at,
    )


async def find(tx: Tx, check_id: CheckId) -> Check | None:
    row = await tx.fetchrow(
        """
        select id, customer_id, provider, provider_reference, status, reason, subject_index,
               requested_at, requested_by, attempts, decided_at, decided_by, expires_at
          from kyc_checks
         where id = $1
        """,
        check_id,
    )
    return None if row is None else _check(row)


async def open_check(tx: Tx, customer_id: str) -> Check | None:
    """The check of a customer that nobody has decided yet."""
    row = await tx.fetchrow(
        """
        select id, customer_id, provider, provider_reference, status, reason, subject_index,
               requested_at, requested_by, attempts, decided_at, decided_by, expires_at
          from kyc_checks
         where customer_id = $1 and status = 'pending'
           for update
        """,
        customer_id,
    )
    return None if row is None else _check(row)


async def checks_of(tx: Tx, customer_id: str, *, before: CheckId | None, limit: int) -> list[Check]:
    """Newest first; `before` is the last one of the page before."""
    rows = await tx.fetch(
        """
        select id, customer_id, provider, provider_reference, status, reason, subject_index,
               requested_at, requested_by, attempts, decided_at, decided_by, expires_at
          from kyc_checks
         where customer_id = $1 and ($2::uuid is null or id < $2)
         order by id desc
         limit $3
        """,
        customer_id,
        before,
        limit,
    )
    return [_check(row) for row in rows]


async def set_decided(tx: Tx, check: Check) -> None:
    await tx.execute(
        """
        update kyc_checks
           set status = $2, reason = $3, provider_reference = $4, decided_at = $5, decided_by = $6,
               expires_at = $7, attempts = $8, subject_index = $9, ask_at = null
         where id = $1
        """,
        check.id,
        check.status,
        check.reason,
        check.provider_reference,
        check.decided_at,
        check.decided_by,
        check.expires_at,
        check.attempts,
        check.subject_index,
    )


async def set_asked(
    tx: Tx, check_id: CheckId, *, reference: str | None, subject_index: bytes, ask_at: datetime
) -> None:
    """An attempt that has decided nothing."""
    await tx.execute(
        """
        update kyc_checks
           set provider_reference = $2, subject_index = $3, ask_at = $4, attempts = attempts + 1
         where id = $1
        """,
        check_id,
        reference,
        subject_index,
        ask_at,
    )


async def due(tx: Tx, *, at: datetime, limit: int) -> list[CheckId]:
    rows = await tx.fetch(
        """
        select id from kyc_checks where status = 'pending' and ask_at <= $1 order by ask_at limit $2
        """,
        at,
        limit,
    )
    return [CheckId.of(row["id"]) for row in rows]


def _standing(row: Row) -> Standing:
    return Standing(
        customer_id=row["customer_id"],
        status=KycStatus(row["status"]),
        since=row["since"],
        check_id=None if row["check_id"] is None else CheckId.of(row["check_id"]),
        expires_at=row["expires_at"],
        subject_index=row["subject_index"],
    )


def _check(row: Row) -> Check:
    return Check(
        id=CheckId.of(row["id"]),
        customer_id=row["customer_id"],
        provider=row["provider"],
        provider_reference=row["provider_reference"],
        status=KycStatus(row["status"]),
        reason=row["reason"],
        subject_index=row["subject_index"],
        requested_at=row["requested_at"],
        requested_by=row["requested_by"],
        attempts=row["attempts"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        expires_at=row["expires_at"],
    )
