"""Books that were broken on purpose: the check whose invariant it is says so, and no other."""

from datetime import timedelta

import pytest
from tests.builders import NOON
from tests.ledger.building import a_hold, a_post, an_answer, moved, opened

from paywright.core.ids import TransferId
from paywright.db.pool import Database
from paywright.ledger.model import AccountKind, Transfer, TransferKind
from paywright.ledger.verify import ROWS_MAX, Report, verify
from paywright.payments import transfers_store
from paywright.payments import verify as payments

LATER = NOON + timedelta(minutes=1)


async def broken_by(db: Database, *statements: str) -> None:
    """Change what nothing that runs can change: triggers off, in one transaction."""
    async with db.transaction() as tx:
        await tx.execute("set local session_replication_role = replica")
        for statement in statements:
            await tx.execute(statement)


async def some_books(db: Database) -> list[Transfer]:
    """A bank account below zero, two customers, and every kind of movement between them. The
    transfers are also payments."""
    bank = await opened(
        db, code="bank", kind=AccountKind.ASSET, currency="EUR", may_go_negative=True
    )
    ann = await opened(db, code="ann")
    bob = await opened(db, code="bob")
    paid = await moved(
        db,
        a_post(bank, ann, 10_000),
        a_post(ann, bob, 2_500),
        a_post(bob, ann, 300),
        a_post(ann, bank, 15_000 - 10_000),
    )
    first, second, third, _ = await moved(
        db,
        a_hold(ann, bob, 500),
        a_hold(ann, bob, 700),
        a_hold(bob, bank, 100),
        a_hold(ann, bob, 50, expires_in_s=600),
    )
    rest = await moved(
        db,
        an_answer(TransferKind.POST_HOLD, first.id, amount_minor=400),
        an_answer(TransferKind.POST_HOLD, second.id),
        an_answer(TransferKind.RELEASE_HOLD, third.id),
    )
    async with db.transaction() as tx:
        await transfers_store.insert(tx, paid, [NOON for _ in paid])
    return [*paid, *rest]


def failing(report: Report) -> set[str]:
    return {check.name for check in report.checks if check.broken}


async def found(db: Database) -> set[str]:
    return failing(await payments.verify(db, at=LATER))


async def test_sound_books_are_sound(db: Database) -> None:
    await some_books(db)
    report = await payments.verify(db, at=LATER)
    assert report.is_sound
    assert (report.accounts, report.movements, report.holds, report.open_holds) == (3, 11, 4, 1)
    (euro,) = report.currencies
    assert (euro.currency, euro.accounts, euro.debits_posted) == ("EUR", 3, 18_900)
    assert euro.is_balanced
    assert len(report.checks) == 13


async def test_an_empty_ledger_is_sound(db: Database) -> None:
    report = await payments.verify(db, at=LATER)
    assert report.is_sound
    assert (report.accounts, report.movements, report.currencies) == (0, 0, [])


