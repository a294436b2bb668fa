"""Look whether payments to other banks agree with what is on hold for them in the ledger."""

from typing import Any
from uuid import UUID

from paywright.core.ids import PaymentId
from paywright.db.pool import Row, Tx
from paywright.ledger import verify as ledger
from paywright.ledger.model import TransferKind
from paywright.ledger.verify import Check, Progress
from paywright.payments import verify_store
from paywright.payments.model import PaymentStatus

_NAME = "payments_to_banks"
_PAGE = 1_000
_PAID = frozenset(
    {
        PaymentStatus.SUCCEEDED,
        PaymentStatus.REFUNDED,
        PaymentStatus.PARTIALLY_REFUNDED,
        PaymentStatus.DISPUTED,
    }
)
_UNDER_WAY = frozenset({PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN})


async def compare_leaving(tx: Tx, progress: Progress) -> Check:
    """Money on hold while the bank is asked, gone when it has paid, given back when it has not."""
    broken, done = 0, 0
    found: list[dict[str, Any]] = []
    last = UUID(int=0)
    while page := await verify_store.leaving(tx, after=last, limit=_PAGE):
        progress(_NAME, done, done + len(page))
        holds = await ledger.resolutions(tx, [row["id"] for row in page])
        for row in page:
            if wrong := _wrong(row, row["id"] in holds, holds.get(row["id"])):
                broken += 1
                found.append(_told(row, wrong))
        done += len(page)
        last = page[-1]["id"]
    return Check(
        name=_NAME,
        invariant="Money for another bank is on hold until the bank has answered, and then "
        "posted or given back",
        broken=broken,
        rows=found[: ledger.ROWS_MAX],
    )


def _wrong(payment: Row, was_held: bool, resolved_by: TransferKind | None) -> str | None:
    status = PaymentStatus(payment["status"])
    if status in _PAID:
        return None if resolved_by is TransferKind.POST_HOLD else "its money was not posted"
    if status in _UNDER_WAY:
        return None if was_held and resolved_by is None else "its money is not on hold"
    if was_held and resolved_by is not TransferKind.RELEASE_HOLD:
        return "its money was not given back"
    return None


def _told(payment: Row, wrong: str) -> dict[str, Any]:
    return {
        "payment_id": str(PaymentId.of(payment["id"])),
        "status": payment["status"],
        "amount_minor": payment["amount_minor"],
        "currency": payment["currency"],
        "wrong": wrong,
    }
