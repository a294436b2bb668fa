"""What a single movement does, and why it is refused. Pure: accounts in memory, no database."""

from datetime import timedelta
from typing import Any

import pytest
from tests.builders import NOON
from tests.ledger.building import a_hold, a_post, an_account, an_answer

from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.core.money import MINOR_MAX
from paywright.ledger.model import (
    Account,
    AccountKind,
    AccountStatus,
    Balances,
    Instruction,
    Transfer,
    TransferKind,
    before,
)
from paywright.ledger.refusals import Refused
from paywright.ledger.rules import EXPIRY_MAX_S, Book, apply

ASSET, LIABILITY = AccountKind.ASSET, AccountKind.LIABILITY
INCOME, EXPENSE = AccountKind.INCOME, AccountKind.EXPENSE
POST_HOLD, RELEASE_HOLD = TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD


def a_book(*accounts: Account) -> Book:
    return Book({account.id: account for account in accounts})


def holding(balance: int, **changes: Any) -> Account:
    """A customer's account that holds so much and may not go negative."""
    return an_account(credits_posted=balance, **changes)


def result_of(outcome: Transfer | Problem) -> str:
    assert isinstance(outcome, Transfer | Refused), outcome
    return "moved" if isinstance(outcome, Transfer) else outcome.result


def done(book: Book, instruction: Instruction) -> Transfer:
    (outcome,) = apply(book, [instruction])
    assert isinstance(outcome, Transfer), outcome
    return outcome


def refused(book: Book, instruction: Instruction) -> Refused:
    """Why it was refused; and nothing was changed by it."""
    was = totals(book)
    (outcome,) = apply(book, [instruction])
    assert isinstance(outcome, Refused), outcome
    assert totals(book) == was
    return outcome


def totals(book: Book) -> list[tuple[object, ...]]:
    accounts = [
        (it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending, it.moved_at)
        for it in book.accounts.values()
    ]
    holds = [(i, hold.resolved_by) for i, hold in book.holds.items()]
    return [*accounts, *holds, *book.transfers]


def names(problem: Problem) -> list[str]:
    """The fields that a problem is about."""
    errors = problem.extra["errors"]
    assert isinstance(errors, list)
    return [error.field for error in errors]


# --- moving ------------------------------------------------------------------------------------


def test_a_post_debits_one_account_and_credits_the_other() -> None:
    payer, payee = holding(1000), holding(5)
    transfer = done(a_book(payer, payee), a_post(payer, payee, 300, description="rent"))
    assert (payer.debits_posted, payee.credits_posted) == (300, 305)
    assert (transfer.debit, transfer.credit) == (Balances(700, 700), Balances(305, 305))
    assert (transfer.amount_minor, transfer.held_minor, transfer.description) == (300, 0, "rent")


def test_all_that_is_there_can_be_spent_and_not_one_unit_more() -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    assert refused(book, a_post(payer, payee, 1001)).extra["available_minor"] == 1000
    done(book, a_post(payer, payee, 1000))
    assert payer.balances() == Balances(0, 0)


@pytest.mark.parametrize(
    ("kind", "grows_by"),
    [(ASSET, "debit"), (EXPENSE, "debit"), (LIABILITY, "credit"), (INCOME, "credit")],
)
def test_an_account_grows_on_the_side_of_its_kind(kind: AccountKind, grows_by: str) -> None:
    account, other = an_account(kind=kind), an_account(may_go_negative=True)
    book = a_book(account, other)
    grows, shrinks = a_post(account, other, 7), a_post(other, account, 7)
    if grows_by == "credit":
        grows, shrinks = shrinks, grows
    assert refused(book, shrinks).result == "exceeds_available"
    done(book, grows)
    assert account.balances() == Balances(7, 7)
    done(book, shrinks)
    assert account.balances() == Balances(0, 0)


