"""Bills that are entered twice: how many are found, what is taken for one wrongly, and how."""

from datetime import date, timedelta
from time import perf_counter
from typing import Any

import pytest
from tests.builders import NOON
from tests.payments.vendor_bills import TWICE, TWO, Pairs, a_bill, on_file

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.bill_numbers import bill_key, families, read_number
from paywright.payments.vendor.candidates_store import resembling
from paywright.payments.vendor.duplicates import (
    THRESHOLD,
    Bill,
    Resemblance,
    compare,
    family_key,
    look_up_keys,
    most_alike,
)

WINDOW = timedelta(days=120)


@pytest.mark.parametrize(
    "other", ["inv 42", "0042", "INV-OO42", "2026-0042", "2026/42", "42 copy", "№ 42", "٤٢", "#042"]
)
def test_one_number_is_written_in_many_ways(other: str) -> None:
    assert bill_key(other) == bill_key("INV-0042") == "42"
    assert compare(a_bill("INV-0042"), on_file(other)).score > 0.9


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("A-42", "B-42"),
        ("2025-42", "2026-42"),
        ("42/A", "42/B"),
        ("41", "42"),
        ("RENT-1", "RENT-2"),
    ],
)
def test_numbers_that_say_that_they_are_two_are_believed(one: str, two: str) -> None:
    assert compare(a_bill(one), on_file(two)).score < THRESHOLD


@pytest.mark.parametrize(
    ("bill", "other", "reasons"),
    [
        (
            a_bill("42"),
            on_file("042", days=3),
            ("same number but for a leading zero", "same amount, 3 days apart"),
        ),
        (a_bill("INV-42"), on_file("INV-42"), ("same number", "same amount, on one day")),
        (
            a_bill("10052"),
            on_file("10025", days=1),
            ("same number but for two digits that changed places", "same amount, 1 day apart"),
        ),
        (
            a_bill("42", 125_000),
            on_file("42", 1_250_000),
            ("same number", "an amount with a slip, on one day"),
        ),
        (
            a_bill("42", 125_000),
            on_file("42", 99_900),
            ("same number", "another amount, on one day"),
        ),
        (
            a_bill("42"),
            on_file("42", vendor_id="towing_8"),
            (
                "same number",
                "same amount, on one day",
                "paid to the same account as vendor towing_8",
            ),
        ),
    ],
)
def test_a_resemblance_says_in_what(bill: Bill, other: Any, reasons: tuple[str, ...]) -> None:
    found = most_alike(bill, [other])
    assert found is not None
    assert found.reasons == reasons
    assert (found.payment_id, found.bill_number) == (other.payment_id, other.bill_number)


def test_of_several_the_one_that_is_most_alike_is_named() -> None:
    near, exact = on_file("43"), on_file("42", days=30)
    found = most_alike(a_bill("42"), [near, exact, on_file("42", 99_000)])
    assert found is not None
    assert found.payment_id == exact.payment_id


def test_a_bill_is_not_held_against_itself_nor_against_what_repeats_it() -> None:
    itself = on_file()
    repeated = on_file(replaces=itself.payment_id)
    bill = a_bill(payment_id=itself.payment_id)
    assert most_alike(bill, [itself, repeated]) is None
    assert most_alike(bill, [itself, on_file()]) is not None


def test_flat_fees_for_two_incidents_are_two_bills() -> None:
    bill, same = a_bill(None, incident_id="inc_1"), on_file(None, incident_id="inc_1")
    other, none = on_file(None, incident_id="inc_2"), on_file(None)
    assert most_alike(bill, [same]) is not None
    assert most_alike(bill, [other, none]) is None
    # Who sends a bill for the work that an event told of names no incident.
    paper = a_bill("INV-0042")
    assert most_alike(paper, [same]) is not None
    numbered = on_file("INV-0042", incident_id="inc_2")
    assert most_alike(a_bill("42", incident_id="inc_1"), [numbered]) is not None


def test_keys_have_a_length_that_fits_and_are_never_empty() -> None:
    for number in ("-", " ", "///", "1" * 64, "A" * 64, "ﷺ" * 64, "1-" * 32, "inv", "İ" * 64):
        keys = [bill_key(number), *families(number)]
        assert all(1 <= len(it) <= 64 for it in keys), number


@pytest.mark.parametrize("number", ["10025", "INV-4711", "2026-0420", "7-98310", "1002", "42"])
def test_one_look_finds_what_is_a_slip_away(number: str) -> None:
    *head, last = read_number(number).groups
    turned = [last[:i] + last[i + 1] + last[i] + last[i + 2 :] for i in range(len(last) - 1)]
    slips = [it.lstrip("0") for it in turned if len(last) >= 4]
    near = ["-".join((*head, it)) for it in (last, *slips, f"{last}-1", f"{last}-2")]
    for other in near:
        keys = look_up_keys("towing_7", "EUR", number)
        assert family_key("towing_7", "EUR", other) in keys, other
        assert family_key("towing_8", "EUR", other) not in keys
        assert family_key("towing_7", "USD", other) not in keys


