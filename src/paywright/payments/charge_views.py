"""Charges and refunds as they are on file."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import PaymentId, RefundId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.payments import charges_store
from paywright.payments.refund import NoSuchCharge
from paywright.payments.told import ChargeTold, RefundTold, charge_of, charges_told, refund_of


class NoSuchRefund(NotFound):
    """There is no refund of this id."""


async def get_charge_made(db: Database, cause: Cause, *, payment_id: PaymentId) -> ChargeTold:
    """One charge that we made. Raises NoSuchCharge."""
    cause.actor.require(Permission.READ_PAYMENTS)
    async with db.snapshot() as tx:
        found = await charges_told(tx, [payment_id])
    if payment_id not in found:
        raise NoSuchCharge(str(payment_id))
    return found[payment_id]


async def list_charges(
    db: Database, cause: Cause, *, customer_id: str | None, cursor: str | None, limit: int
) -> Page[ChargeTold]:
    """Newest first, of one customer or of all."""
    cause.actor.require(Permission.READ_PAYMENTS)
    before = None if cursor is None else _id_of(cursor)
    async with db.snapshot() as tx:
        rows = await charges_store.newest_charges(
            tx, customer_id=customer_id, before=before, limit=limit + 1
        )
    return page_of([charge_of(row) for row in rows], limit=limit, position=lambda it: it.id)


async def get_refund(db: Database, cause: Cause, *, refund_id: RefundId) -> RefundTold:
    """Raises NoSuchRefund."""
    cause.actor.require(Permission.READ_PAYMENTS)
    async with db.snapshot() as tx:
        rows = await charges_store.refunds(tx, [refund_id])
    if not rows:
        raise NoSuchRefund(str(refund_id))
    return refund_of(rows[0])


async def list_refunds(db: Database, cause: Cause, *, payment_id: PaymentId) -> list[RefundTold]:
    """All refunds of one charge, the oldest first. Raises NoSuchCharge."""
    cause.actor.require(Permission.READ_PAYMENTS)
    async with db.snapshot() as tx:
        if not await charges_told(tx, [payment_id]):
            raise NoSuchCharge(str(payment_id))
        return [refund_of(row) for row in await charges_store.refunds_of(tx, payment_id)]


def _id_of(cursor: str) -> PaymentId:
    try:
        return PaymentId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
