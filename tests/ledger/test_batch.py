"""A batch: elements in order, each on its own, linked ones together, none of them twice."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, an_answer, moved, opened

from paywright.core.errors import Problem
from paywright.core.ids import TransferId
from paywright.db.pool import Database
from paywright.ledger import accounts_store
from paywright.ledger.batch import load, save
from paywright.ledger.model import Account, AccountStatus, Instruction, Transfer, TransferKind
from paywright.ledger.post import post
from paywright.ledger.refusals import AmountInvalid, Refused
from paywright.ledger.rules import Book, apply

POST_HOLD, RELEASE_HOLD = TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD


def a_book(*accounts: Account) -> Book:
    return Book({account.id: account for account in accounts})


def holding(balance: int, **changes: Any) -> Account:
    return an_account(credits_posted=balance, **changes)


def result_of(outcome: Transfer | Problem) -> str:
    assert isinstance(outcome, Transfer | Refused), outcome
    return "moved" if isinstance(outcome, Transfer) else outcome.result


def results(book: Book, *instructions: Instruction) -> list[str]:
    return [result_of(outcome) for outcome in apply(book, instructions)]


def state(book: Book) -> object:
    accounts = [
        (it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending, it.moved_at)
        for it in book.accounts.values()
    ]
    return accounts, dict(book.holds), dict(book.transfers)


# --- order -------------------------------------------------------------------------------------


def test_each_element_sees_what_those_before_it_did() -> None:
    a, b, c = holding(100), holding(0), holding(0)
    passing_on = [a_post(a, b, 100), a_post(b, c, 100)]
    assert results(a_book(a, b, c), *passing_on) == ["moved", "moved"]
    a, b, c = holding(100), holding(0), holding(0)
    too_early = [a_post(b, c, 100), a_post(a, b, 100)]
    assert results(a_book(a, b, c), *too_early) == ["exceeds_available", "moved"]


def test_an_element_that_is_refused_leaves_its_neighbours_alone() -> None:
    a, b = holding(100), holding(0)
    batch = [a_post(a, b, 60), a_post(a, b, 60), a_post(a, b, 40)]
    assert results(a_book(a, b), *batch) == ["moved", "exceeds_available", "moved"]


def test_a_hold_can_be_resolved_in_the_batch_that_makes_it() -> None:
    a, b = holding(100), holding(0)
    hold = a_hold(a, b, 100)
    batch = [hold, an_answer(POST_HOLD, hold.id, amount_minor=30), a_post(a, b, 70)]
    assert results(a_book(a, b), *batch) == ["moved", "moved", "moved"]
    assert a.balances().balance == 0


def test_an_empty_batch_comes_to_nothing() -> None:
    assert apply(a_book(), []) == []


def test_what_was_found_wrong_before_is_not_looked_at_again() -> None:
    a, b = holding(100), holding(0)
    wrong = AmountInvalid("was not a number")
    outcomes = apply(a_book(a, b), [a_post(a, b, 60), a_post(a, b, 60)], {0: wrong})
    assert outcomes[0] is wrong
    assert isinstance(outcomes[1], Transfer)


# --- chains ------------------------------------------------------------------------------------


def test_linked_elements_succeed_together() -> None:
    a, b, c = holding(100), holding(0), holding(0)
    batch = [a_post(a, b, 100, linked=True), a_post(b, c, 40, linked=True), a_post(b, a, 60)]
    assert results(a_book(a, b, c), *batch) == ["moved"] * 3


@pytest.mark.parametrize("position", [0, 1, 2])
def test_linked_elements_fail_together_and_the_cause_has_its_own_reason(position: int) -> None:
    a, b, c = holding(100), holding(0), holding(0)
    amounts = [10, 10, 10]
    amounts[position] = 101
    batch = [a_post(a, b, amount, linked=i < 2) for i, amount in enumerate(amounts)]
    book = a_book(a, b, c)
    expected = ["linked_failed"] * 3
    expected[position] = "exceeds_available"
    assert results(book, *batch, a_post(a, c, 100)) == [*expected, "moved"]
    assert (a.debits_posted, b.credits_posted, c.credits_posted) == (100, 0, 100)


def test_two_chains_in_a_row_are_two() -> None:
    a, b = holding(100), holding(0)
    fails = [a_post(a, b, 10, linked=True), a_post(a, b, 101)]
    goes = [a_post(a, b, 10, linked=True), a_post(a, b, 90)]
    assert results(a_book(a, b), *fails, *goes) == [
        *("linked_failed", "exceeds_available"),
        *("moved", "moved"),
    ]


def test_after_a_failed_chain_everything_is_exactly_as_before() -> None:
    a, b, c = holding(1000), holding(50), holding(0)
    book = a_book(a, b, c)
    kept, answered = a_hold(a, b, 100), a_hold(a, b, 200)
    assert results(book, kept, answered) == ["moved", "moved"]
    was = state(book)
    within = a_hold(b, c, 5)
    chain = [
        a_post(a, b, 10, at=NOON + timedelta(hours=1)),
        within,
        an_answer(POST_HOLD, kept.id),
        an_answer(RELEASE_HOLD, answered.id),
        an_answer(POST_HOLD, within.id),
    ]
    too_much = a_post(c, a, 6)
    assert results(book, *map(_linked, chain), too_much) == [
        *["linked_failed"] * 5,
        "exceeds_available",
    ]
    assert state(book) == was
    # Holds of a failed chain were never there; those from before it are still open.
    answers = [an_answer(POST_HOLD, it.id) for it in (within, kept, answered)]
    assert results(book, *answers) == ["hold_not_found", "moved", "moved"]
    # Nor are its ids taken.
    assert results(book, chain[0]) == ["moved"]


def _fields(instruction: Instruction) -> dict[str, Any]:
    return {name: getattr(instruction, name) for name in instruction.__struct_fields__}


def _linked(instruction: Instruction) -> Instruction:
    return Instruction(**_fields(instruction) | {"linked": True})


def test_a_chain_that_does_not_end_is_refused() -> None:
    a, b = holding(100), holding(0)
    book = a_book(a, b)
    was = state(book)
    batch = [a_post(a, b, 1, linked=True), a_post(a, b, 1, linked=True)]
    assert results(book, *batch) == ["linked_failed", "chain_open"]
    assert results(book, a_post(a, b, 1, linked=True)) == ["chain_open"]
    assert state(book) == was


def test_an_open_chain_with_a_wrong_element_names_both() -> None:
    a, b = holding(100), holding(0)
    batch = [a_post(a, b, amount, linked=True) for amount in (1, 101, 1)]
    assert results(a_book(a, b), *batch) == ["linked_failed", "exceeds_available", "chain_open"]


def test_a_chain_that_does_not_end_is_refused_even_when_its_last_element_is_on_file() -> None:
    a, b = holding(100), holding(0)
    book = a_book(a, b)
    on_file = a_hold(a, b, 10)
    assert results(book, on_file) == ["moved"]
    was = state(book)
    batch = [a_post(a, b, 1, linked=True), _linked(on_file)]
    assert results(book, *batch)[0] == "linked_failed"
    assert state(book) == was


def test_what_was_found_wrong_before_breaks_its_chain() -> None:
    a, b = holding(100), holding(0)
    wrong = AmountInvalid("was not a number")
    batch = [a_post(a, b, 1), a_post(a, b, 1, linked=True), a_post(a, b, 1), a_post(a, b, 1)]
    outcomes = apply(a_book(a, b), batch, {2: wrong})
    assert [result_of(it) for it in outcomes] == [
        *("moved", "linked_failed"),
        *("amount_invalid", "moved"),
    ]


# --- the same twice ----------------------------------------------------------------------------


@pytest.mark.parametrize("moves", [a_post, a_hold])
def test_the_same_movement_twice_in_one_batch_happens_once(moves: Any) -> None:
    a, b = holding(100), holding(0)
    once = moves(a, b, 10)
    assert results(a_book(a, b), once, once) == ["moved", "exists"]
    assert a.balances().available == 90


async def test_a_batch_with_the_same_id_twice_is_carried_out_once(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    once = a_post(bank, a, 10)
    outcomes = await post(db, a_cause(), [once, a_post(bank, a, 5), once])
    assert [result_of(it) for it in outcomes] == ["moved", "moved", "exists"]
    assert (await _on_file(db, a)).credits_posted == 15


async def test_the_same_batch_again_changes_nothing(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 50, expires_in_s=60)
    batch = [
        a_post(bank, a, 10, description="rent"),
        hold,
        a_hold(bank, a, 70),
        an_answer(POST_HOLD, hold.id, amount_minor=20),
        a_post(a, bank, 1000),
        a_post(bank, a, 1, linked=True),
        a_post(bank, a, 2),
    ]
    first = await post(db, a_cause(), batch)
    again = await post(db, a_cause(at=NOON + timedelta(seconds=30)), batch)
    refused = [*["moved"] * 4, "exceeds_available", "moved", "moved"]
    assert [result_of(it) for it in first] == refused
    assert [result_of(it) for it in again] == [it.replace("moved", "exists") for it in refused]
    account = await _on_file(db, a)
    assert (account.credits_posted, account.credits_pending) == (33, 70)


async def test_an_id_that_failed_may_be_used_again(db: Database) -> None:
    """Unlike in TigerBeetle, where it is burnt: here nothing is kept of a refusal."""
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    wanted = a_post(a, bank, 10)
    assert [result_of(it) for it in await post(db, a_cause(), [wanted])] == ["exceeds_available"]
    await moved(db, a_post(bank, a, 10))
    assert [result_of(it) for it in await post(db, a_cause(), [wanted])] == ["moved"]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"amount_minor": 11}, ["amount_minor"]),
        ({"currency": "USD"}, ["currency"]),
        ({"description": "other"}, ["description"]),
        ({"expires_in_s": 61}, ["expires_in_s"]),
        ({"expires_in_s": None}, ["expires_in_s"]),
        ({"swap": True}, ["debit_account_id", "credit_account_id"]),
        ({"kind": TransferKind.POST}, ["kind"]),
        ({"amount_minor": 11, "description": "other"}, ["amount_minor", "description"]),
    ],
)
async def test_another_movement_under_the_same_id_is_told_what_differs(
    db: Database, change: dict[str, Any], fields: list[str]
) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 10, expires_in_s=60, description="rent")
    await moved(db, hold)
    changed = dict(change)
    if changed.pop("swap", False):
        changed |= {"debit_account_id": a.id, "credit_account_id": bank.id}
    (problem,) = await post(db, a_cause(), [Instruction(**_fields(hold) | changed)])
    assert result_of(problem) == "exists_with_different_fields"
    assert isinstance(problem, Problem)
    errors = problem.extra["errors"]
    assert isinstance(errors, list)
    assert [error.field for error in errors] == fields


@pytest.mark.parametrize(
    ("first", "again", "result"),
    [
        (None, None, "exists"),
        (30, 30, "exists"),
        (100, None, "exists"),
        (None, 100, "exists"),
        (30, 31, "exists_with_different_fields"),
        (30, None, "exists_with_different_fields"),
        (None, 30, "exists_with_different_fields"),
    ],
)
async def test_posting_a_hold_again_is_the_same_only_for_the_same_amount(
    db: Database, first: int | None, again: int | None, result: str
) -> None:
    """No amount means the whole: who asks for it shall not hear that a part was it."""
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 100)
    answer = an_answer(POST_HOLD, hold.id, amount_minor=first)
    await moved(db, hold, answer)
    repeated = Instruction(**_fields(answer) | {"amount_minor": again})
    assert [result_of(it) for it in await post(db, a_cause(), [repeated])] == [result]


async def test_releasing_a_hold_again_is_the_same_whatever_amount_was_told(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 100)
    await moved(db, hold)
    release = an_answer(RELEASE_HOLD, hold.id, amount_minor=5)
    (first,) = await post(db, a_cause(), [release])
    (again,) = await post(db, a_cause(), [release])
    assert (result_of(first), result_of(again)) != ("moved", "exists_with_different_fields")


@pytest.mark.parametrize(("asked", "result"), [(100, "exists"), (None, "exists"), (40, "exists")])
async def test_a_balancing_movement_again_is_the_same(
    db: Database, asked: int | None, result: str
) -> None:
    bank, a, b = await opened(db, may_go_negative=True), await opened(db), await opened(db)
    await moved(db, a_post(bank, a, 40))
    sweep = a_post(a, b, 0, amount_minor=asked, balancing_debit=True)
    (transfer,) = await moved(db, sweep)
    assert transfer.amount_minor == 40
    assert [result_of(it) for it in await post(db, a_cause(), [sweep])] == [result]
    less = Instruction(**_fields(sweep) | {"amount_minor": 39})
    (problem,) = await post(db, a_cause(), [less])
    assert result_of(problem) == "exists_with_different_fields"


async def test_an_element_on_file_is_no_obstacle_to_its_chain(db: Database) -> None:
    """A chain whose answer was lost is sent again as a whole."""
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    chain = [a_post(bank, a, 1, linked=True), a_post(bank, a, 2)]
    await moved(db, *chain)
    assert [result_of(it) for it in await post(db, a_cause(), chain)] == ["exists", "exists"]


# --- on the database ---------------------------------------------------------------------------


async def test_a_frozen_account_is_frozen_for_batches_too(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    hold = a_hold(bank, a, 10)
    await moved(db, hold)
    async with db.transaction() as tx:
        await accounts_store.set_status(tx, a.id, AccountStatus.FROZEN)
    batch = [
        a_post(bank, a, 1),
        an_answer(POST_HOLD, hold.id),
        an_answer(RELEASE_HOLD, hold.id),
    ]
    outcomes = await post(db, a_cause(), batch)
    assert [result_of(it) for it in outcomes] == ["account_frozen", "account_frozen", "moved"]


async def test_a_movement_that_names_a_hold_does_not_poison_its_batch(db: Database) -> None:
    bank, a = await opened(db, may_go_negative=True), await opened(db)
    odd = a_post(bank, a, 1, hold_id=TransferId.new(NOON))
    outcomes = await post(db, a_cause(), [a_post(bank, a, 5), odd])
    assert result_of(outcomes[0]) == "moved"


async def test_a_hold_that_appears_while_a_batch_waits_is_not_half_known(db: Database) -> None:
    """The batch waits for an account; meanwhile the hold that it also names is put on file."""
    bank, a, b = [await opened(db, may_go_negative=True) for _ in range(3)]
    c = await opened(db, may_go_negative=True)
    first, second = a_hold(bank, a, 10), a_hold(b, c, 20)
    await moved(db, first)
    answers = [an_answer(RELEASE_HOLD, first.id), an_answer(RELEASE_HOLD, second.id)]
    async with db.transaction() as tx:
        rival = [a_post(bank, a, 1), second]
        book = await load(tx, rival)
        waiting = asyncio.create_task(post(db, a_cause(), answers))
        await _until_waiting(db, 1)
        made = [it for it in apply(book, rival) if isinstance(it, Transfer)]
        await save(tx, book, made)
    outcomes = [result_of(it) for it in await waiting]
    assert outcomes[0] == "moved"
    assert outcomes[1] in ("hold_not_found", "moved")


async def test_the_same_ids_in_another_order_do_not_deadlock(db: Database) -> None:
    """Two callers, one mistake: the same ids on other accounts, so that no account orders them.
    A third keeps both at the second id, until each has the first of the other before it."""
    accounts = [await opened(db, may_go_negative=True) for _ in range(6)]
    first, middle, last = sorted(TransferId.new(NOON) for _ in range(3))
    one = [a_post(accounts[0], accounts[1], 1, id=i) for i in (first, middle, last)]
    two = [a_post(accounts[2], accounts[3], 1, id=i) for i in (last, middle, first)]
    rival = [a_post(accounts[4], accounts[5], 1, id=middle)]
    waiting: list[asyncio.Task[Any]] = []
    with suppress(_Undone):
        async with db.transaction() as tx:
            book = await load(tx, rival)
            await save(tx, book, [it for it in apply(book, rival) if isinstance(it, Transfer)])
            waiting += [asyncio.create_task(post(db, a_cause(), batch)) for batch in (one, two)]
            await _until_waiting(db, 2)
            raise _Undone
    told = sorted(result_of(it) for batch in await asyncio.gather(*waiting) for it in batch)
    assert told == ["exists_with_different_fields"] * 3 + ["moved"] * 3


class _Undone(Exception):
    """Rolls a transaction back."""


async def _until_waiting(db: Database, number: int) -> None:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    for _ in range(500):
        async with db.pool.acquire() as connection:
            if await connection.fetchval(f"{waiting} and datname = current_database()") >= number:
                return
        await asyncio.sleep(0.01)
    pytest.fail(f"fewer than {number} wait")


async def _on_file(db: Database, account: Account) -> Account:
    async with db.transaction() as tx:
        return (await accounts_store.select(tx, [account.id]))[account.id]