@pytest.mark.parametrize("kind", AccountKind)
def test_an_account_that_may_go_negative_does(kind: AccountKind) -> None:
    account, other = an_account(kind=kind, may_go_negative=True), holding(0)
    other.debits_posted, other.credits_posted = 0, 50
    debit, credit = (other, account) if account.grows_by_debits else (account, other)
    done(a_book(account, other), a_post(debit, credit, 50))
    assert account.balances() == Balances(-50, -50)


@pytest.mark.parametrize("kind", AccountKind)
def test_what_is_held_counts_as_spent_on_every_kind(kind: AccountKind) -> None:
    account, other = an_account(kind=kind), an_account(may_go_negative=True)
    book = a_book(account, other)
    if account.grows_by_debits:
        account.debits_posted, debit, credit = 100, other, account
    else:
        account.credits_posted, debit, credit = 100, account, other
    done(book, a_hold(debit, credit, 60))
    assert account.balances() == Balances(100, 40)
    assert refused(book, a_post(debit, credit, 41)).extra["available_minor"] == 40
    assert refused(book, a_hold(debit, credit, 41)).extra["available_minor"] == 40
    done(book, a_hold(debit, credit, 40))
    assert account.balances() == Balances(100, 0)


def test_money_on_hold_for_an_account_has_not_come_yet() -> None:
    payer, payee, shop = holding(100), holding(0), holding(0)
    book = a_book(payer, payee, shop)
    done(book, a_hold(payer, payee, 100))
    assert payee.balances() == Balances(0, 0)
    assert refused(book, a_post(payee, shop, 1)).result == "exceeds_available"


def test_both_ends_have_their_limit() -> None:
    customer, bank = holding(1000), an_account(kind=ASSET, debits_posted=400)
    book = a_book(customer, bank)
    assert names(refused(book, a_post(customer, bank, 500))) == ["credit_account_id"]
    assert names(refused(book, a_post(customer, bank, 1001))) == ["debit_account_id"]
    done(book, a_post(customer, bank, 400))


# --- what makes no sense -----------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1, MINOR_MAX + 1, None])
@pytest.mark.parametrize("moves", [a_post, a_hold])
def test_amounts_are_above_zero_and_storable(moves: Any, amount: Any) -> None:
    payer, payee = holding(1000), holding(0)
    problem = refused(a_book(payer, payee), moves(payer, payee, amount))
    assert (problem.result, names(problem)) == ("amount_invalid", ["amount_minor"])


def test_money_cannot_move_from_an_account_to_itself() -> None:
    payer = holding(1000)
    assert refused(a_book(payer), a_post(payer, payer, 1)).result == "accounts_must_differ"


@pytest.mark.parametrize("side", ["debit_account_id", "credit_account_id"])
@pytest.mark.parametrize("unknown", [AccountId.new(NOON), None])
def test_both_accounts_must_exist(side: str, unknown: AccountId | None) -> None:
    payer, payee = holding(1000), holding(0)
    problem = refused(a_book(payer, payee), a_post(payer, payee, 1, **{side: unknown}))
    assert (problem.result, names(problem)) == ("account_not_found", [side])


def test_accounts_and_amount_are_of_one_currency() -> None:
    euro, dollar = holding(1000), holding(1000, currency="USD")
    book = a_book(euro, dollar)
    assert refused(book, a_post(euro, dollar, 1)).result == "currency_mismatch"
    problem = refused(a_book(euro, other := holding(0)), a_post(euro, other, 1, currency="USD"))
    assert (problem.result, names(problem)) == ("currency_mismatch", ["currency"])
    assert refused(a_book(euro, other), a_post(euro, other, 1, currency=None)).result == (
        "currency_mismatch"
    )


