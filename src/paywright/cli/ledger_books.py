"""What a file is applied to: the books themselves, or what they would become."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Database
from paywright.ledger import accounts_store, rules, store
from paywright.ledger.batch import Outcome
from paywright.ledger.expire import due
from paywright.ledger.model import Account, Hold, Instruction, Transfer, TransferKind
from paywright.ledger.open import open_accounts
from paywright.ledger.post import post
from paywright.ledger.rules import Book

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_CODES_KEPT = 200_000  # in memory; then they are asked for again


class Books(Protocol):
    async def codes(self, codes: set[str]) -> Mapping[str, AccountId]:
        """The accounts of these codes; those that there are none of are absent."""
        ...

    async def open(
        self, cause: Cause, accounts: Sequence[Account]
    ) -> tuple[set[AccountId], Mapping[str, Account]]:
        """Open what is missing. What was opened, and what there is now by code."""
        ...

    async def move(
        self, cause: Cause, asked: Sequence[Instruction], refused: Mapping[int, Problem]
    ) -> Sequence[Outcome]:
        """What becomes of each movement. See `ledger.post.post`."""
        ...


class RealBooks:
    """The ledger. Every call is a transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._codes: dict[str, AccountId] = {}

    async def codes(self, codes: set[str]) -> Mapping[str, AccountId]:
        if len(self._codes) > _CODES_KEPT:
            self._codes.clear()
        unknown = [it for it in codes if it not in self._codes and _CODE.fullmatch(it)]
        if unknown:
            async with self._db.transaction() as tx:
                self._codes.update(await accounts_store.ids_by_code(tx, unknown))
        return self._codes

    async def open(
        self, cause: Cause, accounts: Sequence[Account]
    ) -> tuple[set[AccountId], Mapping[str, Account]]:
        codes = [account.code for account in accounts if account.code is not None]
        async with self._db.transaction() as tx:
            opened = await open_accounts(tx, cause, accounts)
            ids = await accounts_store.ids_by_code(tx, codes)
            there = await accounts_store.select(tx, list(ids.values()))
        return opened, {it.code: it for it in there.values() if it.code is not None}

    async def move(
        self, cause: Cause, asked: Sequence[Instruction], refused: Mapping[int, Problem]
    ) -> Sequence[Outcome]:
        return await post(self._db, cause, asked, refused=refused)


class SupposedBooks:
    """The ledger as it would become. Reads what it lacks, without locks, and writes nothing.

    Remembers every account and movement that the file has named so far.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._codes: dict[str, AccountId] = {}
        self._book = Book({}, {}, {})

    async def codes(self, codes: set[str]) -> Mapping[str, AccountId]:
        unknown = [it for it in codes if it not in self._codes and _CODE.fullmatch(it)]
        if unknown:
            async with self._db.snapshot() as tx:
                self._codes.update(await accounts_store.ids_by_code(tx, unknown))
        return self._codes

    async def open(
        self, cause: Cause, accounts: Sequence[Account]
    ) -> tuple[set[AccountId], Mapping[str, Account]]:
        wanted = {account.code: account for account in accounts if account.code is not None}
        known = await self.codes(set(wanted))
        await self._load_accounts({known[code] for code in wanted if code in known})
        opened: set[AccountId] = set()
        for code, account in wanted.items():
            if code not in known:
                self._codes[code] = account.id
                self._book.accounts[account.id] = account
                opened.add(account.id)
        there = {code: self._book.accounts[self._codes[code]] for code in wanted}
        return opened, {code: it for code, it in there.items() if isinstance(it, Account)}

    async def move(
        self, cause: Cause, asked: Sequence[Instruction], refused: Mapping[int, Problem]
    ) -> Sequence[Outcome]:
        await self._load(asked)
        while True:
            book = self._excerpt(asked)
            outcomes = rules.apply(book, asked, refused)
            async with self._db.snapshot() as tx:
                overdue = await due(tx, book, asked, outcomes, at=cause.at)
            if not overdue or not await self._expire(cause, overdue):
                break
        self._keep(book, outcomes)
        return outcomes

    def _keep(self, book: Book, outcomes: Sequence[Outcome]) -> None:
        self._book.accounts.update(book.accounts)
        self._book.holds.update(book.holds)
        self._book.transfers.update({it.id: it for it in outcomes if isinstance(it, Transfer)})

    async def _expire(self, cause: Cause, ids: Sequence[TransferId]) -> bool:
        """Suppose that these holds expire, as they would; whether one did."""
        asked = [
            Instruction(
                id=TransferId.new(cause.at),
                kind=TransferKind.EXPIRE_HOLD,
                at=cause.at,
                hold_id=hold_id,
            )
            for hold_id in ids
        ]
        await self._load(asked)
        book = self._excerpt(asked)
        outcomes = rules.apply(book, asked)
        self._keep(book, outcomes)
        return any(isinstance(it, Transfer) for it in outcomes)

    async def _load(self, asked: Sequence[Instruction]) -> None:
        """Read what these need, and has not been read before."""
        book = self._book
        new = [item.id for item in asked if item.id not in book.transfers]
        holds = [it.hold_id for it in asked if it.hold_id and it.hold_id not in book.holds]
        async with self._db.snapshot() as tx:
            book.transfers.update(await store.select(tx, new))
            if holds:
                book.holds.update(await store.holds(tx, holds))
        await self._load_accounts(_accounts_of(book.holds, asked))

    async def _load_accounts(self, ids: set[AccountId]) -> None:
        missing = [it for it in ids if it not in self._book.accounts]
        if missing:
            async with self._db.snapshot() as tx:
                self._book.accounts.update(await accounts_store.select(tx, missing))

    def _excerpt(self, asked: Sequence[Instruction]) -> Book:
        """What a transaction would have loaded, to be changed freely."""
        whole = self._book
        holds = {
            it.hold_id: whole.holds[it.hold_id]
            for it in asked
            if it.hold_id is not None and it.hold_id in whole.holds
        }
        accounts = {
            it: msgspec.structs.replace(whole.accounts[it])
            for it in _accounts_of(holds, asked)
            if it in whole.accounts
        }
        transfers = {it.id: whole.transfers[it.id] for it in asked if it.id in whole.transfers}
        return Book(accounts, holds, transfers)


def _accounts_of(holds: Mapping[TransferId, Hold], asked: Sequence[Instruction]) -> set[AccountId]:
    """The accounts that these instructions name, themselves or by a hold."""
    named = {item.debit_account_id for item in asked} | {item.credit_account_id for item in asked}
    for item in asked:
        if item.hold_id is not None and (hold := holds.get(item.hold_id)) is not None:
            named |= {hold.transfer.debit_account_id, hold.transfer.credit_account_id}
    return {account_id for account_id in named if account_id is not None}