def test_numbers_that_follow_each_other_are_of_many_families() -> None:
    keys = [family_key("towing_7", "EUR", str(it)) for it in range(100_000, 101_000)]
    assert max(keys.count(it) for it in set(keys)) <= 6  # three digits, in any order


MANY = 1_000


def test_most_bills_that_are_entered_twice_are_found_and_few_others() -> None:
    """Over 26,000 pairs. Measured: 98.3 % are found, and 99.98 % of what is found is right. With
    a threshold of 0.65 it would be 90 % that are found; with 0.5 no more than 99.7 %."""
    pairs = Pairs(seed=1)
    found = {kind: _share(pairs, kind) for kind in (*TWICE, *TWO)}
    missed = {kind: share for kind, share in found.items() if kind in TWICE and share < 0.95}
    assert list(missed) == ["order_number_instead"]  # of a round amount: too many are by chance
    assert missed["order_number_instead"] > 0.75
    assert [kind for kind in TWO if found[kind] > 0.02] == []
    right, wrong = sum(found[kind] for kind in TWICE), sum(found[kind] for kind in TWO)
    assert right / (right + wrong) > 0.995
    assert right / len(TWICE) > 0.97


def _share(pairs: Pairs, kind: str) -> float:
    return sum(compare(*it).score >= THRESHOLD for it in pairs.many(kind, MANY)) / MANY


def test_thirty_flat_fees_a_day_are_thirty_bills() -> None:
    asked = wrong = 0
    for first in range(10_000, 20_000, 50):
        day = [on_file(str(first + i), 15_000) for i in range(30)]
        for i in (0, 11, 29):
            asked += 1
            others = [it for it in day if it.bill_number != str(first + i)]
            wrong += most_alike(a_bill(str(first + i), 15_000), others) is not None
    assert wrong == 0, f"{wrong} of {asked}"


# On a database.


async def put(
    tx: Tx,
    number: str | None = "INV-0042",
    amount: int = 125_000,
    *,
    vendor_id: str = "towing_7",
    days: int = 0,
    status: str = "pending_approval",
    currency: str = "EUR",
    bill_date: date | None = None,
    replaces: PaymentId | None = None,
) -> PaymentId:
    """A vendor payment that was entered so many days before."""
    at = NOON - timedelta(days=days)
    payment_id = PaymentId.new(at)
    await tx.execute(
        "insert into payments (id, kind, status, amount_minor, currency, vendor_id, payer_type,"
        " created_at, recorded_at) values ($1, 'vendor_payment', $2, $3, $4, $5, 'driver', $6, $6)",
        payment_id, status, amount, currency, vendor_id, at,
    )  # fmt: skip
    await tx.execute(
        "insert into vendor_payments (payment_id, created_by, makers, lines, metadata, bill_number,"
        " family_key, bill_date, content_hash, payout_version, approvals_needed, replaces)"
        " values ($1, 'jane', '{jane}', '[]', '{}', $2, $3, $4, $5, 1, 1, $6)",
        payment_id, number, family_key(vendor_id, currency, number), bill_date,
        bytes(32), replaces,
    )  # fmt: skip
    return payment_id


async def add_vendor(tx: Tx, vendor_id: str, *, account: bytes) -> None:
    await tx.execute(
        "insert into vendors (id, name, payout, payout_masked, payout_index, payout_changed_at,"
        " created_by, created_at, updated_at) values ($1, $1, '', '', $2, $3, 'jane', $3, $3)",
        vendor_id, account, NOON,
    )  # fmt: skip


async def looked_up(db: Database, *bills: Bill) -> list[Resemblance | None]:
    async with db.transaction() as tx:
        return await resembling(tx, bills, window=WINDOW)


async def test_each_bill_of_a_batch_is_told_which_one_it_resembles(db: Database) -> None:
    async with db.transaction() as tx:
        first = await put(tx, "INV-0042", days=3)
        typed = await put(tx, "10052", 77_700, days=1)
    found = await looked_up(
        db, a_bill("inv 42"), a_bill("99", 1_234), a_bill("10025", 77_700), a_bill("42", 98_765)
    )
    assert [it and it.payment_id for it in found] == [first, None, typed, None]
    assert found[0] is not None
    assert found[0].reasons[0] == "same number but for a leading zero"
    assert found[0].status is PaymentStatus.PENDING_APPROVAL
    assert await looked_up(db) == []


