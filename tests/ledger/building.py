"""Accounts and movements for tests: valid, with everything optional."""

from datetime import timedelta
from typing import Any

from tests.builders import NOON, a_cause

from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Database
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountKind, Instruction, Transfer, TransferKind
from paywright.ledger.post import post


def an_account(**changes: Any) -> Account:
    """A customer's account in EUR. `opened_at` also says when money last moved."""
    opened_at = changes.pop("opened_at", NOON - timedelta(days=30))
    fields = {
        "id": AccountId.new(opened_at),
        "owner": "cust_042",
        "name": "Everyday money",
        "currency": "EUR",
        "kind": AccountKind.LIABILITY,
        "opened_at": opened_at,
        "moved_at": opened_at,
    }
    return Account(**fields | changes)


async def opened(db: Database, **changes: Any) -> Account:
    """An account on file."""
    account = an_account(**changes)
    async with db.transaction() as tx:
        assert await accounts_store.insert(tx, [account]) == {account.id}
    return account


def a_post(debit: Account, credit: Account, amount: int, **changes: Any) -> Instruction:
    """A movement of money out of `debit` into `credit`, both customers' accounts."""
    return _moves(TransferKind.POST, debit, credit, amount, changes)


def a_hold(debit: Account, credit: Account, amount: int, **changes: Any) -> Instruction:
    """Money put on hold."""
    return _moves(TransferKind.HOLD, debit, credit, amount, changes)


def an_answer(kind: TransferKind, hold_id: TransferId, **changes: Any) -> Instruction:
    """What resolves a hold: post_hold, release_hold or expire_hold."""
    at = changes.pop("at", NOON)
    return Instruction(
        **{"id": TransferId.new(at), "kind": kind, "at": at} | changes, hold_id=hold_id
    )


async def moved(db: Database, *instructions: Instruction) -> list[Transfer]:
    """Move money, in one batch. None of it may be refused."""
    outcomes = await post(db, a_cause(), instructions)
    transfers = [it for it in outcomes if isinstance(it, Transfer)]
    assert len(transfers) == len(outcomes), outcomes
    return transfers


def _moves(
    kind: TransferKind, debit: Account, credit: Account, amount: int, changes: dict[str, Any]
) -> Instruction:
    at = changes.pop("at", NOON)
    fields = {
        "id": TransferId.new(at),
        "kind": kind,
        "at": at,
        "debit_account_id": debit.id,
        "credit_account_id": credit.id,
        "amount_minor": amount,
        "currency": debit.currency,
    }
    return Instruction(**fields | changes)
