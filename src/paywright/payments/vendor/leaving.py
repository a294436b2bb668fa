"""Approved payments that leave together, with a payment run."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, RunId
from paywright.core.money import Money
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.sealing import unseal
from paywright.payments.tasks import ask_to_settle
from paywright.payments.vendor import leaving_store, store
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.leaving_store import Collectable, RunPayment
from paywright.payments.vendor.release import hold_back, obstacles
from paywright.vendors import store as vendors

Method = Literal["provider", "file"]


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a file. remittance: what the vendor is told that it is for"""

    payment_id: PaymentId
    amount: Money
    payee: Beneficiary
    remittance: str


class Released(msgspec.Struct, frozen=True):
    """ids: on their way; held_back: those that may not leave, with the reason"""

    ids: Sequence[PaymentId]
    held_back: Sequence[tuple[PaymentId, str]]


async def collectable(
    tx: Tx, *, currency: str, method: Method, limit: int, at: datetime
) -> list[Collectable]:
    """Payments that wait for a run, the oldest first, locked. Left out are those that somebody else
    collects at the moment, and those whose vendor is not paid now."""
    found = await leaving_store.collectable(
        tx, currency=currency, in_files=method == "file", limit=limit
    )
    payables = await vendors.payables(tx, list({it.vendor_id for it in found}))
    return [it for it in found if not payables[it.vendor_id].is_paused(at)]


async def assign(tx: Tx, ids: Sequence[PaymentId], run_id: RunId) -> None:
    """Put payments into a run. The caller has locked them."""
    await leaving_store.assign(tx, ids, run_id)


async def unassign(tx: Tx, run_id: RunId) -> None:
    """The payments of a run that has not left wait for another one."""
    await leaving_store.unassign(tx, run_id)


async def release(tx: Tx, parts: ApproveParts, cause: Cause, run_id: RunId) -> Released:
    """Hand the payments of a run to their providers. Safe to repeat."""
    released = await _let_go(tx, parts, cause, run_id)
    await ask_to_settle(tx, [(cause, it) for it in released.ids])
    return released


async def take_out(tx: Tx, parts: ApproveParts, cause: Cause, run_id: RunId) -> Released:
    """The payments of a run leave in a file: nobody is asked, the bank's answer settles them."""
    return await _let_go(tx, parts, cause, run_id)


async def _let_go(tx: Tx, parts: ApproveParts, cause: Cause, run_id: RunId) -> Released:
    ids = [it.id for it in await leaving_store.of_run(tx, run_id)]
    rows = [
        it
        for it in (await store.lock(tx, ids)).values()
        if it.status is PaymentStatus.PROCESSING and it.run_id == run_id and not it.has_left
    ]
    found = await obstacles(tx, cause, rows)
    if found:
        await leaving_store.take_out_of_run(tx, [it.row.id for it in found])
    for it in found:
        # One whose vendor is paused waits for the next run.
        if it.reason != "vendor_paused":
            await hold_back(tx, parts, cause, it)
    stopped = {it.row.id for it in found}
    going = [it.id for it in rows if it.id not in stopped]
    if going:
        await store.set_released(tx, going, at=cause.at)
    return Released(going, [(it.row.id, it.reason) for it in found])


async def leaving_of(tx: Tx, keys: KeyRing, run_id: RunId) -> list[Leaving]:
    """The payments of a run that has left, in the order of their ids, for its file."""
    return [
        Leaving(
            payment_id=PaymentId.of(row["id"]),
            amount=Money(row["amount_minor"], row["currency"]),
            payee=unseal(keys, PaymentId.of(row["id"]), row["beneficiary"]),
            remittance=row["bill_number"] or row["description"] or str(PaymentId.of(row["id"])),
        )
        for row in await leaving_store.released_of(tx, run_id)
    ]


async def of_run(tx: Tx, run_id: RunId) -> list[RunPayment]:
    """How the payments of a run stand."""
    return await leaving_store.of_run(tx, run_id)


async def waiting_currencies(tx: Tx) -> list[str]:
    """Currencies in which payments wait for a run that no file is needed for."""
    return await leaving_store.waiting_currencies(tx)
