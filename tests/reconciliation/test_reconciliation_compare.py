"""What differs between our books and a statement, and what only seems to."""

import random
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from tests.builders import a_cause
from tests.reconciliation.reconciling import (
    BANK,
    DAY,
    MIDNIGHT,
    MORNING_AFTER,
    SECOND,
    Bank,
    Booked,
    a_booking,
    after,
    book,
    events_of,
    lines_left,
    queued,
    reconcile,
)

from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.gateway.model import OrderKind, StatementLine
from paywright.reconciliation.compare import DayNotBegun, days_due
from paywright.reconciliation.model import DIFFERENCES, LineOutcome, RunState

END = MIDNIGHT + timedelta(days=1)


async def test_books_that_agree_have_no_differences(db: Database) -> None:
    made = [
        a_booking(1),
        a_booking(2, kind=OrderKind.CHARGE),
        a_booking(3, kind=OrderKind.REFUND, currency="USD"),
    ]
    await book(db, *made)
    bank = Bank(*(it.line() for it in made))
    found = await reconcile(db, bank)
    assert found.run.state is RunState.COMPLETED
    assert (found.run.differences, found.items) == (0, [])
    assert found.run.outcomes == {"matched": 3}
    assert [(t.currency, t.ours, t.theirs, t.matched, t.matched_minor, t.ours_minor, t.theirs_minor)
            for t in found.run.totals] == [
        ("EUR", 2, 2, 2, 2003, 2003, 2003), ("USD", 1, 1, 1, 1003, 1003, 1003),
    ]  # fmt: skip
    assert bank.asked == [(MIDNIGHT - timedelta(days=1), END + timedelta(days=1))]
    assert await events_of(db, found.run.id) == ["reconciliation.completed"]
    assert await queued(db, "review_reconciliation") == []
    assert await lines_left(db) == 0


async def test_a_day_on_which_nothing_happened_agrees(db: Database) -> None:
    found = await reconcile(db, Bank())
    assert (found.run.state, found.run.outcomes, found.run.totals) == (RunState.COMPLETED, {}, [])


async def test_what_only_the_provider_has_is_missing_here(db: Database) -> None:
    found = await reconcile(db, Bank(a_booking(1).line(), a_booking(2).line(key="other")))
    assert found.outcomes == [LineOutcome.MISSING_HERE] * 2
    assert [item.our_status for item in found.items] == [None, None]
    assert found.items[0].their_amount == Money(1001, "EUR")
    (asked,) = await queued(db, "review_reconciliation")
    assert (UUID(asked["reconciliation_id"]), asked["reason"]) == (found.run.id, "differences")
    assert await events_of(db, found.run.id) == ["reconciliation.completed"]


async def test_what_only_we_have_is_missing_there(db: Database) -> None:
    made = a_booking(1)
    await book(db, made)
    found = await reconcile(db, Bank())
    assert found.outcomes == [LineOutcome.MISSING_THERE]
    (item,) = found.items
    assert (item.key, item.our_status, item.our_reference) == (
        str(made.id), "succeeded", made.reference,
    )  # fmt: skip
    assert (item.our_amount, item.our_at) == (Money(1001, "EUR"), made.at)
    assert (item.their_amount, item.their_reference, item.their_at) == (None, None, None)


@pytest.mark.parametrize("amount", [Money(1002, "EUR"), Money(1001, "USD")], ids=str)
async def test_another_amount_or_currency_is_told_with_both(db: Database, amount: Money) -> None:
    made = a_booking(1)
    await book(db, made)
    found = await reconcile(db, Bank(made.line(amount=amount)))
    assert found.outcomes == [LineOutcome.DIFFERENT_AMOUNT]
    assert (found.items[0].our_amount, found.items[0].their_amount) == (Money(1001, "EUR"), amount)
    assert found.run.outcomes == {"different_amount": 1}
    sums = {t.currency: (t.ours_minor, t.theirs_minor) for t in found.run.totals}
    assert sums.pop("EUR") == (1001, 1002 if amount.currency == "EUR" else 0)
    assert sums == ({} if amount.currency == "EUR" else {"USD": (0, 1001)})


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    "again",
    [{"reference": "bp_again"}, {"key": None}, {"key": "other"}, {}],
    ids=["same key", "same reference", "same reference, other key", "same line"],
)
async def test_what_the_provider_lists_twice_is_a_duplicate(
    db: Database, again: dict[str, str], is_known: bool
) -> None:
    made = a_booking(1)
    if is_known:
        await book(db, made)
    found = await reconcile(
        db, Bank(made.line(), made.line(booked_at=made.at + 3600 * SECOND, **again))
    )
    first = [] if is_known else [LineOutcome.MISSING_HERE]
    assert found.outcomes == [LineOutcome.DUPLICATE_THERE, *first]
    assert found.items[0].their_at == made.at + 3600 * SECOND


