"""Look whether payments and the ledger tell the same: on top of what the ledger checks itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, PaymentId, TransferId
from paywright.db.pool import Database, Row, Tx
from paywright.ledger import verify as ledger
from paywright.ledger.model import Transfer
from paywright.ledger.verify import Check, Progress, Report, no_progress
from paywright.payments import verify_store
from paywright.payments.verify_leaving import compare_charges, compare_leaving, compare_refunds

_NAME = "payments"
_PAGE = 10_000  # transfers that are compared at once: what bounds the memory this takes
_AGREE = ("debit_account_id", "credit_account_id", "amount_minor", "currency")


async def verify(db: Database, *, at: datetime, progress: Progress = no_progress) -> Report:
    """Check every invariant of the ledger, and that payments agree with it, on one moment."""
    async with db.snapshot() as tx:
        report = await ledger.verify_snapshot(tx, at=at, progress=progress)
        checks = [
            await _compare(tx, progress),
            await compare_leaving(tx, progress),
            await compare_charges(tx, progress),
            await compare_refunds(tx, progress),
        ]
    return msgspec.structs.replace(report, checks=[*report.checks, *checks])


async def _compare(tx: Tx, progress: Progress) -> Check:
    """Two tables of two slices, page by page: by the sum of their digests, and row by row only
    where the sums differ."""
    of_all = await verify_store.count_transfers(tx)
    broken, rows, done = 0, [], 0
    last: UUID | None = UUID(int=0)
    while last is not None:
        progress(_NAME, done, of_all)
        page = await verify_store.page(tx, after=last, limit=_PAGE)
        moved = await ledger.digest(tx, page.moved)
        none, _ = await ledger.digest(tx, page.others) if page.others else (0, 0)
        if moved != (len(page.moved), page.digest) or none:
            found = await _differences(tx, [*page.moved, *page.others], set(page.moved))
            broken += len(found)
            rows += found[: ledger.ROWS_MAX - len(rows)]
        done += len(page.moved) + len(page.others)
        last = page.last
    return Check(
        name=_NAME,
        invariant="A transfer has succeeded if the ledger has its movement, and tells the same",
        broken=broken,
        rows=rows,
    )


async def _differences(tx: Tx, ids: list[UUID], moved: set[UUID]) -> list[dict[str, Any]]:
    movements = await ledger.movements(tx, ids)
    found: list[dict[str, Any]] = []
    for payment in await verify_store.select(tx, ids):
        wrong = _wrong(payment, movements.get(TransferId.of(payment["id"])), payment["id"] in moved)
        if wrong:
            found.append(
                {
                    "payment_id": str(PaymentId.of(payment["id"])),
                    "transfer_id": str(TransferId.of(payment["id"])),
                    "status": payment["status"],
                    "debit_account_id": _account(payment["debit_account_id"]),
                    "credit_account_id": _account(payment["credit_account_id"]),
                    "amount_minor": payment["amount_minor"],
                    "currency": payment["currency"],
                    "wrong": wrong,
                }
            )
    return found


def _wrong(payment: Row, movement: Transfer | None, moved: bool) -> str | None:
    if movement is None:
        return "the ledger has no movement of it" if moved else None
    if not moved:
        return "the ledger has a movement of it"
    differ: Sequence[str] = [name for name in _AGREE if payment[name] != getattr(movement, name)]
    return f"the ledger differs in {', '.join(differ)}" if differ else None


def _account(uuid: UUID | None) -> str | None:
    return None if uuid is None else str(AccountId.of(uuid))
