"""Let approved payments leave, when nothing holds them back any more."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.db.pool import Database, Row, Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.tasks import ask_to_settle
from paywright.payments.vendor import store, waiting_store
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.refusals import PaymentNotRepeatable
from paywright.payments.vendor.repeat import repeat
from paywright.payments.vendor.store import Locked
from paywright.payments.vendor.tasks import ask_to_release
from paywright.payments.vendor.withdraw import Withdrawal, withdraw
from paywright.vendors import store as vendors
from paywright.vendors.model import Payable, VendorStatus

_CHUNK = 500


class Obstacle(msgspec.Struct, frozen=True):
    """Why a payment may not leave: `vendor_blocked`, `payout_details_changed`, `vendor_paused`."""

    row: Locked
    vendor: Payable
    reason: str


async def obstacles(tx: Tx, cause: Cause, rows: Sequence[Locked]) -> list[Obstacle]:
    """Those of these payments that may not leave now. Their vendors stay as they are until the
    transaction ends."""
    payables = await vendors.lock_payables(tx, list({it.vendor_id for it in rows}))
    found = []
    for row in rows:
        vendor = payables[row.vendor_id]
        if vendor.status is VendorStatus.BLOCKED:
            found.append(Obstacle(row, vendor, "vendor_blocked"))
        elif vendor.payout_version != row.payout_version:
            found.append(Obstacle(row, vendor, "payout_details_changed"))
        elif vendor.is_paused(cause.at):
            found.append(Obstacle(row, vendor, "vendor_paused"))
    return found


async def release_payment(
    db: Database, parts: ApproveParts, cause: Cause, *, payment_id: PaymentId
) -> None:
    """Hand one payment over, put it off while its vendor is paused, or take it back. Safe to
    repeat."""
    async with db.transaction() as tx:
        row = (await store.lock(tx, [payment_id])).get(payment_id)
        if row is None or row.status is not PaymentStatus.PROCESSING:
            return
        if row.has_left or row.run_id is not None:
            return
        held_back = await obstacles(tx, cause, [row])
        if not held_back:
            await store.set_released(tx, [payment_id], at=cause.at)
            await ask_to_settle(tx, [(cause, payment_id)])
            return
        await hold_back(tx, parts, cause, held_back[0])


async def hold_back(tx: Tx, parts: ApproveParts, cause: Cause, it: Obstacle) -> None:
    """What may leave later waits; what may not is taken back. Where the bank details are others
    than those that were approved, the same payment waits for approval anew."""
    if it.reason == "vendor_paused":
        until = it.vendor.paused_until
        if until is None:
            raise AssertionError("paused until nobody knows")
        await store.set_release_at(tx, it.row.id, until)
        await ask_to_release(tx, [(cause, it.row.id, until)])
        return
    await withdraw(tx, [Withdrawal(cause, it.row, it.reason)])
    if it.reason == "payout_details_changed":
        with suppress(PaymentNotRepeatable):  # its incident is closed by now
            await repeat(tx, parts, cause, it.row.id, afresh=True)


async def release_early(db: Database, cause: Cause) -> int:
    """Look again at payments that were put off: the pause of their vendor may have ended before its
    time, because a change of its bank details was rejected or approved. How many may leave, or have
    to be taken back."""
    asked, last = 0, UUID(int=0)
    while True:
        async with db.transaction() as tx:
            rows = await waiting_store.put_off(tx, after=last, limit=_CHUNK)
            payables = await vendors.payables(tx, list({row["vendor_id"] for row in rows}))
            due = [row["id"] for row in rows if _is_due(payables[row["vendor_id"]], row, cause)]
            await ask_to_release(tx, [(cause, PaymentId.of(it), cause.at) for it in due])
        asked += len(due)
        if len(rows) < _CHUNK:
            return asked
        last = rows[-1]["id"]


def _is_due(vendor: Payable, row: Row, cause: Cause) -> bool:
    is_other = vendor.payout_version != row["payout_version"]
    return not vendor.is_paused(cause.at) or is_other or vendor.status is VendorStatus.BLOCKED
