"""Look whether what providers carry out agrees with what the ledger holds and moves for it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from paywright.core.ids import PaymentId, RefundId
from paywright.db.pool import Row, Tx
from paywright.gateway.model import OrderKind
from paywright.ledger import verify as ledger
from paywright.ledger.model import TransferKind
from paywright.ledger.verify import Check, Progress
from paywright.payments import verify_store

_PAGE = 1_000
_PAID = frozenset({"succeeded", "refunded", "partially_refunded", "disputed"})
_UNDER_WAY = frozenset({"processing", "unknown"})

_Page = Callable[..., Awaitable[list[Row]]]
# What is wrong with each row of a page, by its id; those with nothing wrong are left out.
_Look = Callable[[Tx, list[Row]], Awaitable[dict[UUID, str]]]


async def compare_leaving(tx: Tx, progress: Progress) -> Check:
    """Money on hold while the bank is asked, gone when it has paid, given back when it has not."""
    return await _compare(
        tx,
        progress,
        name="payments_to_banks",
        invariant="Money for another bank is on hold until the bank has answered, and then "
        "posted or given back",
        page=verify_store.leaving,
        look=_holds,
    )


async def compare_charges(tx: Tx, progress: Progress) -> Check:
    """What a provider took for us is in the ledger, and only that."""
    return await _compare(
        tx,
        progress,
        name="charges",
        invariant="A charge has succeeded if the ledger has its movement, and tells the same; its "
        "refunds are no more than it, and its status says so",
        page=verify_store.charges,
        look=_charges,
    )


async def compare_refunds(tx: Tx, progress: Progress) -> Check:
    """The same for refunds as for payments to other banks."""
    return await _compare(
        tx,
        progress,
        name="refunds",
        invariant="Money for a refund is on hold until the provider has answered, and then posted "
        "or given back",
        page=verify_store.refunds,
        look=_holds,
    )


async def _compare(
    tx: Tx, progress: Progress, *, name: str, invariant: str, page: _Page, look: _Look
) -> Check:
    broken, done = 0, 0
    found: list[dict[str, Any]] = []
    last = UUID(int=0)
    while rows := await page(tx, after=last, limit=_PAGE):
        progress(name, done, done + len(rows))
        wrong = await look(tx, rows)
        broken += len(wrong)
        found += [_told(row, wrong[row["id"]]) for row in rows if row["id"] in wrong]
        done += len(rows)
        last = rows[-1]["id"]
    return Check(name=name, invariant=invariant, broken=broken, rows=found[: ledger.ROWS_MAX])


async def _holds(tx: Tx, rows: list[Row]) -> dict[UUID, str]:
    holds = await ledger.resolutions(tx, [row["id"] for row in rows])
    return {
        row["id"]: wrong
        for row in rows
        if (wrong := _wrong_hold(row["status"], row["id"] in holds, holds.get(row["id"])))
    }


def _wrong_hold(status: str, was_held: bool, resolved_by: TransferKind | None) -> str | None:
    if status in _PAID:
        return None if resolved_by is TransferKind.POST_HOLD else "its money was not posted"
    if status in _UNDER_WAY:
        return None if was_held and resolved_by is None else "its money is not on hold"
    if was_held and resolved_by is not TransferKind.RELEASE_HOLD:
        return "its money was not given back"
    return None


async def _charges(tx: Tx, rows: list[Row]) -> dict[UUID, str]:
    found = await ledger.movements(tx, [row["id"] for row in rows])
    movements = {UUID(int=id_.int): it for id_, it in found.items()}
    wrong: dict[UUID, str] = {}
    for row in rows:
        movement, was_paid = movements.get(row["id"]), row["status"] in _PAID
        if was_paid != (movement is not None):
            wrong[row["id"]] = f"the ledger has {'no' if was_paid else 'a'} movement of it"
        elif movement is not None and (movement.amount_minor, movement.currency) != (
            row["amount_minor"],
            row["currency"],
        ):
            wrong[row["id"]] = "the ledger tells another amount"
        elif reason := _wrong_refunds(row):
            wrong[row["id"]] = reason
    return wrong


def _wrong_refunds(row: Row) -> str | None:
    refunded, amount, status = row["refunded_minor"], row["amount_minor"], row["status"]
    if row["reserved_minor"] > amount:
        return "its refunds are more than it"
    if status in ("refunded", "partially_refunded", "succeeded"):
        whole = "refunded" if refunded == amount else "partially_refunded"
        expected = "succeeded" if refunded == 0 else whole
        return None if status == expected else f"its refunds make it {expected}"
    return None


def _told(row: Row, wrong: str) -> dict[str, Any]:
    is_refund = row["kind"] == OrderKind.REFUND
    own_id = str(RefundId.of(row["id"]) if is_refund else PaymentId.of(row["id"]))
    return {
        "refund_id" if is_refund else "payment_id": own_id,
        "status": row["status"],
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "wrong": wrong,
    }