async def test_the_one_of_two_that_we_know_by_its_reference_is_not_the_duplicate(
    db: Database,
) -> None:
    made = a_booking(1)
    await book(db, made)
    early = made.line(reference="bp_early", booked_at=made.at - 60 * SECOND)
    found = await reconcile(db, Bank(early, made.line()))
    assert found.outcomes == [LineOutcome.DUPLICATE_THERE]
    assert found.items[0].their_reference == "bp_early"


async def test_a_second_booking_of_the_next_day_is_that_days_duplicate(db: Database) -> None:
    made = a_booking(1, at=END - SECOND)
    await book(db, made)
    bank = Bank(made.line(), made.line(reference="bp_again", booked_at=END + SECOND))
    assert (await reconcile(db, bank)).items == []
    next_day = await reconcile(
        db, bank, day=DAY + timedelta(days=1), cause=after(at=MORNING_AFTER + timedelta(days=1))
    )
    assert next_day.outcomes == [LineOutcome.DUPLICATE_THERE]


@pytest.mark.parametrize("is_ours_first", [True, False])
async def test_a_line_that_the_other_side_has_beyond_midnight_is_not_missing(
    db: Database, is_ours_first: bool
) -> None:
    """With a key, and without one."""
    ours, theirs = (END - SECOND, END + SECOND) if is_ours_first else (END + SECOND, END - SECOND)
    made = [a_booking(n, at=ours) for n in (1, 2)]
    await book(db, *made)
    bank = Bank(made[0].line(booked_at=theirs), made[1].line(booked_at=theirs, key=None))
    for days, outcome in ((0, "other_day"), (1, "matched")) if is_ours_first else (
        (0, "matched"), (1, None),
    ):  # fmt: skip
        found = await reconcile(
            db, bank, day=DAY + timedelta(days=days),
            cause=after(at=MORNING_AFTER + timedelta(days=days)),
        )  # fmt: skip
        assert found.items == []
        assert found.run.outcomes == ({outcome: 2} if outcome else {"other_day": 2})


async def test_a_difference_beyond_midnight_is_told_once(db: Database) -> None:
    made = a_booking(1, at=END - SECOND)
    await book(db, made)
    bank = Bank(made.line(booked_at=END + SECOND, amount=Money(1, "EUR")))
    assert (await reconcile(db, bank)).run.outcomes == {"other_day": 1}
    next_day = await reconcile(
        db, bank, day=DAY + timedelta(days=1), cause=after(at=MORNING_AFTER + timedelta(days=1))
    )
    assert next_day.outcomes == [LineOutcome.DIFFERENT_AMOUNT]


async def test_what_we_booked_days_later_is_found_by_its_key(db: Database) -> None:
    made = a_booking(1)
    await book(db, made, settled_at=MIDNIGHT + timedelta(days=5))
    found = await reconcile(db, Bank(made.line()), cause=after(at=END + timedelta(days=6)))
    assert found.run.outcomes == {"matched": 1}


@pytest.mark.parametrize("status", ["processing", "unknown"])
@pytest.mark.parametrize("kind", OrderKind)
async def test_what_the_provider_did_and_we_wait_for_is_settled_at_once(
    db: Database, status: str, kind: OrderKind
) -> None:
    made = a_booking(1, kind=kind)
    await book(db, made, status=status, settled_at=None, provider_reference=None)
    found = await reconcile(db, Bank(made.line()))
    assert found.outcomes == [LineOutcome.MISSING_HERE]
    assert found.items[0].our_status == status
    asked = await queued(db, "settle_refund" if kind is OrderKind.REFUND else "settle_payment")
    field = "refund_id" if kind is OrderKind.REFUND else "payment_id"
    assert [UUID(task[field]) for task in asked] == [made.id]
    table = "refunds" if kind is OrderKind.REFUND else "payments"
    assert await db.pool.fetchval(f"select status from {table} where id = $1", made.id) == status


async def test_what_we_know_to_have_failed_is_told_with_that(db: Database) -> None:
    made = a_booking(1)
    await book(db, made, status="failed", settled_at=None)
    found = await reconcile(db, Bank(made.line()))
    assert (found.outcomes, found.items[0].our_status) == ([LineOutcome.MISSING_HERE], "failed")
    assert await queued(db, "settle_payment") == []


