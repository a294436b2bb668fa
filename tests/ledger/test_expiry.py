"""Holds end at their time, whoever notices first."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, an_answer, moved, opened

from paywright.core.errors import Problem
from paywright.core.ids import TransferId
from paywright.db.pool import Database
from paywright.events.store import history
from paywright.ledger import accounts_store
from paywright.ledger.expire import expire, sweep
from paywright.ledger.model import (
    Account,
    AccountKind,
    AccountStatus,
    Balances,
    Transfer,
    TransferKind,
)
from paywright.ledger.post import post
from paywright.ledger.refusals import Refused
from paywright.ledger.rules import Book, apply

POST_HOLD, RELEASE_HOLD = TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD
EXPIRE_HOLD = TransferKind.EXPIRE_HOLD


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def result_of(outcome: Transfer | Problem) -> str:
    assert isinstance(outcome, Transfer | Refused), outcome
    return "moved" if isinstance(outcome, Transfer) else outcome.result


async def posted(db: Database, *instructions: Any) -> list[str]:
    """The results of a batch that is posted when its last element was made."""
    cause = a_cause(at=instructions[-1].at)
    return [result_of(it) for it in await post(db, cause, instructions)]


async def on_file(db: Database, account: Account) -> Account:
    async with db.transaction() as tx:
        return (await accounts_store.select(tx, [account.id]))[account.id]


# --- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [POST_HOLD, RELEASE_HOLD])
@pytest.mark.parametrize(
    ("after", "result"), [(59.999999, "moved"), (60, "hold_expired"), (61, "hold_expired")]
)
def test_a_hold_is_over_at_its_time_and_not_before(
    kind: TransferKind, after: float, result: str
) -> None:
    a, b = an_account(credits_posted=100), an_account()
    hold = a_hold(a, b, 10, expires_in_s=60)
    book = Book({a.id: a, b.id: b})
    (made, answered) = apply(book, [hold, an_answer(kind, hold.id, at=later(after))])
    assert isinstance(made, Transfer)
    assert made.expires_at == later(60)
    assert result_of(answered) == result


def test_a_hold_without_an_end_never_expires() -> None:
    a, b = an_account(credits_posted=100), an_account()
    hold = a_hold(a, b, 10)
    years = later(100 * 365 * 24 * 3600)
    batch = [hold, an_answer(EXPIRE_HOLD, hold.id, at=years), an_answer(POST_HOLD, hold.id)]
    outcomes = apply(Book({a.id: a, b.id: b}), batch)
    assert [result_of(it) for it in outcomes] == ["moved", "hold_not_expired", "moved"]


def test_a_hold_is_not_expired_before_its_time() -> None:
    a, b = an_account(credits_posted=100), an_account()
    hold = a_hold(a, b, 10, expires_in_s=60)
    expiry = [an_answer(EXPIRE_HOLD, hold.id, at=later(s)) for s in (59, 60, 61)]
    outcomes = apply(Book({a.id: a, b.id: b}), [hold, *expiry])
    assert [result_of(it) for it in outcomes] == [
        *("moved", "hold_not_expired"),
        *("moved", "hold_already_resolved"),
    ]
    refusal = outcomes[-1]
    assert isinstance(refusal, Problem)
    assert refusal.extra["resolved_by"] == "expired"
    assert a.balances() == Balances(100, 100)


def test_the_time_of_a_hold_counts_from_its_movement_not_from_a_slow_clock() -> None:
    a, b = an_account(credits_posted=100), an_account(moved_at=later(5))
    (made,) = apply(Book({a.id: a, b.id: b}), [a_hold(a, b, 10, expires_in_s=60)])
    assert isinstance(made, Transfer)
    assert made.created_at > later(5)
    assert made.expires_at == made.created_at + timedelta(seconds=60)


# --- the sweep ---------------------------------------------------------------------------------


async def test_the_sweep_gives_back_what_is_due_and_nothing_else(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    lifetimes = [None, 1, 2, 3]
    holds = [a_hold(bank, a, 10 + i, expires_in_s=lifetime) for i, lifetime in enumerate(lifetimes)]
    await moved(db, *holds)
    assert (await on_file(db, a)).credits_pending == 46
    for seconds, pending, expired in [(0.5, 46, 0), (1.1, 35, 1), (2.1, 23, 1), (3.1, 10, 1)]:
        assert await sweep(db, a_cause(at=later(seconds))) == expired
        assert (await on_file(db, a)).credits_pending == pending
    assert await posted(db, *[an_answer(POST_HOLD, it.id, at=later(4)) for it in holds]) == [
        "moved",
        *["hold_expired"] * 3,
    ]
    assert (await on_file(db, a)).balances() == Balances(10, 10)


async def test_an_expired_hold_is_told_in_the_log(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 10, expires_in_s=1)
    await moved(db, hold)
    await sweep(db, a_cause(at=later(2)))
    async with db.transaction() as tx:
        told = await history(tx, str(hold.id))
    assert [it.type for it in told] == ["hold.created", "hold.expired"]


async def test_the_sweep_gives_back_on_frozen_accounts_too(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, a_hold(bank, a, 10, expires_in_s=1))
    async with db.transaction() as tx:
        await accounts_store.set_status(tx, a.id, AccountStatus.FROZEN)
    assert await sweep(db, a_cause(at=later(2))) == 1


async def test_the_sweep_works_through_more_than_one_transaction(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, *[a_hold(bank, a, 1, expires_in_s=1) for _ in range(1100)])
    assert await sweep(db, a_cause(at=later(60))) == 1100
    assert (await on_file(db, a)).credits_pending == 0


async def test_sweeps_at_the_same_time_expire_each_hold_once(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    holds = [a_hold(bank, a, 1, expires_in_s=1) for _ in range(300)]
    await moved(db, *holds)
    expired = await asyncio.gather(*[sweep(db, a_cause(at=later(60))) for _ in range(4)])
    assert sum(expired) == 300
    account = await on_file(db, a)
    assert (account.credits_pending, account.credits_posted) == (0, 0)


async def test_expiring_asks_nobody_and_refuses_what_is_not_due(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    over, open_still = a_hold(bank, a, 1, expires_in_s=1), a_hold(bank, a, 1, expires_in_s=99)
    await moved(db, over, open_still)
    asked = [over.id, open_still.id, TransferId.new(NOON), over.id]
    outcomes = await expire(db, a_cause(at=later(2)), asked)
    assert [result_of(it) for it in outcomes] == [
        *("moved", "hold_not_expired"),
        *("hold_not_found", "hold_already_resolved"),
    ]


# --- before a sweep comes by -------------------------------------------------------------------


async def test_money_of_an_expired_hold_can_be_spent_before_the_sweep(db: Database) -> None:
    bank, a, b = await opened(db, may_go_negative=True), await opened(db), await opened(db)
    await moved(db, a_post(bank, a, 100))
    hold = a_hold(a, b, 80, expires_in_s=10)
    await moved(db, hold)
    assert await posted(db, a_post(a, b, 50, at=later(9))) == ["exceeds_available"]
    assert await posted(db, a_post(a, b, 50, at=later(11))) == ["moved"]
    assert await posted(db, an_answer(POST_HOLD, hold.id, at=later(12))) == ["hold_expired"]
    assert (await on_file(db, a)).balances() == Balances(50, 50)


async def test_money_that_was_on_hold_for_an_asset_can_be_spent_too(db: Database) -> None:
    cash = await opened(db, kind=AccountKind.ASSET)
    bank = await opened(db, may_go_negative=True)
    await moved(db, a_post(cash, bank, 100))
    await moved(db, a_hold(bank, cash, 80, expires_in_s=10))
    assert await posted(db, a_post(bank, cash, 50, at=later(9))) == ["exceeds_available"]
    assert await posted(db, a_post(bank, cash, 50, at=later(11))) == ["moved"]


async def test_a_chain_finds_the_money_of_an_expired_hold(db: Database) -> None:
    bank, a, b = await opened(db, may_go_negative=True), await opened(db), await opened(db)
    await moved(db, a_post(bank, a, 100))
    await moved(db, a_hold(a, b, 80, expires_in_s=10))
    chain = [a_post(a, b, 50, at=later(20), linked=True), a_post(b, a, 1, at=later(20))]
    assert await posted(db, *chain) == ["moved", "moved"]


async def test_balancing_counts_an_expired_hold_as_gone(db: Database) -> None:
    bank, a, b = await opened(db, may_go_negative=True), await opened(db), await opened(db)
    await moved(db, a_post(bank, a, 100))
    await moved(db, a_hold(a, b, 80, expires_in_s=10))
    everything = a_post(a, b, 100, at=later(20), balancing_debit=True)
    await posted(db, everything)
    assert (await on_file(db, a)).balances().balance == 0


async def test_whoever_has_no_money_at_all_is_told_so_and_nothing_loops(db: Database) -> None:
    bank, a, b = await opened(db, may_go_negative=True), await opened(db), await opened(db)
    await moved(db, a_post(bank, a, 100))
    await moved(db, *[a_hold(a, b, 10, expires_in_s=10 + i) for i in range(10)])
    assert await posted(db, a_post(a, b, 101, at=later(15))) == ["exceeds_available"]
    assert (await on_file(db, a)).balances() == Balances(100, 50)