@pytest.mark.parametrize("side", ["debit", "credit"])
@pytest.mark.parametrize(
    ("status", "result"),
    [(AccountStatus.FROZEN, "account_frozen"), (AccountStatus.CLOSED, "account_closed")],
)
def test_nothing_leaves_or_comes_to_an_account_that_is_not_active(
    side: str, status: AccountStatus, result: str
) -> None:
    payer, payee = holding(1000), holding(0)
    (payer if side == "debit" else payee).status = status
    for moves in (a_post, a_hold):
        problem = refused(a_book(payer, payee), moves(payer, payee, 1))
        assert (problem.result, names(problem)) == (result, [f"{side}_account_id"])


@pytest.mark.parametrize("seconds", [0, -1, EXPIRY_MAX_S + 1])
def test_a_hold_lasts_a_second_at_least_and_ten_years_at_most(seconds: int) -> None:
    payer, payee = holding(1000), holding(0)
    problem = refused(a_book(payer, payee), a_hold(payer, payee, 1, expires_in_s=seconds))
    assert (problem.result, names(problem)) == ("expiry_invalid", ["expires_in_s"])


def test_a_movement_that_resolves_nothing_names_no_hold() -> None:
    """The table refuses such a row, and with it the whole batch: it must not come that far."""
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 10))
    for moves in (a_post, a_hold):
        for hold_id in (hold.id, TransferId.new(NOON)):
            (outcome,) = apply(book, [moves(payer, payee, 1, hold_id=hold_id)])
            assert isinstance(outcome, Refused) or outcome.hold_id is None
    assert book.holds[hold.id].resolved_by is None


# --- totals that would not fit -----------------------------------------------------------------


@pytest.mark.parametrize("total", ["debits_posted", "debits_pending"])
def test_debits_do_not_overflow(total: str) -> None:
    payer = an_account(may_go_negative=True, **{total: MINOR_MAX - 9})
    payee = an_account(may_go_negative=True)
    book = a_book(payer, payee)
    for moves in (a_post, a_hold):
        problem = refused(book, moves(payer, payee, 10))
        assert (problem.result, names(problem)) == ("balance_overflow", ["debit_account_id"])
    done(book, a_post(payer, payee, 9))


@pytest.mark.parametrize("total", ["credits_posted", "credits_pending"])
def test_credits_do_not_overflow(total: str) -> None:
    payer = an_account(may_go_negative=True)
    payee = an_account(may_go_negative=True, **{total: MINOR_MAX - 9})
    book = a_book(payer, payee)
    for moves in (a_post, a_hold):
        problem = refused(book, moves(payer, payee, 10))
        assert (problem.result, names(problem)) == ("balance_overflow", ["credit_account_id"])
    done(book, a_post(payer, payee, 9))


def test_posted_and_pending_together_do_not_overflow() -> None:
    """So that posting a hold can never fail for want of room."""
    half = MINOR_MAX // 2
    payer = an_account(may_go_negative=True, debits_posted=half, debits_pending=half)
    payee = an_account(may_go_negative=True)
    book = a_book(payer, payee)
    assert refused(book, a_hold(payer, payee, 2)).result == "balance_overflow"
    hold = done(book, a_hold(payer, payee, 1))
    done(book, an_answer(POST_HOLD, hold.id))
    assert payer.debits_posted + payer.debits_pending == MINOR_MAX


def test_the_largest_amount_can_be_moved_once() -> None:
    payer, payee = holding(MINOR_MAX), holding(0)
    book = a_book(payer, payee)
    done(book, a_post(payer, payee, MINOR_MAX))
    assert payee.balances() == Balances(MINOR_MAX, MINOR_MAX)


# --- holds -------------------------------------------------------------------------------------


def test_a_hold_takes_from_what_is_available_and_posting_it_moves_it() -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    assert (hold.debit, hold.credit) == (Balances(1000, 600), Balances(0, 0))
    posted = done(book, an_answer(POST_HOLD, hold.id))
    assert (posted.amount_minor, posted.held_minor, posted.hold_id) == (400, -400, hold.id)
    assert (posted.debit, posted.credit) == (Balances(600, 600), Balances(400, 400))


