"""Statements on a real database: every entry once, in order, with the balance after it."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery
from tests.builders import NOON, a_cause, an_actor
from tests.ledger.building import a_hold, a_post, an_account, an_answer, moved, opened

from paywright.core.actor import Permission, PermissionMissing
from paywright.core.ids import AccountId, TransferId
from paywright.core.page import BadCursor, encode_cursor
from paywright.db.pool import Database, Tx
from paywright.identity.permissions import Role
from paywright.ledger import accounts_store, statement_store
from paywright.ledger.model import Account, AccountKind, Instruction, Transfer, TransferKind
from paywright.ledger.post import post
from paywright.ledger.statement import (
    CSV_COLUMNS,
    Entry,
    RangeInvalid,
    Statement,
    statement,
    statement_csv,
    whole_statement,
)
from paywright.ledger.views import NoSuchAccount, get_account

POSTS = (TransferKind.POST, TransferKind.POST_HOLD)
SECOND = timedelta(seconds=1)


async def read(db: Database, account: Account, **changes: Any) -> Statement:
    found = await statement(db, a_cause(), account_id=account.id, **{"limit": 10_000} | changes)
    assert found.next_cursor is None or "limit" in changes
    return found


async def a_history(db: Database, *, seed: int = 7, steps: int = 160) -> list[Account]:
    """Accounts of every kind between which money was moved and held, by the dice of `seed`."""
    dice = Random(seed)
    accounts = [await opened(db, kind=kind, may_go_negative=True) for kind in AccountKind]
    accounts.append(await opened(db))
    holds: list[TransferId] = []
    for step in range(steps):
        at = NOON + step // 5 * SECOND  # several in one instant
        debit, credit = dice.sample(accounts, 2)
        asked: Instruction
        if holds and dice.random() < 0.3:
            hold = holds.pop(dice.randrange(len(holds)))
            kind = dice.choice([TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD])
            part = 1 if kind is TransferKind.POST_HOLD and dice.random() < 0.5 else None
            asked = an_answer(kind, hold, at=at, amount_minor=part)
        elif dice.random() < 0.5:
            asked = a_hold(debit, credit, dice.randrange(1, 90), at=at)
        else:
            asked = a_post(debit, credit, dice.randrange(1, 90), at=at, description=f"no. {step}")
        (outcome,) = await post(db, a_cause(), [asked])
        if isinstance(outcome, Transfer) and outcome.kind is TransferKind.HOLD:
            holds.append(outcome.id)
    return accounts


async def test_every_balance_is_the_sum_of_the_changes_before_it(db: Database) -> None:
    for account in await a_history(db):
        for with_holds in (False, True):
            found = await read(db, account, with_holds=with_holds)
            assert len(found.entries) > 15
            balance = 0
            for entry in found.entries:
                balance += entry.change
                assert entry.balance == balance
                assert entry.available <= entry.balance
                assert (entry.change != 0) == (entry.kind in POSTS)
                assert abs(entry.change) in (0, entry.amount)
            now = await get_account(db, a_cause(), account_id=account.id)
            assert (found.opening_balance, found.closing_balance) == (0, balance)
            assert balance == now.balances().balance
            assert found.account == now
            times = [entry.created_at for entry in found.entries]
            assert times == sorted(set(times))
        assert found.entries[-1].available == now.balances().available


async def test_opening_and_changes_make_closing_wherever_the_range_is_cut(db: Database) -> None:
    account = (await a_history(db, steps=60))[-1]
    whole = await read(db, account, with_holds=True)
    times = [entry.created_at for entry in whole.entries]
    cuts = sorted({*times, *(time + timedelta(microseconds=1) for time in times), NOON - SECOND})
    for cut in cuts:
        first = await read(db, account, until=cut, with_holds=True)
        rest = await read(db, account, since=cut, with_holds=True)
        assert [*first.entries, *rest.entries] == list(whole.entries)
        assert first.opening_balance + sum(it.change for it in first.entries) == (
            first.closing_balance
        )
        assert first.closing_balance == rest.opening_balance
        assert rest.opening_balance + sum(it.change for it in rest.entries) == (
            whole.closing_balance
        )
        assert all(entry.created_at < cut for entry in first.entries)
        assert all(entry.created_at >= cut for entry in rest.entries)
        nothing = await read(db, account, since=cut, until=cut)
        assert nothing.entries == []
        assert nothing.opening_balance == nothing.closing_balance == rest.opening_balance


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
@pytest.mark.parametrize("with_holds", [False, True])
async def test_pages_make_the_whole(db: Database, limit: int, with_holds: bool) -> None:
    account = (await a_history(db, steps=80))[1]
    times = [entry.created_at for entry in (await read(db, account)).entries]
    ranges: list[dict[str, Any]] = [{}, {"since": times[3], "until": times[-2]}]
    for bounds in ranges:
        whole = await read(db, account, with_holds=with_holds, **bounds)
        entries: list[Entry] = []
        cursor = None
        while True:
            page = await read(
                db, account, with_holds=with_holds, limit=limit, cursor=cursor, **bounds
            )
            assert (page.opening_balance, page.closing_balance) == (
                whole.opening_balance,
                whole.closing_balance,
            )
            entries += page.entries
            cursor = page.next_cursor
            if cursor is None:
                break
            assert len(page.entries) == limit
        assert entries == whole.entries
        streamed = [
            page
            async for page in whole_statement(
                db, a_cause(), account_id=account.id, with_holds=with_holds, page_size=limit,
                **bounds,
            )
        ]  # fmt: skip
        assert [entry for page in streamed for entry in page.entries] == entries


async def test_only_what_changes_the_balance_is_told_unless_holds_are_asked_for(
    db: Database,
) -> None:
    bank = await opened(db, kind=AccountKind.ASSET)
    jane = await opened(db)
    (paid_in,) = await moved(db, a_post(bank, jane, 1000, description="wages"))
    (hold,) = await moved(db, a_hold(jane, bank, 300))
    (part,) = await moved(db, an_answer(TransferKind.POST_HOLD, hold.id, amount_minor=250))
    (other,) = await moved(db, a_hold(jane, bank, 100))
    (back,) = await moved(db, an_answer(TransferKind.RELEASE_HOLD, other.id))

    def told(entries: Any) -> list[tuple[object, ...]]:
        return [
            (it.transfer_id, it.side, it.amount, it.change, it.balance, it.available, it.hold_id)
            for it in entries
        ]

    assert told((await read(db, jane)).entries) == [
        (paid_in.id, "credit", 1000, 1000, 1000, 1000, None),
        (part.id, "debit", 250, -250, 750, 750, hold.id),
    ]
    whole = await read(db, jane, with_holds=True)
    assert told(whole.entries) == [
        (paid_in.id, "credit", 1000, 1000, 1000, 1000, None),
        (hold.id, "debit", 300, 0, 1000, 700, None),
        (part.id, "debit", 250, -250, 750, 750, hold.id),
        (other.id, "debit", 100, 0, 750, 650, None),
        (back.id, "debit", 100, 0, 750, 750, other.id),
    ]
    kinds = [entry.kind.value for entry in whole.entries]
    assert kinds == ["post", "hold", "post_hold", "hold", "release_hold"]
    assert whole.entries[0].description == "wages"
    assert {entry.counterparty_account_id for entry in whole.entries} == {bank.id}
    # The bank's money is an asset: it grows by debits.
    assert told((await read(db, bank)).entries) == [
        (paid_in.id, "debit", 1000, 1000, 1000, 1000, None),
        (part.id, "credit", 250, -250, 750, 750, hold.id),
    ]


async def test_an_account_without_entries_has_a_statement(db: Database) -> None:
    account = await opened(db)
    found = await read(db, account, since=NOON, until=NOON + SECOND)
    assert (found.opening_balance, found.closing_balance) == (0, 0)
    assert found.entries == []
    assert len([page async for page in pages_of(db, account)]) == 1


async def test_what_makes_no_sense_is_refused(db: Database) -> None:
    account = await opened(db)
    with pytest.raises(NoSuchAccount):
        await statement(db, a_cause(), account_id=AccountId.new(NOON))
    with pytest.raises(RangeInvalid) as caught:
        await read(db, account, since=NOON, until=NOON - SECOND)
    assert caught.value.extra["errors"][0].field == "since"
    for text in ("", "x", "1e9", "9" * 30, "-" + "9" * 30, "1.5"):
        with pytest.raises(BadCursor):
            await read(db, account, cursor=encode_cursor(text))
    everything_else = an_actor(*set(Permission) - {Permission.READ_LEDGER})
    with pytest.raises(PermissionMissing):
        await statement(db, a_cause(actor=everything_else), account_id=account.id)
    with pytest.raises(PermissionMissing):
        await anext(whole_statement(db, a_cause(actor=everything_else), account_id=account.id))
    assert (await statement(db, a_cause(Role.VIEWER), account_id=account.id)).entries == []


async def test_bounds_may_lie_at_the_ends_of_time(db: Database) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, a_post(bank, jane, 5))
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    found = await read(db, jane, since=first, until=last)
    assert (found.opening_balance, found.closing_balance, len(found.entries)) == (0, 5, 1)
    assert (await read(db, jane, since=last)).opening_balance == 5


def pages_of(db: Database, account: Account, **changes: Any) -> AsyncGenerator[Statement]:
    fields = {"with_holds": True, "page_size": 3} | changes
    return whole_statement(db, a_cause(), account_id=account.id, **fields)


@pytest.mark.parametrize("until", [None, NOON + SECOND, NOON + timedelta(microseconds=4)])
async def test_a_whole_statement_is_that_of_one_moment(
    db: Database, until: datetime | None
) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)
    for _ in range(10):
        await moved(db, a_post(bank, jane, 1))
    at_first = await read(db, jane, until=until)
    entries: list[Entry] = []
    async for page in pages_of(db, jane, until=until):
        entries += page.entries
        assert page.closing_balance == at_first.closing_balance
        assert page.account.balances().balance == 10
        await moved(db, *(a_post(bank, jane, 1) for _ in range(5)))  # meanwhile
    assert entries == at_first.entries
    assert entries[-1].balance == at_first.closing_balance
    assert (await read(db, jane)).closing_balance > 10


async def test_whoever_reads_a_statement_slowly_holds_nothing(db: Database) -> None:
    account = (await a_history(db, steps=30))[0]
    readers = [statement_csv(pages_of(db, account)) for _ in range(25)]  # the pool has ten
    for lines in readers:
        assert await anext(lines)
    assert db.pool.get_idle_size() == db.pool.get_size()


async def csv_of(db: Database, account: Account) -> tuple[str, list[dict[str, str]]]:
    text = "".join([lines async for lines in statement_csv(pages_of(db, account))])
    return text, list(csv.DictReader(io.StringIO(text, newline="")))


async def test_csv_says_what_the_entries_say(db: Database) -> None:
    account = (await a_history(db))[-1]
    text, rows = await csv_of(db, account)
    entries = (await read(db, account, with_holds=True)).entries
    assert text.startswith(",".join(CSV_COLUMNS) + "\r\n")
    assert text.count("\r\n") == len(entries) + 1
    assert len(rows) == len(entries) > 30
    for row, entry in zip(rows, entries, strict=True):
        assert datetime.fromisoformat(row["created_at"]) == entry.created_at
        for name in ("transfer_id", "kind", "side", "counterparty_account_id"):
            assert row[name] == str(getattr(entry, name))
        assert row["hold_id"] == ("" if entry.hold_id is None else str(entry.hold_id))
        assert row["description"] == (entry.description or "")
        assert row["currency"] == "EUR"
        for name in ("amount", "change", "balance", "available"):
            minor = getattr(entry, name)
            assert int(row[f"{name}_minor"]) == minor
            assert row[name] == f"{'-' * (minor < 0)}{abs(minor) // 100}.{abs(minor) % 100:02}"


@pytest.mark.parametrize(
    ("currency", "decimal"), [("JPY", "-1234567"), ("KWD", "-1234.567"), ("CLF", "-123.4567")]
)
async def test_csv_writes_decimals_as_the_currency_does(
    db: Database, currency: str, decimal: str
) -> None:
    bank = await opened(db, may_go_negative=True, currency=currency)
    await moved(db, a_post(bank, await opened(db, currency=currency), 1_234_567))
    _, (row,) = await csv_of(db, bank)
    assert (row["change_minor"], row["change"]) == ("-1234567", decimal)


async def test_csv_carries_any_text_and_runs_none_of_it(db: Database) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)
    harmless = ["plain", 'a "quoted", text', "two\r\nlines", "a=b", "Zoë €", "'quoted'", " "]
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|"/c calc"!A0']
    for text in harmless + formulas:
        await moved(db, a_post(bank, jane, 1, description=text))
    _, rows = await csv_of(db, jane)
    assert [row["description"] for row in rows] == harmless + [f"'{text}" for text in formulas]


ROWS = 40_000


async def fill(db: Database, account: Account, *, analyzed: bool) -> None:
    """A long history of one account, among those of others."""
    others = [AccountId.new(NOON) for _ in range(50)]
    dice = Random(3)
    records = []
    for i in range(ROWS):
        pair = dice.sample(others, 2)
        if i % 2:
            pair[i // 2 % 2] = account.id
        records.append(
            (TransferId.new(NOON), NOON + i * SECOND, *pair, 1, 0, 0, 0, 0, 0, "post", "EUR")
        )
    async with db.transaction() as tx:
        await tx.copy_records_to_table(
            "ledger_transfers",
            records=records,
            columns=["id", "created_at", "debit_account_id", "credit_account_id", "amount_minor",
                     "held_minor", "debit_balance", "debit_available", "credit_balance",
                     "credit_available", "kind", "currency"],
        )  # fmt: skip
        if analyzed:
            await tx.execute("analyze ledger_transfers")


async def plan_of(tx: Tx, asked: LoggedQuery) -> list[dict[str, Any]]:
    """The nodes of the plan by which a query ran."""
    text = await tx.fetchval(f"explain (analyze, format json) {asked.query}", *asked.args)
    nodes = [json.loads(text)[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


@pytest.mark.parametrize("analyzed", [True, False])
async def test_a_long_history_is_read_by_its_indexes_and_only_as_far_as_asked(
    db: Database, analyzed: bool
) -> None:
    account = an_account()
    async with db.transaction() as tx:
        await accounts_store.insert(tx, [account])
    await fill(db, account, analyzed=analyzed)
    middle = NOON + ROWS // 2 * SECOND
    ranges = [(None, None), (middle, None), (None, middle), (middle, middle + 9000 * SECOND)]
    for since, until in ranges:
        seen: list[LoggedQuery] = []
        async with db.snapshot() as tx:
            with tx.query_logger(seen.append):
                entries = await statement_store.entries(
                    tx, account, since=since, until=until, with_holds=False, limit=51
                )
                await statement_store.balance_before(tx, account.id, until)
                await asyncio.sleep(0)  # the driver tells a moment later
            assert len(entries) == 51
            asked = [it for it in seen if "ledger_transfers" in it.query]
            assert len(asked) == 2
            for query in asked:
                nodes = await plan_of(tx, query)
                kinds = {node["Node Type"] for node in nodes}
                assert not kinds & {"Seq Scan", "Bitmap Heap Scan"}, kinds
                assert max(node["Actual Rows"] for node in nodes) <= 102
                assert not any(node.get("Rows Removed by Filter", 0) > 0 for node in nodes)
