"""The two ends of a batch: load all it touches, write all that came of it. A slice above may put
steps of its own between them."""

from collections.abc import Callable, Sequence
from typing import Any

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId
from paywright.db.pool import Tx
from paywright.events.emit import Event, emit_all
from paywright.ledger import accounts_store, store
from paywright.ledger.model import Instruction, Standing, Transfer, TransferKind
from paywright.ledger.rules import Book

Outcome = Transfer | Problem


async def load(
    tx: Tx,
    instructions: Sequence[Instruction],
    *,
    known_ids: bool = False,
    passed_over: Callable[[AccountId], bool] | None = None,
) -> Book:
    """Lock every account that the batch touches, and read all that it needs to know.

    known_ids:   the ids come from outside, so that a movement may be on file under one already
    passed_over: accounts that are not waited for when somebody else has them locked
    """
    asked = list({item.hold_id for item in instructions if item.hold_id is not None})
    holds = await store.holds(tx, asked) if asked else {}
    ids: set[AccountId] = set()
    for item in instructions:
        if item.debit_account_id is not None:
            ids.add(item.debit_account_id)
        if item.credit_account_id is not None:
            ids.add(item.credit_account_id)
    for hold in holds.values():
        ids |= {hold.transfer.debit_account_id, hold.transfer.credit_account_id}
    accounts, busy = await _lock(tx, ids, passed_over)
    if holds:
        # What resolves a hold holds the locks of its accounts. Only now is the answer final.
        # One that came on file since then is not known: its accounts are not locked.
        holds = await store.holds(tx, list(holds))
    transfers = {}
    if known_ids:
        transfers = await store.select(tx, [item.id for item in instructions])
    return Book(accounts, holds, transfers, known_ids, busy)


async def _lock(
    tx: Tx, ids: set[AccountId], passed_over: Callable[[AccountId], bool] | None
) -> tuple[dict[AccountId, Standing], frozenset[AccountId]]:
    """The accounts that were locked, and those that exist and could not be."""
    hurried = [] if passed_over is None else [i for i in ids if passed_over(i)]
    if not hurried:
        return (await accounts_store.lock(tx, list(ids)) if ids else {}), frozenset()
    accounts = {}
    if patient := ids.difference(hurried):
        accounts = await accounts_store.lock(tx, list(patient))
    accounts |= await accounts_store.lock_free(tx, hurried)
    missed = [i for i in hurried if i not in accounts]
    busy = await accounts_store.existing(tx, missed) if missed else set()
    return accounts, frozenset(busy)


async def save(tx: Tx, book: Book, transfers: Sequence[Transfer]) -> None:
    """Write the movements and the new balances of their accounts."""
    if not transfers:
        return
    moved = {it.debit_account_id.int for it in transfers}
    moved.update([it.credit_account_id.int for it in transfers])
    changed = [account for account in book.accounts.values() if account.id.int in moved]
    await accounts_store.save_balances(tx, changed)
    await store.insert(tx, transfers)
    if any(it.held_minor for it in transfers):
        await _keep_holds(tx, transfers)


async def record(tx: Tx, cause: Cause, book: Book, outcomes: Sequence[Outcome]) -> None:
    """Save what happened, and tell of it."""
    transfers = [it for it in outcomes if isinstance(it, Transfer)]
    await save(tx, book, transfers)
    await emit_all(tx, [(cause, posted(it)) for it in transfers])


async def _keep_holds(tx: Tx, transfers: Sequence[Transfer]) -> None:
    held = {it.id: it for it in transfers if it.kind is TransferKind.HOLD}
    resolved = [it.hold_id for it in transfers if it.hold_id is not None]
    # A hold that the same batch resolves was never open to anybody else.
    answered = set(resolved)
    opened = [it for it in held.values() if it.id not in answered]
    closed = [hold_id for hold_id in resolved if hold_id not in held]
    if opened:
        await store.open_holds(tx, opened)
    if closed:
        await store.close_holds(tx, closed)


_EVENTS = {
    TransferKind.POST: "ledger.posted",
    TransferKind.HOLD: "hold.created",
    TransferKind.POST_HOLD: "hold.posted",
    TransferKind.RELEASE_HOLD: "hold.released",
    TransferKind.EXPIRE_HOLD: "hold.expired",
}


def facts_of(transfer: Transfer) -> dict[str, Any]:
    """What every event about a movement says of it."""
    return {
        "debit_account_id": str(transfer.debit_account_id),
        "credit_account_id": str(transfer.credit_account_id),
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
    }


def posted(transfer: Transfer) -> Event:
    """The event that tells of a movement. What becomes of a hold is told of the hold."""
    facts = facts_of(transfer)
    if transfer.hold_id is not None:
        facts["transfer_id"] = str(transfer.id)
    subject = transfer.id if transfer.hold_id is None else transfer.hold_id
    return Event(_EVENTS[transfer.kind], str(subject), facts)