BREAKS: list[tuple[str, set[str], list[str]]] = [
    (
        "money from nowhere",
        {"currency_sums", "account_totals", "last_balances"},
        ["update accounts set credits_posted = credits_posted + 1 where code = 'ann'"],
    ),
    (
        "totals that leave the balance as it is",
        {"account_totals"},
        ["""update accounts set credits_posted = credits_posted + 7,
                                debits_posted = debits_posted + 7 where code = 'ann'"""],
    ),
    (
        "totals too large to be added up",
        {"account_totals"},
        ["alter table accounts drop constraint accounts_stay_positive",
         """update accounts set credits_posted = credits_posted + 9223372036854000000,
                                debits_posted = debits_posted + 9223372036854000000
             where code in ('ann', 'bob')"""],
    ),
    (
        "an account that was negative before it was forbidden",
        {"not_negative"},
        ["alter table accounts drop constraint accounts_stay_positive",
         """update accounts set may_go_negative = false, kind = 'liability' where code = 'bank'""",
         """update ledger_transfers set debit_balance = -debit_balance,
                                        debit_available = -debit_balance
             where debit_account_id = (select id from accounts where code = 'bank')""",
         """update ledger_transfers set credit_balance = -credit_balance,
                                        credit_available = -credit_balance
             where credit_account_id = (select id from accounts where code = 'bank')"""],
    ),
    (
        "an open hold that is not listed",
        {"open_holds"},
        ["delete from open_holds"],
    ),
    (
        "an open hold that is listed with another expiry",
        {"open_holds"},
        ["update open_holds set expires_at = expires_at + interval '1 hour'"],
    ),
    (
        "an open hold that is listed with other accounts",
        {"open_holds"},
        ["""update open_holds set debit_account_id = credit_account_id,
                                  credit_account_id = debit_account_id"""],
    ),
    (
        "a hold that is listed, and resolved",
        {"open_holds"},
        ["""insert into open_holds (id, debit_account_id, credit_account_id)
            select hold_id, debit_account_id, credit_account_id
              from ledger_transfers where kind = 'release_hold'"""],
    ),
    (
        "two holds that were resolved for one another",
        {"holds_resolved"},
        ["drop index ledger_transfers_hold",
         """update ledger_transfers as answer
               set hold_id = (select other.hold_id from ledger_transfers as other
                               where other.kind = 'post_hold' and other.id <> answer.id)
             where kind = 'post_hold'"""],
    ),
    (
        "a hold that is resolved twice",
        {"holds_resolved", "open_holds"},
        ["drop index ledger_transfers_hold",
         """update ledger_transfers set hold_id = (select min(hold_id::text)::uuid
                                                     from ledger_transfers
                                                    where kind = 'post_hold')
             where kind = 'post_hold'"""],
    ),
    (
        "a movement that resolves what is no hold",
        {"holds_resolved", "open_holds"},
        ["""update ledger_transfers
               set hold_id = (select min(id::text)::uuid from ledger_transfers where kind = 'post')
             where kind = 'release_hold'"""],
    ),
    (
        "a movement in another currency than its accounts",
        {"movement_accounts"},
        ["""update ledger_transfers set currency = 'USD' where kind = 'hold' and id in
                (select id from open_holds)"""],
    ),
    (
        "a balance that nobody ever had",
        {"running_balances"},
        ["""update ledger_transfers set credit_balance = credit_balance + 1
             where kind = 'post' and amount_minor = 2500"""],
    ),
    (
        "an amount available that nobody ever had",
        {"running_balances"},
        ["""update ledger_transfers set debit_available = -9223372036854775807
             where kind = 'post' and amount_minor = 2500"""],
    ),
    (
        "two movements at one time",
        {"running_balances"},
        ["""update ledger_transfers set created_at = (select created_at from ledger_transfers
                                                       where amount_minor = 300)
             where amount_minor = 5000"""],
    ),
    (
        "an account that does not know of its last movement",
        {"last_balances"},
        ["update accounts set moved_at = moved_at - interval '1 microsecond' where code = 'ann'"],
    ),
    (
        "a payment of another amount than moved",
        {"payments"},
        ["update payments set amount_minor = 301 where amount_minor = 300"],
    ),
    (
        "a payment of which nothing moved",
        {"payments"},
        ["update payments set id = gen_random_uuid() where amount_minor = 300"],
    ),
    (
        "a payment that was declined, and moved",
        {"payments"},
        ["update payments set status = 'declined' where amount_minor = 300"],
    ),
    (
        "a payment between other accounts",
        {"payments"},
        ["""update payments set debit_account_id = credit_account_id,
                                credit_account_id = debit_account_id where amount_minor = 300"""],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "statements"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS]
)
async def test_what_is_broken_is_named(
    db: Database, checks: set[str], statements: list[str]
) -> None:
    await some_books(db)
    await broken_by(db, *statements)
    assert await found(db) == checks


async def test_a_movement_without_account_is_found(db: Database) -> None:
    await some_books(db)
    nobody = "'01900000-0000-7000-8000-000000000000'"
    await broken_by(db, f"update ledger_transfers set credit_account_id = {nobody} "
                        "where kind = 'post' and amount_minor = 300")  # fmt: skip
    report = await verify(db, at=LATER)
    assert failing(report) == {"movement_accounts", "account_totals", "running_balances"}
    (row,) = next(check.rows for check in report.checks if check.name == "movement_accounts")
    assert row["wrong"] == "there is no such credit account"
    assert row["transfer_id"].startswith("trf_")
    assert row["credit_account_id"].startswith("acc_")


async def test_a_hold_may_wait_a_minute_for_the_sweep(db: Database) -> None:
    hold = (await moved(db, a_hold(await opened(db, may_go_negative=True), await opened(db), 5,
                                   expires_in_s=600)))[0]  # fmt: skip
    assert hold.expires_at is not None
    assert (await verify(db, at=hold.expires_at + timedelta(seconds=60))).is_sound
    late = await verify(db, at=hold.expires_at + timedelta(seconds=61))
    assert failing(late) == {"holds_expired"}


async def test_rows_are_bounded_and_all_are_counted(db: Database) -> None:
    source, target = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, *[a_post(source, target, n + 1) for n in range(ROWS_MAX + 5)])
    await broken_by(db, "update ledger_transfers set currency = 'USD'")
    report = await verify(db, at=LATER)
    (check,) = [it for it in report.checks if it.broken]
    assert (check.broken, len(check.rows)) == (ROWS_MAX + 5, ROWS_MAX)


async def test_payments_are_compared_page_by_page(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "_PAGE", 7)
    source, target = await opened(db, may_go_negative=True), await opened(db)
    paid = await moved(db, *[a_post(source, target, n + 1) for n in range(30)])
    async with db.transaction() as tx:
        await transfers_store.insert(tx, paid, [NOON for _ in paid])
    seen: list[tuple[str, int, int]] = []

    def watch(*told: str | int) -> None:
        seen.append(told)  # type: ignore[arg-type]

    assert (await payments.verify(db, at=LATER, progress=watch)).is_sound
    assert [told for told in seen if told[0] == "payments"] == [
        ("payments", done, 30) for done in (0, 7, 14, 21, 28, 30)
    ]
    await broken_by(db, "update payments set amount_minor = 31 where amount_minor in (3, 29)")
    report = await payments.verify(db, at=LATER)
    rows = next(check.rows for check in report.checks if check.name == "payments")
    assert [row["wrong"] for row in rows] == ["the ledger differs in amount_minor"] * 2
    assert {TransferId.parse(row["transfer_id"]) for row in rows} == {paid[2].id, paid[28].id}