@pytest.mark.parametrize("status", ["rejected", "canceled", "declined", "failed"])
async def test_what_came_to_nothing_counts_no_more(db: Database, status: str) -> None:
    async with db.transaction() as tx:
        await put(tx, status=status)
    assert await looked_up(db, a_bill()) == [None]


async def test_what_repeats_a_failed_payment_counts_in_its_stead(db: Database) -> None:
    async with db.transaction() as tx:
        failed = await put(tx, status="failed", days=2)
        again = await put(tx, days=1, replaces=failed)
    (found,) = await looked_up(db, a_bill())
    assert found is not None
    assert found.payment_id == again
    assert await looked_up(db, a_bill(payment_id=again)) == [None]


async def test_other_vendors_currencies_and_times_are_not_compared(db: Database) -> None:
    async with db.transaction() as tx:
        await put(tx, vendor_id="towing_8")
        await put(tx, currency="USD")
        await put(tx, days=121)
    assert await looked_up(db, a_bill()) == [None]


async def test_two_vendors_with_one_account_are_one(db: Database) -> None:
    async with db.transaction() as tx:
        for vendor_id, account in (("towing_7", b"a"), ("towing_8", b"a"), ("towing_9", b"b")):
            await add_vendor(tx, vendor_id, account=account)
        twin = await put(tx, vendor_id="towing_8")
        await put(tx, vendor_id="towing_9")
    (found,) = await looked_up(db, a_bill())
    assert found is not None
    assert found.payment_id == twin
    assert found.reasons[-1] == "paid to the same account as vendor towing_8"


@pytest.mark.parametrize(
    ("number", "other"),
    [("10025", "1025"), ("10025", "INV-10052"), ("42-1", "42"), ("42", "42/2"), ("4711", "4711-9")],
)
async def test_a_number_with_a_slip_is_found_on_file(db: Database, number: str, other: str) -> None:
    async with db.transaction() as tx:
        near = await put(tx, other, 125_000)
    (found,) = await looked_up(db, a_bill(number, 125_000))
    assert found is not None
    assert found.payment_id == near


async def test_bills_without_a_number_are_compared_by_amount_and_day(db: Database) -> None:
    async with db.transaction() as tx:
        near = await put(tx, None, 125_001, days=1)
        await put(tx, None, 88_800, days=30)  # the rent
    found = await looked_up(db, a_bill(None), a_bill(None, 88_800))
    assert [it and it.payment_id for it in found] == [near, None]


async def test_ten_thousand_bills_of_one_vendor_make_it_no_slower(db: Database) -> None:
    async with db.transaction() as tx:
        await fill(tx, vendors=1, each=10_000)
        await fill(tx, vendors=10_000, each=1)  # and each of these has a bill 1
    async with db.pool.acquire() as connection:
        await connection.execute("analyze payments, vendor_payments")
    asked = [
        Bill(vendor_id="v1", amount=Money(15_000, "EUR"), bill_number=f"{i}", at=NOON)
        for i in range(1, 10_000, 100)
    ]
    await looked_up(db, *asked)
    started = perf_counter()
    found = await looked_up(db, *asked)
    seconds = perf_counter() - started
    assert all(it is not None and it.score > 0.95 for it in found)
    assert seconds < 1, f"{seconds * 10:.2f} ms a bill"


async def fill(tx: Tx, *, vendors: int, each: int) -> None:
    """All of the same amount, numbered from 1 by each vendor, within a month."""
    await tx.execute(
        """
        with made as (
            select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
                    || '7000' || '8' || substr(md5(vendor || '-' || number || '-' || $2), 1, 15)
                   )::uuid as id, 'v' || vendor as vendor_id, number, at
              from (select vendor, number, $3::timestamptz - number * interval '4 minutes' as at
                      from generate_series(1, $1) as vendor, generate_series(1, $2) as number)
                   as drawn
        ), paid as (
            insert into payments (id, kind, status, amount_minor, currency, vendor_id, payer_type,
                                  created_at, recorded_at)
            select id, 'vendor_payment', 'succeeded', 15000, 'EUR', vendor_id, 'driver', at, at
              from made
        )
        insert into vendor_payments (payment_id, created_by, makers, lines, metadata, bill_number,
                                     content_hash, payout_version, approvals_needed)
        select id, 'jane', '{jane}', '[]', '{}', number, sha256('x'), 1, 1 from made
        """,
        vendors,
        each,
        NOON,
    )
    rows = await tx.fetch(
        "select id, vendor_id, bill_number from payments join vendor_payments on payment_id = id"
    )
    await tx.execute(
        "update vendor_payments set family_key = keys.key"
        " from unnest($1::uuid[], $2::bigint[]) as keys (id, key) where payment_id = keys.id",
        [row["id"] for row in rows],
        [family_key(row["vendor_id"], "EUR", row["bill_number"]) for row in rows],
    )
