"""Read what was found of payments, and exemptions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import ExemptionId, PaymentId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.risk import exemptions_store
from paywright.risk.model import Assessment, Exemption, Level
from paywright.risk.store import assessment_of_row


class NoAssessment(NotFound):
    """This payment was not assessed, or there is no such payment.

    Movements between accounts of the house are not assessed.
    """


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """`customer_id`: of the payer."""

    level: Level | None = None
    customer_id: str | None = None


async def get_assessment(db: Database, cause: Cause, *, payment_id: PaymentId) -> Assessment:
    """Raises NoAssessment."""
    cause.actor.require(Permission.READ_RISK)
    async with db.snapshot() as tx:
        found = await assessment_of(tx, payment_id)
    if found is None:
        raise NoAssessment(str(payment_id))
    return found


async def assessment_of(tx: Tx, payment_id: PaymentId) -> Assessment | None:
    """None of a payment that was not assessed."""
    row = await tx.fetchrow(
        "select * from risk_assessments where payment_id = $1 order by at desc limit 1", payment_id
    )
    return None if row is None else assessment_of_row(row)


async def list_assessments(
    db: Database, cause: Cause, *, filters: Filters, cursor: str | None, limit: int
) -> Page[Assessment]:
    """Newest payment first. Raises BadCursor."""
    cause.actor.require(Permission.READ_RISK)
    before = (None, None) if cursor is None else _place_of(cursor)
    async with db.snapshot() as tx:
        # With a generic plan the optional filters would hide the indexes.
        await tx.execute("set local plan_cache_mode = force_custom_plan")
        rows = await tx.fetch(
            """
            select *
              from risk_assessments
             where ($1::text is null or level = $1)
               and ($2::text is null or payer = $2)
               and ($3::uuid is null or (payment_id, at) < ($3, $4::timestamptz))
             order by payment_id desc, at desc
             limit $5
            """,
            filters.level,
            filters.customer_id,
            *before,
            limit + 1,
        )
    found = [assessment_of_row(row) for row in rows]
    return page_of(found, limit=limit, position=_position)


def _position(it: Assessment) -> str:
    return f"{PaymentId.of(it.payment_id)} {it.at.isoformat()}"


async def list_exemptions(
    db: Database,
    cause: Cause,
    *,
    customer_id: str | None,
    only_open: bool,
    cursor: str | None,
    limit: int,
) -> Page[Exemption]:
    """Newest first. `only_open`: those in force now. Raises BadCursor."""
    cause.actor.require(Permission.READ_RISK)
    before = None if cursor is None else _exemption_of(cursor)
    async with db.snapshot() as tx:
        found = await exemptions_store.listed(
            tx,
            customer_id=customer_id,
            open_at=cause.at if only_open else None,
            before=before,
            limit=limit + 1,
        )
    return page_of(found, limit=limit, position=lambda it: str(it.id))


async def assessments_between(
    tx: Tx, *, after: UUID, before: UUID, limit: int
) -> Sequence[Assessment]:
    """Of payments whose ids are between the two, oldest first."""
    rows = await tx.fetch(
        """
        select distinct on (payment_id) *
          from risk_assessments
         where payment_id > $1 and payment_id < $2
         order by payment_id, at desc
         limit $3
        """,
        after,
        before,
        limit,
    )
    return [assessment_of_row(row) for row in rows]


def _place_of(cursor: str) -> tuple[PaymentId, datetime]:
    payment_id, _, at = decode_cursor(cursor).partition(" ")
    try:
        return PaymentId.parse(payment_id), datetime.fromisoformat(at)
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None


def _exemption_of(cursor: str) -> ExemptionId:
    try:
        return ExemptionId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
