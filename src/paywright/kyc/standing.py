"""Where customers stand."""

from collections.abc import Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import CheckId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database, Tx
from paywright.kyc import store, subject
from paywright.kyc.model import Check, KycStatus, Standing


class Shown(msgspec.Struct, frozen=True):
    """A standing, and what led to it.

    is_present_name: whether a verification was about the name and country on file now; True where
                     there is no verification
    latest_check:    None for a customer about whom nothing was ever asked
    """

    standing: Standing
    is_present_name: bool
    latest_check: Check | None


async def statuses(tx: Tx, customer_ids: Sequence[str]) -> dict[str, KycStatus]:
    """Where each of the customers stands, by id: one query, however many there are.

    A verification that has just expired may count for up to a minute more, until it is swept.
    """
    known = await store.statuses(tx, customer_ids)
    return {id: known.get(id, KycStatus.UNVERIFIED) for id in customer_ids}


async def show_standing(db: Database, keys: KeyRing, cause: Cause, *, customer_id: str) -> Shown:
    """Raises NoSuchCustomer."""
    cause.actor.require(Permission.READ_CUSTOMERS)
    async with db.snapshot() as tx:
        customer = await customers.find(tx, keys, customer_id)
        if customer is None:
            raise NoSuchCustomer(customer_id)
        standing = await store.standing(tx, customer_id)
        checks = await store.checks_of(tx, customer_id, before=None, limit=1)
    is_verified = standing.status == KycStatus.VERIFIED
    return Shown(
        standing=standing,
        is_present_name=not is_verified or subject.is_about(keys, standing.subject_index, customer),
        latest_check=checks[0] if checks else None,
    )


async def list_checks(
    db: Database, cause: Cause, *, customer_id: str, cursor: str | None, limit: int
) -> Page[Check]:
    """The checks of a customer, newest first. Raises NoSuchCustomer, BadCursor."""
    cause.actor.require(Permission.READ_CUSTOMERS)
    before = None
    if cursor is not None:
        try:
            before = CheckId.parse(decode_cursor(cursor))
        except ValueError:
            raise BadCursor.field("cursor", "not a cursor of this list") from None
    async with db.snapshot() as tx:
        if not await customers.known(tx, [customer_id]):
            raise NoSuchCustomer(customer_id)
        rows = await store.checks_of(tx, customer_id, before=before, limit=limit + 1)
    return page_of(rows, limit=limit, position=lambda check: str(check.id))
