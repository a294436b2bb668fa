"""The ledger against a model of it that fits on a page and was written from the specification.

Random batches go through the real ledger on a real PostgreSQL; results, balances and open holds
must be those of the model. Then many writers at once, and what must hold whatever they did.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, an_answer

from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Database
from paywright.ledger import accounts_store
from paywright.ledger.expire import sweep
from paywright.ledger.model import (
    GROWS_BY_DEBITS,
    Account,
    AccountKind,
    AccountStatus,
    Balances,
    Instruction,
    Transfer,
    TransferKind,
    before,
)
from paywright.ledger.post import post
from paywright.ledger.refusals import Refused
from paywright.ledger.store import transfer_of_row

BOUNDED = settings(
    max_examples=40,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)
# The clock moves by tens of seconds and is read up to 3 s late; holds last 5, 15 or 25 s. So it
# is never in doubt whether a hold is over.
LIFETIMES = [None, 5, 15, 25]
POST, HOLD = TransferKind.POST, TransferKind.HOLD
POST_HOLD, RELEASE_HOLD = TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD


# --- the model ---------------------------------------------------------------------------------


class No(Exception):
    """The model refuses."""


def unless(fine: bool, result: str) -> None:
    if not fine:
        raise No(result)


@dataclass
class Purse:
    grows_by_debits: bool
    may_go_negative: bool
    currency: str
    frozen: bool = False
    debits: int = 0
    credits: int = 0


@dataclass
class Held:
    debit: AccountId
    credit: AccountId
    amount: int
    ends: datetime | None
    fate: str | None = None


@dataclass
class Model:
    """What the specification says, with money in purses and holds on a list."""

    purses: dict[AccountId, Purse]
    holds: dict[TransferId, Held] = field(default_factory=dict)
    happened: dict[TransferId, tuple[Any, ...]] = field(default_factory=dict)

    def batch(self, asked: Sequence[Instruction], now: datetime) -> list[str]:
        told: list[str] = []
        while len(told) < len(asked):
            rest = list(asked[len(told) :])
            length = next((n for n, it in enumerate(rest, 1) if not it.linked), len(rest))
            told += self._chain(rest[:length], now)
        return told

    def _chain(self, chain: Sequence[Instruction], now: datetime) -> list[str]:
        trial = deepcopy(self)
        told: list[str] = []
        filed = [n for n, it in enumerate(chain) if it.id in self.happened]
        if filed and len(filed) < len(chain):  # another chain, with something in it that was done
            told = ["linked_failed"] * len(chain)
            told[filed[0]] = trial._one(chain[filed[0]], now)
            return told
        for it in chain:
            told.append(trial._one(it, now))
            if told[-1] not in ("moved", "exists") and len(chain) > 1:
                return (
                    ["linked_failed"] * (len(told) - 1)
                    + told[-1:]
                    + ["linked_failed"] * (len(chain) - len(told))
                )
        self.purses, self.holds, self.happened = trial.purses, trial.holds, trial.happened
        return told

    def _one(self, it: Instruction, now: datetime) -> str:
        asked = (it.kind, it.debit_account_id, it.credit_account_id, it.amount_minor)
        asked = (*asked, it.currency, it.hold_id, it.expires_in_s)
        if it.id in self.happened:
            same = self.happened[it.id] == asked
            return "exists" if same else "exists_with_different_fields"
        try:
            if it.kind in (POST, HOLD):
                self._move(it, now)
            else:
                self._answer(it, now)
        except No as no:
            return str(no)
        self.happened[it.id] = asked
        return "moved"

    def _move(self, it: Instruction, now: datetime) -> None:
        amount, giver, taker = it.amount_minor or 0, it.debit_account_id, it.credit_account_id
        unless(amount > 0, "amount_invalid")
        unless(giver != taker, "accounts_must_differ")
        unless({giver, taker} <= self.purses.keys(), "account_not_found")
        assert giver
        assert taker
        debit, credit = self.purses[giver], self.purses[taker]
        unless({debit.currency, credit.currency} == {it.currency}, "currency_mismatch")
        unless(not (debit.frozen or credit.frozen), "account_frozen")
        spendable = debit.credits - debit.debits - self.held(giver, "debit", now)
        owed = credit.debits - credit.credits - self.held(taker, "credit", now)
        if it.balancing_debit:
            amount = min(amount, spendable)
        if it.balancing_credit:
            amount = min(amount, owed)
        unless(amount > 0, "exceeds_available")
        if not (debit.may_go_negative or debit.grows_by_debits):
            unless(amount <= spendable, "exceeds_available")
        if credit.grows_by_debits and not credit.may_go_negative:
            unless(amount <= owed, "exceeds_available")
        if it.kind is POST:
            debit.debits += amount
            credit.credits += amount
        else:
            ends = None if it.expires_in_s is None else now + timedelta(seconds=it.expires_in_s)
            self.holds[it.id] = Held(giver, taker, amount, ends)

    def _answer(self, it: Instruction, now: datetime) -> None:
        hold = self.holds.get(it.hold_id) if it.hold_id else None
        if hold is None:
            raise No("hold_not_found")
        posts = it.kind is POST_HOLD
        amount = hold.amount if it.amount_minor is None or not posts else it.amount_minor
        unless(amount > 0, "amount_invalid")
        unless(amount <= hold.amount, "amount_exceeds_hold")
        unless(hold.fate in (None, "expired"), "hold_already_resolved")
        unless(self.is_open(hold, now), "hold_expired")
        debit, credit = self.purses[hold.debit], self.purses[hold.credit]
        if posts:
            unless(not (debit.frozen or credit.frozen), "account_frozen")
            debit.debits += amount
            credit.credits += amount
        hold.fate = "posted" if posts else "released"

    def is_open(self, hold: Held, now: datetime) -> bool:
        return hold.fate is None and (hold.ends is None or now < hold.ends)

    def held(self, account_id: AccountId, side: str, now: datetime) -> int:
        on_side = [it for it in self.holds.values() if getattr(it, side) == account_id]
        return sum(it.amount for it in on_side if self.is_open(it, now))


def told_by(outcome: Transfer | Problem) -> str:
    if isinstance(outcome, Transfer):
        return "moved"
    assert isinstance(outcome, Refused), outcome
    # Whether a sweep came by in the meantime is nothing that a caller could know.
    return "hold_expired" if outcome.extra.get("resolved_by") == "expired" else outcome.result


# --- what always holds -------------------------------------------------------------------------


async def check_books(db: Database, ids: Sequence[AccountId]) -> set[TransferId]:
    """Everything that must hold of these accounts, from the rows alone; the holds on file that are
    open."""
    async with db.snapshot() as tx:
        accounts = await accounts_store.select(tx, ids)
        rows = await tx.fetch(
            "select * from ledger_transfers where debit_account_id = any($1::uuid[])"
            " or credit_account_id = any($1::uuid[]) order by created_at",
            ids,
        )
        listed = await tx.fetch(
            "select id from open_holds where debit_account_id = any($1::uuid[])"
            " or credit_account_id = any($1::uuid[])",
            ids,
        )
    transfers = [transfer_of_row(row) for row in rows]
    for currency in {account.currency for account in accounts.values()}:
        books = [account for account in accounts.values() if account.currency == currency]
        assert sum(it.debits_posted for it in books) == sum(it.credits_posted for it in books)
        assert sum(it.debits_pending for it in books) == sum(it.credits_pending for it in books)
    for account in accounts.values():
        check_account(account, transfers)
    answers = Counter(it.hold_id for it in transfers if it.hold_id)
    assert not answers or max(answers.values()) == 1
    is_open = {it.id for it in transfers if it.kind is HOLD} - answers.keys()
    assert {TransferId.of(row["id"]) for row in listed} == is_open
    return is_open


def check_account(account: Account, transfers: Sequence[Transfer]) -> None:
    """Its totals are those of its rows, and each row begins where the last one ended."""
    found = Counter[str]()
    last, at = Balances(0, 0), None
    for it in transfers:
        if account.id not in (it.debit_account_id, it.credit_account_id):
            continue
        side = "debit" if it.debit_account_id == account.id else "credit"
        found[f"{side}s_posted"] += it.posted_minor
        found[f"{side}s_pending"] += it.held_minor
        after = getattr(it, side)
        assert before(it, after, grew=account.grows_by_debits == (side == "debit")) == last
        assert at is None or it.created_at > at
        last, at = after, it.created_at
        assert account.may_go_negative or last.available >= 0
    for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending"):
        assert getattr(account, name) == found[name]
    assert account.balances() == last


# --- against the model -------------------------------------------------------------------------


def machine_for(db: Database, run: Any) -> type[RuleBasedStateMachine]:
    some = st.sampled_from

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.now = NOON
            self.accounts: list[Account] = []
            self.asked: list[Instruction] = []
            self.model = Model({})

        @initialize(purses=st.lists(st.booleans(), min_size=4, max_size=4))
        def open_accounts(self, purses: list[bool]) -> None:
            """One of each kind, a bank to bring the money, and one in another currency."""
            kinds = [*AccountKind, AccountKind.LIABILITY, AccountKind.LIABILITY]
            for i, kind in enumerate(kinds):
                account = an_account(
                    kind=kind,
                    may_go_negative=purses[i] if i < 4 else True,
                    currency="USD" if i == 5 else "EUR",
                )
                self.accounts.append(account)
                self.model.purses[account.id] = Purse(
                    kind in GROWS_BY_DEBITS, account.may_go_negative, account.currency
                )
            run(_insert(db, self.accounts))
            bank = self.accounts[4]
            for account in self.accounts[:4]:
                pair = (account, bank) if account.grows_by_debits else (bank, account)
                self.post([a_post(*pair, 100)], late=0)

        @rule(seeds=st.lists(st.integers(0, 10**9), min_size=3, max_size=8), late=some([0, 0, 3]))
        def some_batches(self, seeds: list[int], late: int) -> None:
            for seed in seeds:
                dice = random.Random(seed)
                batch: list[Instruction] = []
                for _ in range(dice.randint(1, 8)):
                    batch.append(self.an_instruction(dice, batch))
                batch[-1] = _changed(batch[-1], linked=False)
                self.post(batch, late=late)

        @rule(tens=st.integers(1, 2))
        def time_passes(self, tens: int) -> None:
            self.now += timedelta(seconds=10 * tens)

        @rule()
        def a_sweep_comes_by(self) -> None:
            run(sweep(db, a_cause(at=self.now)))
            on_file = run(check_books(db, [it.id for it in self.accounts]))
            assert on_file == self.open_holds()

        @rule(which=st.integers(0, 3), frozen=st.booleans())
        def somebody_freezes_an_account(self, which: int, frozen: bool) -> None:
            account = self.accounts[which]
            self.model.purses[account.id].frozen = frozen
            status = AccountStatus.FROZEN if frozen else AccountStatus.ACTIVE
            run(_set_status(db, account, status))

        @invariant()
        def the_books_are_right_and_those_of_the_model(self) -> None:
            ids = [it.id for it in self.accounts]
            on_file = run(check_books(db, ids))
            assert on_file >= self.open_holds()
            accounts = run(_select(db, ids))
            for account_id, purse in self.model.purses.items():
                account = accounts[account_id]
                assert (account.debits_posted, account.credits_posted) == (
                    purse.debits,
                    purse.credits,
                )

        def open_holds(self) -> set[TransferId]:
            holds = self.model.holds.items()
            return {i for i, hold in holds if self.model.is_open(hold, self.now)}

        def post(self, batch: list[Instruction], *, late: int) -> None:
            if any(map(_balances, batch)):
                # How much is left is only sure when nothing is overdue.
                run(sweep(db, a_cause(at=self.now)))
            at = self.now - timedelta(seconds=late)
            asked = [_changed(it, at=at) for it in batch]
            outcomes = run(post(db, a_cause(at=at), asked))
            assert [told_by(it) for it in outcomes] == self.model.batch(asked, self.now)
            self.asked += asked

        def an_instruction(self, dice: random.Random, batch: list[Instruction]) -> Instruction:
            """Mostly one that could succeed."""
            earlier = self.asked + batch
            holds = [it.id for it in earlier if it.kind is HOLD][-12:]
            again = [it for it in self.asked if it.amount_minor and not _balances(it)]
            again = [it for it in again if it.id not in {other.id for other in batch}]
            kind = dice.choice(["post", "hold", "hold", "answer", "answer", "again"])
            if kind == "again" and again:
                known = dice.choice(again[-8:])
                assert known.amount_minor
                return _changed(known, linked=False, amount_minor=known.amount_minor + _odd(dice))
            linked = dice.random() < 0.2
            if kind == "answer" and holds:
                hold_id = TransferId(int=1) if _odd(dice) else dice.choice(holds)
                if dice.random() < 0.3:
                    return an_answer(RELEASE_HOLD, hold_id, linked=linked)
                part = dice.choice([None, None, 1, 5, 10, 0, 101])
                return an_answer(POST_HOLD, hold_id, amount_minor=part, linked=linked)
            amount = dice.choice([1, 2, 10, 10, 30, 30, 60, 100, 101, 0 if _odd(dice) else 5])
            debit, credit = dice.sample(self.accounts[:5], 2)
            if _odd(dice):
                debit = dice.choice([an_account(), credit, self.accounts[5]])
            changes: dict[str, Any] = {"linked": linked, "currency": "USD" if _odd(dice) else "EUR"}
            if kind == "post":
                changes |= {
                    "balancing_debit": dice.random() < 0.2,
                    "balancing_credit": dice.random() < 0.2,
                }
                return a_post(debit, credit, amount, **changes)
            return a_hold(debit, credit, amount, expires_in_s=dice.choice(LIFETIMES), **changes)

    return Machine


def _balances(instruction: Instruction) -> bool:
    return instruction.balancing_debit or instruction.balancing_credit


def _odd(dice: random.Random) -> int:
    """1, but seldom."""
    return int(dice.random() < 0.1)


def _changed(instruction: Instruction, **changes: Any) -> Instruction:
    fields = {name: getattr(instruction, name) for name in instruction.__struct_fields__}
    return Instruction(**fields | changes)


async def _insert(db: Database, accounts: Sequence[Account]) -> None:
    async with db.transaction() as tx:
        assert len(await accounts_store.insert(tx, accounts)) == len(accounts)


async def _select(db: Database, ids: Sequence[AccountId]) -> dict[AccountId, Account]:
    async with db.snapshot() as tx:
        return await accounts_store.select(tx, ids)


async def _set_status(db: Database, account: Account, status: AccountStatus) -> None:
    async with db.transaction() as tx:
        await accounts_store.set_status(tx, account.id, status)


def test_the_ledger_does_what_the_model_does(database_url: str) -> None:
    with asyncio.Runner() as runner:

        def run(doing: Coroutine[Any, Any, Any]) -> Any:
            return runner.run(doing)

        db = run(Database.connect(database_url, connections_max=2))
        try:
            run_state_machine_as_test(machine_for(db, run), settings=BOUNDED)
        finally:
            run(db.close())


# --- many at once ------------------------------------------------------------------------------


async def test_many_writers_at_once_do_nothing_twice(db: Database) -> None:
    """They share a few accounts, and all ids: the same movements, the same holds to resolve."""
    dice = random.Random(20260105)
    accounts = [an_account(may_go_negative=i == 0) for i in range(4)]
    await _insert(db, accounts)
    funds = [a_post(accounts[0], it, 500) for it in accounts[1:]]
    await post(db, a_cause(), funds)
    holds = [a_hold(*dice.sample(accounts, 2), dice.randint(1, 40)) for _ in range(60)]
    expiring = [a_hold(*dice.sample(accounts, 2), 3, expires_in_s=5) for _ in range(30)]
    posts = [a_post(*dice.sample(accounts, 2), dice.randint(1, 60)) for _ in range(80)]
    answers = [
        an_answer(dice.choice([POST_HOLD, RELEASE_HOLD]), it.id)
        for it in holds + expiring
        for _ in range(2)
    ]
    pool = [*holds, *expiring, *posts, *answers]

    async def write(seed: int) -> list[tuple[TransferId, str]]:
        own = random.Random(seed)
        told: list[tuple[TransferId, str]] = []
        for turn in range(30):
            at = NOON + timedelta(seconds=own.randint(0, turn))
            batch = own.sample(pool, own.randint(1, 12))
            asked = [
                _changed(it, at=at, linked=i < len(batch) - 1 and own.random() < 0.2)
                for i, it in enumerate(batch)
            ]
            outcomes = await post(db, a_cause(at=at), asked)
            told += [(it.id, told_by(o)) for it, o in zip(asked, outcomes, strict=True)]
        return told

    async def keep_sweeping() -> int:
        return sum([await sweep(db, a_cause(at=NOON + timedelta(seconds=s))) for s in range(30)])

    *writers, expired = await asyncio.gather(*[write(seed) for seed in range(8)], keep_sweeping())
    told = [it for writer in writers for it in writer]
    moved = Counter(i for i, result in told if result == "moved")
    assert len(moved) > 100
    assert max(moved.values()) == 1
    assert "exists_with_different_fields" not in {result for _, result in told}
    async with db.snapshot() as tx:
        rows = await tx.fetch("select id, kind from ledger_transfers")
    on_file = {TransferId.of(row["id"]) for row in rows if row["kind"] != "expire_hold"}
    assert on_file == moved.keys() | {it.id for it in funds}
    assert sum(row["kind"] == "expire_hold" for row in rows) >= expired
    await check_books(db, [it.id for it in accounts])
