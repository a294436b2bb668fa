"""Replays a test of TigerBeetle's state machine through this ledger, on a real PostgreSQL.

How their words become ours: a ledger is a currency; `debits_must_not_exceed_credits` is a
liability and `credits_must_not_exceed_debits` an asset, neither of which may go negative; a
pending transfer is a hold; the largest integer is the largest that a bigint holds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import NOON, a_cause

from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.core.money import MINOR_MAX
from paywright.db.pool import Database
from paywright.ledger import accounts_store, store
from paywright.ledger.expire import sweep
from paywright.ledger.model import (
    Account,
    AccountKind,
    AccountStatus,
    Balances,
    Instruction,
    Transfer,
    TransferKind,
)
from paywright.ledger.post import post
from paywright.ledger.refusals import Refused
from paywright.ledger.statement import RangeInvalid, statement
from paywright.ledger.statement_store import Entry
from paywright.ledger.views import NoSuchAccount

CURRENCIES = {"L1": "EUR", "L2": "USD", "L3": "GBP", "L4": "CHF", "L9": "SEK"}
RESULTS = {
    "created": "moved",
    "exists": "exists",
    "linked_event_failed": "linked_failed",
    "linked_event_chain_open": "chain_open",
    "accounts_must_be_different": "accounts_must_differ",
    "debit_account_not_found": "account_not_found debit_account_id",
    "credit_account_not_found": "account_not_found credit_account_id",
    "accounts_must_have_the_same_ledger": "currency_mismatch",
    "transfer_must_have_the_same_ledger_as_accounts": "currency_mismatch",
    "overflows_debits_pending": "balance_overflow",
    "overflows_credits_pending": "balance_overflow",
    "overflows_debits_posted": "balance_overflow",
    "overflows_credits_posted": "balance_overflow",
    "overflows_debits": "balance_overflow",
    "overflows_credits": "balance_overflow",
    "exceeds_credits": "exceeds_available debit_account_id",
    "exceeds_debits": "exceeds_available credit_account_id",
    "pending_transfer_expired": "hold_expired",
    "exists_with_different_flags": "exists_with_different_fields kind",
    "exists_with_different_ledger": "exists_with_different_fields currency",
    "exists_with_different_amount": "exists_with_different_fields amount_minor",
    "exists_with_different_timeout": "exists_with_different_fields expires_in_s",
    "exists_with_different_debit_account_id": "exists_with_different_fields debit_account_id",
    "exists_with_different_credit_account_id": "exists_with_different_fields credit_account_id",
}
_TIMES = "callers cannot send the time of a movement"
# Results of theirs that cannot come about here, and why. Such a transfer changes no balance there.
OUT_OF_SCOPE = {
    "timestamp_must_be_zero": _TIMES,
    "reserved_flag": "there are no flags, so none that are reserved",
    "id_must_not_be_zero": "ids are UUIDs; that of zero is like any other",
    "id_must_not_be_int_max": "ids are UUIDs; the largest is like any other",
    "debit_account_id_must_not_be_zero": "an account of such an id does not exist, that is all",
    "debit_account_id_must_not_be_int_max": "an account of such an id does not exist",
    "credit_account_id_must_not_be_zero": "an account of such an id does not exist",
    "credit_account_id_must_not_be_int_max": "an account of such an id does not exist",
    "pending_id_must_be_zero": "what an instruction may name is checked where it is read",
    "timeout_reserved_for_pending_transfer": "what may have an end is checked where it is read",
    "closing_transfer_must_be_pending": "movements do not close accounts",
    "ledger_must_not_be_zero": "a currency has a code and no number",
    "code_must_not_be_zero": "movements have no code",
    "id_already_failed": "nothing is kept of a refused movement: its id may be used again",
    "overflows_timeout": "the calendar does not end within the lifetime of a hold",
    "exists_with_different_user_data_128": "movements carry no user data",
    "exists_with_different_user_data_64": "movements carry no user data",
    "exists_with_different_user_data_32": "movements carry no user data",
    "exists_with_different_code": "movements have no code",
    "imported_event_timestamp_out_of_range": _TIMES,
    "imported_event_timestamp_must_not_advance": _TIMES,
    "imported_event_timestamp_must_not_regress": _TIMES,
    "imported_event_timestamp_must_postdate_debit_account": _TIMES,
    "imported_event_timestamp_must_postdate_credit_account": _TIMES,
    "imported_event_timeout_must_be_zero": "nothing is imported, so any hold may have an end",
}


class Replay:
    """One of their tests, step by step. Counts what was replayed, and what was left out and why."""

    def __init__(self, db: Database, differences: Mapping[str, str]) -> None:
        """differences: transfers that they create and we refuse, and our result"""
        self.db = db
        self.differences = differences
        self.now = NOON
        self.replayed = 0
        self.left_out: Counter[str] = Counter()
        self.ids: dict[str, TransferId] = {}
        self.accounts: dict[str, AccountId] = {}
        self.refused_here: set[str] = set()
        self._waiting: list[tuple[str, Any]] = []

    async def run(self, actions: Sequence[dict[str, Any]]) -> None:
        for action in actions:
            ((verb, what),) = action.items()
            if verb == "commit":
                await self._commit(what)
            elif verb == "setup_balance":
                await self._set_up(what)
            elif verb == "tick":
                await self._tick(what)
            elif verb != "comment":
                self._waiting.append((verb, what))

    def leave_out(self, why: str, steps: int = 1) -> None:
        self.left_out[why] += steps

    async def _commit(self, operation: str) -> None:
        steps, self._waiting = self._waiting, []
        self.now += timedelta(milliseconds=1)
        what = [step for _, step in steps]
        if operation == "create_accounts":
            for step in what:
                await self._create_account(step)
        elif operation == "create_transfers":
            await self._create_transfers(what)
        elif operation == "lookup_accounts":
            for step in what:
                await self._expect_account(step)
        elif operation == "lookup_transfers":
            for step in what:
                await self._expect_transfer(step)
        elif operation in ("get_account_transfers", "get_account_balances"):
            await self._expect_entries(what[0], what[1:])
        else:
            self.leave_out(f"{operation}: accounts have no such filters", len(what))

    # --- accounts ------------------------------------------------------------------------------

    async def _create_account(self, step: dict[str, Any]) -> None:
        status, flags = step["status"], step.get("flags", [])
        if status not in ("created", "exists"):
            self.leave_out("accounts are opened one by one, and not at a time of the past")
            return
        capped = {"debits_must_not_exceed_credits", "credits_must_not_exceed_debits"}
        asset = "credits_must_not_exceed_debits" in flags
        account = Account(
            id=self.accounts.setdefault(step["id"], AccountId.new(self.now)),
            owner="tigerbeetle",
            name=step["id"],
            currency=CURRENCIES.get(step["ledger"], "JPY"),
            kind=AccountKind.ASSET if asset else AccountKind.LIABILITY,
            may_go_negative=not capped & set(flags),
            status=AccountStatus.CLOSED if "closed" in flags else AccountStatus.ACTIVE,
            opened_at=NOON,
            moved_at=NOON,
        )
        async with self.db.transaction() as tx:
            opened = await accounts_store.insert(tx, [account])
        assert (account.id in opened) == (status == "created"), step
        self.replayed += 1

    async def _set_up(self, step: dict[str, Any]) -> None:
        async with self.db.transaction() as tx:
            account_id = self.accounts[step["account"]]
            account = (await accounts_store.lock(tx, [account_id]))[account_id]
            _set(account, _totals(step))
            await accounts_store.save_balances(tx, [account])
        self.replayed += 1

    async def _expect_account(self, step: dict[str, Any]) -> None:
        if step["debits_pending"] == "_":
            assert step["id"] not in self.accounts
        elif "linked_failed" in self.differences.values():
            self.leave_out("the balances after a chain that fails here and not there")
            return
        else:
            account = await self._account(step["id"])
            assert {name: getattr(account, name) for name in _totals(step)} == _totals(step), step
            assert (account.status is AccountStatus.CLOSED) == (step["closed"] == "CLSD")
        self.replayed += 1

    async def _account(self, name: str) -> Account:
        async with self.db.transaction() as tx:
            account_id = self.accounts[name]
            return (await accounts_store.select(tx, [account_id]))[account_id]

    # --- transfers -----------------------------------------------------------------------------

    async def _create_transfers(self, steps: Sequence[dict[str, Any]]) -> None:
        replayed: list[dict[str, Any]] = []
        for chain in _chains(steps):
            reasons = [OUT_OF_SCOPE[it["status"]] for it in chain if it["status"] in OUT_OF_SCOPE]
            if reasons:  # with it goes what is linked to it
                self.leave_out(reasons[0], len(chain))
            else:
                replayed += chain
        asked = [self._instruction(it) for it in replayed]
        outcomes = await post(self.db, a_cause(at=self.now), asked)
        for step, outcome in zip(replayed, outcomes, strict=True):
            expected, told = self._expected(step), _told(outcome)
            assert set(expected.split()) <= set(told), (step, told)
            self.replayed += 1

    def _expected(self, step: dict[str, Any]) -> str:
        expected = RESULTS[step["status"]]
        if step["status"] == "created":
            of_nothing = step["amount"] == "0" and "pending_id" not in step
            ours = "amount_invalid" if of_nothing else self.differences.get(step["id"], expected)
            if ours != expected:
                self.refused_here.add(step["id"])
            return ours
        return expected

    def _instruction(self, step: dict[str, Any]) -> Instruction:
        flags = set(step.get("flags", []))
        answers = flags & {"post_pending_transfer", "void_pending_transfer"}
        kind = TransferKind.HOLD if "pending" in flags else TransferKind.POST
        if answers:
            posts = "post_pending_transfer" in flags
            kind = TransferKind.POST_HOLD if posts else TransferKind.RELEASE_HOLD
        amount = _number(step["amount"])
        asked = Instruction(
            id=self._id(step["id"]),
            kind=kind,
            at=self.now,
            amount_minor=None if answers and amount == 0 else amount,
            linked="linked" in flags,
            balancing_debit="balancing_debit" in flags,
            balancing_credit="balancing_credit" in flags,
        )
        if answers:
            return msgspec.structs.replace(asked, hold_id=self._id(step["pending_id"]))
        timeout = int(step.get("timeout", "0"))
        return msgspec.structs.replace(
            asked,
            debit_account_id=self._account_id(step["debit_account_id"]),
            credit_account_id=self._account_id(step["credit_account_id"]),
            currency=CURRENCIES.get(step["ledger"], "JPY"),
            expires_in_s=timeout or None,
        )

    def _id(self, name: str) -> TransferId:
        return self.ids.setdefault(name, TransferId.new(self.now))

    def _account_id(self, name: str) -> AccountId:
        unknown = AccountId(int=int(name.removeprefix("A")))
        return self.accounts.get(name, unknown)

    async def _expect_transfer(self, step: dict[str, Any]) -> None:
        if "timestamp" in step or step["id"] == "-0":
            self.leave_out("the time of a movement is ours, and so is its id")
            return
        async with self.db.transaction() as tx:
            found = await store.select(tx, [self._id(step["id"])])
        if step["id"] in self.refused_here or step.get("exists") == "false":
            assert not found
        else:
            (transfer,) = found.values()
            if "amount" in step:
                assert transfer.amount_minor == _number(step["amount"])
        self.replayed += 1

    # --- statements ----------------------------------------------------------------------------

    async def _expect_entries(self, query: Sequence[str], expected: Sequence[list[str]]) -> None:
        name, data, (first, last), limit = query[0], query[1:5], query[5:7], int(query[7])
        debits, credits, backwards = (it != "_" for it in query[8:])
        sides = {side for side, on in (("debit", debits), ("credit", credits)) if on}
        if set(data) != {"_"}:
            self.leave_out("entries carry neither user data nor codes", 1 + len(expected))
        elif limit == 0 or not sides:
            self.leave_out("a statement always has lines, and both sides")
        elif name not in self.accounts:
            with pytest.raises(NoSuchAccount):
                await self._entries(AccountId.new(self.now), first, last)
            self.replayed += 1
        elif not expected and first == last == "_":
            self.leave_out("every account has a history")
        else:
            try:
                found = await self._entries(self.accounts[name], first, last)
            except RangeInvalid:
                found = []
            entries = [it for it in found if it.side in sides][:limit]
            if backwards:
                entries.reverse()
            account = await self._account(name)
            for entry, (transfer, *totals) in zip(entries, expected, strict=True):
                assert entry.transfer_id == self.ids[transfer]
                if totals:
                    _set(account, dict(zip(TOTALS, map(int, totals), strict=True)))
                    assert Balances(entry.balance, entry.available) == account.balances()
            self.replayed += 1 + len(expected)

    async def _entries(self, account_id: AccountId, first: str, last: str) -> Sequence[Entry]:
        since = None if first == "_" else await self._time(first)
        until = None if last == "_" else await self._time(last) + timedelta(microseconds=1)
        found = await statement(
            self.db,
            a_cause(at=self.now),
            account_id=account_id,
            since=since,
            until=until,
            with_holds=True,
        )
        return found.entries

    async def _time(self, name: str) -> datetime:
        async with self.db.transaction() as tx:
            (transfer,) = (await store.select(tx, [self.ids[name]])).values()
        return transfer.created_at

    async def _tick(self, step: dict[str, Any]) -> None:
        if step["value"] < 0 or step["unit"] != "seconds":
            self.leave_out("the clock has no end, and ticks in microseconds")
            return
        self.now += timedelta(seconds=step["value"])
        await sweep(self.db, a_cause(at=self.now))
        self.replayed += 1


TOTALS = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")


def _totals(step: dict[str, Any]) -> dict[str, int]:
    return {name: _number(step[name]) for name in TOTALS}


def _set(account: Account, totals: Mapping[str, int]) -> None:
    for name, total in totals.items():
        setattr(account, name, total)


def _number(text: str) -> int:
    """A leading minus is said of the largest integer, theirs or ours."""
    return MINOR_MAX - int(text[1:]) if text.startswith("-") else int(text)


def _chains(steps: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Elements that stand or fall together; one that is not linked is alone."""
    chains: list[list[dict[str, Any]]] = [[]]
    for step in steps:
        chains[-1].append(step)
        if "linked" not in step.get("flags", []):
            chains.append([])
    return [chain for chain in chains if chain]


def _told(outcome: Transfer | Problem) -> list[str]:
    """The result, and the fields that it names."""
    if isinstance(outcome, Transfer):
        return ["moved"]
    assert isinstance(outcome, Refused), outcome
    errors = outcome.extra.get("errors", [])
    assert isinstance(errors, list)
    if outcome.extra.get("resolved_by") == "expired":  # a sweep came by before
        return ["hold_expired"]
    return [outcome.result, *[error.field for error in errors]]
