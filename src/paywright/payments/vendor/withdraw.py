"""Take vendor payments back before they leave: what they hold is given back."""

from collections.abc import Sequence

import msgspec

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import TransferId
from paywright.db.pool import Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.ledger import batch as ledger
from paywright.ledger import rules
from paywright.ledger.model import Instruction, Transfer, TransferKind
from paywright.payments import waiting_store
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.store import Locked
from paywright.payments.waiting_store import Change
from paywright.telemetry.patterns import scrub


class Withdrawal(msgspec.Struct, frozen=True):
    """reason: in a word, `canceled`, `approval_expired`"""

    cause: Cause
    row: Locked
    reason: str
    comment: str | None = None


async def withdraw(tx: Tx, wanted: Sequence[Withdrawal]) -> None:
    """Cancel payments that the caller has locked, and that are pending or have not left.

    Raises what the ledger has against giving back what is held: nothing is canceled then.
    """
    await _give_back(tx, [it for it in wanted if it.row.status is PaymentStatus.PROCESSING])
    changes = [
        Change(
            payment_id=it.row.id,
            before=it.row.status,
            after=PaymentStatus.CANCELED,
            reason=it.reason,
            actor=it.cause.actor.id,
            at=it.cause.at,
        )
        for it in wanted
    ]
    await waiting_store.change(tx, changes)
    await emit_all(tx, [(it.cause, _event(it)) for it in wanted])


async def _give_back(tx: Tx, wanted: Sequence[Withdrawal]) -> None:
    asked = [
        Instruction(
            id=TransferId.new(it.cause.at),
            kind=TransferKind.RELEASE_HOLD,
            at=it.cause.at,
            hold_id=TransferId.of(it.row.id),
        )
        for it in wanted
    ]
    if not asked:
        return
    book = await ledger.load(tx, asked)
    moved: list[tuple[Cause, Transfer]] = []
    for it, outcome in zip(wanted, rules.apply(book, asked), strict=True):
        if isinstance(outcome, Problem):
            raise outcome
        moved.append((it.cause, outcome))
    await ledger.save(tx, book, [transfer for _, transfer in moved])
    await emit_all(tx, [(cause, ledger.posted(transfer)) for cause, transfer in moved])


def _event(it: Withdrawal) -> Event:
    row = it.row
    facts = {
        "kind": "vendor_payment",
        "status": "canceled",
        "vendor_id": row.vendor_id,
        "incident_id": row.incident_id,
        "amount_minor": row.amount.minor,
        "currency": row.amount.currency,
        "reason": it.reason,
        "comment": None if it.comment is None else scrub(it.comment),
    }
    return Event(
        "payment.canceled",
        str(row.id),
        facts,
        before={"status": row.status.value},
        after={"status": "canceled"},
    )
