"""Holds end at their time: found by a sweep, and by whoever misses their money before it comes."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.cause import Cause
from paywright.core.ids import TransferId
from paywright.db.pool import Database, Tx
from paywright.ledger import refusals, rules, store
from paywright.ledger.batch import Outcome, load, record
from paywright.ledger.model import Instruction, Transfer, TransferKind
from paywright.ledger.rules import Book

_CHUNK = 500  # holds in one transaction, so that no sweep keeps accounts locked for long


async def sweep(db: Database, cause: Cause) -> int:
    """Expire every hold that is due; how many were."""
    expired = 0
    while True:
        async with db.transaction() as tx:
            ids = await store.due_holds(tx, at=cause.at, limit=_CHUNK)
        outcomes = await expire(db, cause, ids) if ids else []
        now = sum(isinstance(it, Transfer) for it in outcomes)
        expired += now
        if len(ids) < _CHUNK or now == 0:
            return expired


async def expire(db: Database, cause: Cause, ids: Sequence[TransferId]) -> list[Outcome]:
    """Give back what these holds hold. Those that were resolved meanwhile, or are not due, stay
    as they are."""
    asked = [
        Instruction(
            id=TransferId.new(cause.at), kind=TransferKind.EXPIRE_HOLD, at=cause.at, hold_id=hold_id
        )
        for hold_id in ids
    ]
    async with db.transaction() as tx:
        book = await load(tx, asked)
        outcomes = rules.apply(book, asked)
        await record(tx, cause, book, outcomes)
    return outcomes


async def due(
    tx: Tx,
    book: Book,
    asked: Sequence[Instruction],
    outcomes: Sequence[Outcome],
    *,
    at: datetime,
) -> list[TransferId]:
    """Holds that have expired unnoticed, where their money was missed: by a movement that was
    refused, or by one that moves as much as there is.

    A hold ends at its time, not when a sweep comes by. To be asked before anything is written.
    """
    balancing = any(it.balancing_debit or it.balancing_credit for it in asked)
    if not balancing and not any(isinstance(it, refusals.InsufficientFunds) for it in outcomes):
        return []
    suspects = [a.id for a in book.accounts.values() if a.debits_pending or a.credits_pending]
    return await store.due_holds_of(tx, suspects, at=at) if suspects else []


class HoldsDue(Exception):
    """A batch met holds whose time was over: expire them, then run it again."""

    def __init__(self, ids: Sequence[TransferId]) -> None:
        super().__init__(f"{len(ids)} holds are due")
        self.ids = ids