async def test_a_payment_that_is_under_way_here_and_unknown_there_is_no_difference(
    db: Database,
) -> None:
    await book(db, a_booking(1), status="unknown", settled_at=None)
    assert (await reconcile(db, Bank())).run.outcomes == {}


async def test_what_another_provider_carried_out_must_not_be_on_this_statement(
    db: Database,
) -> None:
    made = a_booking(1)
    await book(db, made, provider="backup_bank", provider_reference="bb_1")
    found = await reconcile(db, Bank(made.line()))
    assert (found.outcomes, found.items[0].our_reference) == ([LineOutcome.MISSING_HERE], "bb_1")


async def test_a_refund_is_not_taken_for_the_charge_of_the_same_reference(db: Database) -> None:
    charge = a_booking(1, kind=OrderKind.CHARGE)
    await book(db, charge)
    found = await reconcile(db, Bank(charge.line(kind=OrderKind.REFUND, key=None)))
    assert found.outcomes == [LineOutcome.MISSING_HERE, LineOutcome.MISSING_THERE]


async def test_today_is_compared_as_far_as_it_has_gone(db: Database) -> None:
    made = a_booking(1), a_booking(2, at=MIDNIGHT + timedelta(hours=15))
    await book(db, *made)
    found = await reconcile(
        db, Bank(made[0].line()), cause=a_cause(at=MIDNIGHT + 12 * 3600 * SECOND)
    )
    assert found.run.outcomes == {"matched": 1}
    with pytest.raises(DayNotBegun):
        await reconcile(db, Bank(), day=DAY + timedelta(days=1), cause=a_cause(at=END - SECOND))


def test_the_schedule_catches_up_with_a_week() -> None:
    day = timedelta(days=1)
    assert days_due(None, at=MORNING_AFTER) == [DAY]
    assert days_due(None, at=MORNING_AFTER - SECOND) == [DAY - day]
    assert days_due(DAY, at=MORNING_AFTER) == []
    assert days_due(DAY - 2 * day, at=MORNING_AFTER) == [DAY - day, DAY]
    assert days_due(DAY - 90 * day, at=MORNING_AFTER) == [DAY - n * day for n in range(6, -1, -1)]


def judged(ours: list[Booked], theirs: list[StatementLine]) -> Counter[str]:
    """The same comparison, line by line, of lines that all have a key of their own side."""
    left = {str(it.id): it for it in ours}
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for line in sorted(theirs, key=lambda it: it.booked_at):
        is_in_day = MIDNIGHT <= line.booked_at < END
        key = line.key or ""
        mine = left.pop(key, None)
        if mine is not None:
            if is_in_day:
                same = line.amount == Money(mine.minor, mine.currency)
                counts["matched" if same else "different_amount"] += 1
            elif MIDNIGHT <= mine.at < END:
                counts["other_day"] += 1
        elif is_in_day:
            counts["duplicate_there" if key in seen else "missing_here"] += 1
        seen.add(key)
    counts["missing_there"] += sum(MIDNIGHT <= it.at < END for it in left.values())
    return +counts


@pytest.mark.parametrize("seed", range(6))
async def test_it_finds_what_a_comparison_line_by_line_finds(db: Database, seed: int) -> None:
    dice = random.Random(seed)
    ours, theirs = [], []
    for number in range(1, 400):
        at = MIDNIGHT + timedelta(seconds=dice.randrange(-40_000, 126_000))
        made = a_booking(number, at=at, kind=dice.choice(list(OrderKind)))
        if dice.random() < 0.9:
            ours.append(made)
        if dice.random() < 0.9:
            shift = dice.choice([0, 0, 0, 5, -5, 20_000]) * SECOND
            minor = made.minor + (dice.random() < 0.1)
            theirs.append(made.line(booked_at=at + shift, amount=Money(minor, "EUR")))
            if dice.random() < 0.1:
                later = at + shift + dice.randrange(1, 9000) * SECOND
                theirs.append(made.line(booked_at=later, reference=f"bp_again_{number}"))
    await book(db, *ours)
    dice.shuffle(theirs)
    found = await reconcile(db, Bank(*theirs), cause=after(at=END + timedelta(days=3)))
    assert Counter(found.run.outcomes) == judged(ours, theirs)
    assert found.run.differences == len(found.items) > 10
    order = [DIFFERENCES.index(outcome) for outcome in found.outcomes]
    assert order == sorted(order)
    ours_of_day = [it.minor for it in ours if MIDNIGHT <= it.at < END]
    assert [(t.ours, t.ours_minor) for t in found.run.totals] == [
        (len(ours_of_day), sum(ours_of_day))
    ]
    assert await lines_left(db) == 0
    assert found.run.provider == BANK