def test_posting_a_part_releases_the_rest() -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    posted = done(book, an_answer(POST_HOLD, hold.id, amount_minor=150))
    assert (posted.amount_minor, posted.held_minor) == (150, -400)
    assert (payer.balances(), payee.balances()) == (Balances(850, 850), Balances(150, 150))
    assert (payer.debits_pending, payee.credits_pending) == (0, 0)


def test_a_released_hold_leaves_no_trace_in_the_balances() -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    released = done(book, an_answer(RELEASE_HOLD, hold.id))
    assert (released.amount_minor, released.held_minor) == (400, -400)
    assert (payer.balances(), payee.balances()) == (Balances(1000, 1000), Balances(0, 0))


@pytest.mark.parametrize("again", [POST_HOLD, RELEASE_HOLD])
@pytest.mark.parametrize(("first", "told"), [(POST_HOLD, "posted"), (RELEASE_HOLD, "released")])
def test_a_hold_is_resolved_once(first: TransferKind, told: str, again: TransferKind) -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    done(book, an_answer(first, hold.id))
    problem = refused(book, an_answer(again, hold.id))
    assert (problem.result, problem.extra["resolved_by"]) == ("hold_already_resolved", told)


def test_no_more_can_be_posted_than_is_held() -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    problem = refused(book, an_answer(POST_HOLD, hold.id, amount_minor=401))
    assert (problem.result, problem.extra["held_minor"]) == ("amount_exceeds_hold", 400)
    for amount in (0, -1):
        problem = refused(book, an_answer(POST_HOLD, hold.id, amount_minor=amount))
        assert problem.result == "amount_invalid"


@pytest.mark.parametrize("kind", [POST_HOLD, RELEASE_HOLD])
def test_only_a_hold_can_be_resolved(kind: TransferKind) -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    post = done(book, a_post(payer, payee, 1))
    for hold_id in (TransferId.new(NOON), post.id):
        problem = refused(book, an_answer(kind, hold_id))
        assert (problem.result, names(problem)) == ("hold_not_found", ["hold_id"])
    nothing = Instruction(id=TransferId.new(NOON), kind=kind, at=NOON)
    assert refused(book, nothing).result == "hold_not_found"


@pytest.mark.parametrize("side", ["debit", "credit"])
def test_a_hold_on_a_frozen_account_can_be_released_but_not_posted(side: str) -> None:
    payer, payee = holding(1000), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    (payer if side == "debit" else payee).status = AccountStatus.FROZEN
    problem = refused(book, an_answer(POST_HOLD, hold.id))
    assert (problem.result, names(problem)) == ("account_frozen", [f"{side}_account_id"])
    done(book, an_answer(RELEASE_HOLD, hold.id))
    assert payer.balances() == Balances(1000, 1000)


def test_posting_a_hold_never_fails_for_want_of_money() -> None:
    payer, payee = holding(400), holding(0)
    book = a_book(payer, payee)
    hold = done(book, a_hold(payer, payee, 400))
    assert refused(book, a_post(payer, payee, 1)).result == "exceeds_available"
    done(book, an_answer(POST_HOLD, hold.id))


# --- balancing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "moved"), [(None, 70), (100, 70), (70, 70), (5, 5)])
def test_balancing_debit_moves_at_most_what_the_debit_account_has(asked: Any, moved: int) -> None:
    payer, payee = holding(100, debits_pending=30), holding(0)
    transfer = done(a_book(payer, payee), a_post(payer, payee, asked, balancing_debit=True))
    assert (transfer.amount_minor, payee.credits_posted) == (moved, moved)


@pytest.mark.parametrize(("asked", "moved"), [(None, 70), (100, 70), (5, 5)])
def test_balancing_credit_moves_at_most_what_the_credit_account_owes(
    asked: Any, moved: int
) -> None:
    source = an_account(may_go_negative=True)
    target = an_account(may_go_negative=True, debits_posted=100, credits_pending=30)
    book = a_book(source, target)
    assert done(book, a_post(source, target, asked, balancing_credit=True)).amount_minor == moved


def test_balancing_both_ways_moves_the_smaller_of_the_two() -> None:
    source = holding(100)
    target = an_account(kind=ASSET, debits_posted=60)
    both = {"balancing_debit": True, "balancing_credit": True}
    assert done(a_book(source, target), a_hold(source, target, None, **both)).held_minor == 60


def test_balancing_an_account_that_has_nothing_is_refused() -> None:
    payer, payee = holding(0), holding(0)
    problem = refused(a_book(payer, payee), a_post(payer, payee, 5, balancing_debit=True))
    assert (problem.result, names(problem)) == ("exceeds_available", ["debit_account_id"])
    problem = refused(a_book(payer, payee), a_post(payer, payee, 5, balancing_credit=True))
    assert (problem.result, names(problem)) == ("exceeds_available", ["credit_account_id"])


def test_balancing_both_ways_blames_the_side_that_has_nothing() -> None:
    source, target = holding(100), an_account(may_go_negative=True)
    both = {"balancing_debit": True, "balancing_credit": True}
    problem = refused(a_book(source, target), a_post(source, target, 5, **both))
    assert names(problem) == ["credit_account_id"]


# --- times and running balances ----------------------------------------------------------------


def test_times_of_an_account_increase_even_with_clocks_that_go_back() -> None:
    payer, payee, other = holding(1000), holding(0), holding(1000)
    book = a_book(payer, payee, other)
    times = [
        done(book, a_post(debit, credit, 1, at=NOON + timedelta(seconds=offset))).created_at
        for debit, credit, offset in [
            (payer, payee, 0),
            (payer, payee, 0),
            (payer, other, -3600),
            (other, payee, -7200),
            (payer, payee, 1),
        ]
    ]
    assert times == sorted(set(times))
    assert times[0] == NOON
    assert times[-1] == NOON + timedelta(seconds=1)
    assert payer.moved_at == payee.moved_at == times[-1]


def test_accounts_that_have_nothing_to_do_with_each_other_keep_their_own_time() -> None:
    early, late, third, fourth = holding(9), holding(0), holding(9), holding(0)
    book = a_book(early, late, third, fourth)
    done(book, a_post(early, late, 1, at=NOON + timedelta(hours=1)))
    assert done(book, a_post(third, fourth, 1)).created_at == NOON


@pytest.mark.parametrize("kind", AccountKind)
def test_what_was_before_a_movement_is_what_was_after_the_last(kind: AccountKind) -> None:
    account = an_account(kind=kind, may_go_negative=True)
    other = an_account(kind=LIABILITY, may_go_negative=True)
    book = a_book(account, other)
    seen = {account.id: Balances(0, 0), other.id: Balances(0, 0)}

    def follow(transfer: Transfer) -> TransferId:
        debit, credit = (
            book.accounts[i] for i in (transfer.debit_account_id, transfer.credit_account_id)
        )
        assert before(transfer, transfer.debit, grew=debit.grows_by_debits) == seen[debit.id]
        assert before(transfer, transfer.credit, grew=not credit.grows_by_debits) == seen[credit.id]
        seen[debit.id], seen[credit.id] = transfer.debit, transfer.credit
        assert (debit.balances(), credit.balances()) == (transfer.debit, transfer.credit)
        return transfer.id

    for debit, credit in ((account, other), (other, account)):
        follow(done(book, a_post(debit, credit, 100)))
        first, second, third = (
            follow(done(book, a_hold(debit, credit, amount))) for amount in (10, 20, 30)
        )
        follow(done(book, an_answer(POST_HOLD, second, amount_minor=7)))
        follow(done(book, an_answer(RELEASE_HOLD, first)))
        follow(done(book, an_answer(POST_HOLD, third)))
