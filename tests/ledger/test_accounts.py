"""Accounts on a real database: opened once, frozen, closed when empty."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, an_answer, moved, opened

from paywright.core.actor import Permission, PermissionMissing
from paywright.core.ids import AccountId
from paywright.core.page import BadCursor
from paywright.db.pool import Database
from paywright.idempotency import Answer, KeyReused
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.ledger import refusals
from paywright.ledger.model import Account, AccountKind, AccountStatus, TransferKind
from paywright.ledger.open import (
    AccountFieldInvalid,
    CodeTaken,
    OpenAccount,
    Opened,
    UnknownCurrency,
    open_account,
    open_accounts,
)
from paywright.ledger.post import post
from paywright.ledger.status import (
    AccountClosedForGood,
    AccountNotEmpty,
    ReasonMissing,
    close_account,
    freeze_account,
    unfreeze_account,
)
from paywright.ledger.views import Filters, NoSuchAccount, get_account, list_accounts

FROZEN, ACTIVE, CLOSED = AccountStatus.FROZEN, AccountStatus.ACTIVE, AccountStatus.CLOSED


def render(account: Account) -> Answer:
    return Answer(201, str(account.id).encode())


def wanted(**changes: Any) -> OpenAccount:
    fields = {"owner": "cust_042", "currency": "EUR", "kind": AccountKind.LIABILITY}
    return OpenAccount(**fields | changes)


async def open_one(db: Database, key: str = "key-1", **changes: Any) -> Opened:
    return await open_account(db, a_cause(), wanted=wanted(**changes), key=key, render=render)


def id_of(outcome: Opened) -> AccountId:
    return AccountId.parse(outcome.answer.body.decode())


async def events_of(db: Database) -> list[tuple[str, str]]:
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            "select type, subject from events where type ~ '^account' order by sequence"
        )
    return [(row["type"], row["subject"]) for row in rows]


async def test_an_account_is_opened_with_nothing_on_it(db: Database) -> None:
    outcome = await open_one(db, name="Jane's savings", code="savings:jane")
    account = await get_account(db, a_cause(), account_id=id_of(outcome))
    assert (account.owner, account.currency, account.kind) == ("cust_042", "EUR", "liability")
    assert (account.code, account.name) == ("savings:jane", "Jane's savings")
    assert (account.status, account.may_go_negative) == (ACTIVE, False)
    assert account.balances().balance == account.balances().available == 0
    assert account.opened_at == account.moved_at == NOON
    async with db.snapshot() as tx:
        event = await tx.fetchrow("select * from events where type = 'account.opened'")
    assert event["subject"] == str(account.id)
    assert '"status": "active"' in event["after"]
    assert "Jane" not in event["data"]  # the log outlives a request to be forgotten


async def test_the_same_key_opens_one_account(db: Database) -> None:
    outcomes = await asyncio.gather(*(open_one(db, key=f"k{i % 3}") for i in range(24)))
    assert len({id_of(outcome) for outcome in outcomes}) == 3
    assert sum(not outcome.replayed for outcome in outcomes) == 3
    with pytest.raises(KeyReused, match="currency, owner"):
        await open_one(db, key="k0", owner="cust_043", currency="USD")
    assert len(await events_of(db)) == 3


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"currency": "XAU"}, UnknownCurrency),
        ({"currency": "eur"}, UnknownCurrency),
        ({"owner": "a b"}, AccountFieldInvalid),
        ({"owner": "cust_042\n"}, AccountFieldInvalid),
        ({"code": ""}, AccountFieldInvalid),
        ({"code": "x" * 65}, AccountFieldInvalid),
        ({"name": "x" * 201}, AccountFieldInvalid),
        ({"name": "\0"}, AccountFieldInvalid),
    ],
)
async def test_what_cannot_be_an_account_names_its_field(
    db: Database, changes: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        await open_one(db, **changes)
    assert [error.field for error in caught.value.extra["errors"]] == list(changes)
    assert not (await open_one(db)).replayed  # the key stayed free


async def test_of_many_who_want_a_code_one_gets_it(db: Database) -> None:
    outcomes = await asyncio.gather(
        *(open_one(db, key=f"k{i}", code="bank:EUR") for i in range(8)), return_exceptions=True
    )
    assert sum(isinstance(it, Opened) for it in outcomes) == 1
    assert sum(isinstance(it, CodeTaken) for it in outcomes) == 7
    assert len(await events_of(db)) == 1
    loser = next(i for i, it in enumerate(outcomes) if isinstance(it, CodeTaken))
    assert not (await open_one(db, key=f"k{loser}", code="bank:USD")).replayed


async def test_a_list_opens_those_that_are_missing(db: Database) -> None:
    there = await opened(db, code="bank:EUR")
    same_code = an_account(code="bank:EUR")
    fresh = [an_account(code="bank:USD", currency="USD"), an_account(), an_account()]
    async with db.transaction() as tx:
        assert await open_accounts(tx, a_cause(), []) == set()
        ids = await open_accounts(tx, a_cause(), [same_code, there, *fresh])
        assert ids == {account.id for account in fresh}
        assert await open_accounts(tx, a_cause(), fresh) == set()
    assert {subject for _, subject in await events_of(db)} == {str(it.id) for it in fresh}


async def test_a_frozen_account_stands_still_until_it_is_unfrozen(db: Database) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, a_post(bank, jane, 500))
    (hold,) = await moved(db, a_hold(jane, bank, 200))
    frozen = await freeze_account(db, a_cause(), account_id=jane.id, reason="a court order")
    assert frozen == await get_account(db, a_cause(), account_id=jane.id)
    assert (frozen.status, frozen.balances().balance) == (FROZEN, 500)
    for refused in (a_post(bank, jane, 1), a_post(jane, bank, 1), a_hold(jane, bank, 1)):
        (outcome,) = await post(db, a_cause(), [refused])
        assert isinstance(outcome, refusals.AccountFrozen)
    await moved(db, an_answer(TransferKind.RELEASE_HOLD, hold.id))
    await freeze_account(db, a_cause(), account_id=jane.id, reason="once more")
    free = await unfreeze_account(db, a_cause(), account_id=jane.id, reason="lifted")
    assert (free.status, free.balances().available) == (ACTIVE, 500)
    await unfreeze_account(db, a_cause(), account_id=jane.id, reason="once more")
    await moved(db, a_post(jane, bank, 500))
    assert [kind for kind, _ in await events_of(db)] == ["account.frozen", "account.unfrozen"]
    async with db.snapshot() as tx:
        event = await tx.fetchrow("select * from events where type = 'account.frozen'")
    assert (event["before"], event["after"]) == ('{"status": "active"}', '{"status": "frozen"}')
    assert event["data"] == '{"reason": "a court order"}'


async def test_only_an_empty_account_is_closed(db: Database) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)

    async def refused(**figures: int) -> None:
        with pytest.raises(AccountNotEmpty) as caught:
            await close_account(db, a_cause(), account_id=jane.id, reason="moved away")
        assert {key: caught.value.extra[f"{key}_minor"] for key in figures} == figures

    (coming,) = await moved(db, a_hold(bank, jane, 70))
    await refused(balance=0, debits_pending=0, credits_pending=70)
    await moved(db, an_answer(TransferKind.POST_HOLD, coming.id))
    await refused(balance=70, debits_pending=0, credits_pending=0)
    (leaving,) = await moved(db, a_hold(jane, bank, 70))
    await refused(balance=70, debits_pending=70, credits_pending=0)
    await moved(db, an_answer(TransferKind.POST_HOLD, leaving.id))
    closed = await close_account(db, a_cause(), account_id=jane.id, reason="moved away")
    assert closed.status is CLOSED
    assert (await get_account(db, a_cause(), account_id=jane.id)).status is CLOSED
    assert await close_account(db, a_cause(), account_id=jane.id, reason="again") == closed
    assert [kind for kind, _ in await events_of(db)] == ["account.closed"]
    (outcome,) = await post(db, a_cause(), [a_post(bank, jane, 1)])
    assert isinstance(outcome, refusals.AccountClosed)


@pytest.mark.parametrize("change", [freeze_account, unfreeze_account])
async def test_a_closed_account_stays_closed(db: Database, change: Any) -> None:
    account = await opened(db)
    await close_account(db, a_cause(), account_id=account.id, reason="moved away")
    with pytest.raises(AccountClosedForGood):
        await change(db, a_cause(), account_id=account.id, reason="a mistake")


async def test_a_frozen_account_that_is_empty_may_be_closed(db: Database) -> None:
    account = await opened(db)
    await freeze_account(db, a_cause(), account_id=account.id, reason="fraud")
    await close_account(db, a_cause(), account_id=account.id, reason="fraud, too")
    async with db.snapshot() as tx:
        event = await tx.fetchrow("select * from events where type = 'account.closed'")
    assert event["before"] == '{"status": "frozen"}'


async def test_a_hold_whose_time_is_over_does_not_keep_an_account_open(db: Database) -> None:
    bank, jane = await opened(db, may_go_negative=True), await opened(db)
    await moved(db, a_hold(bank, jane, 70, expires_in_s=60))
    with pytest.raises(AccountNotEmpty):
        await close_account(db, a_cause(), account_id=jane.id, reason="moved away")
    later = a_cause(at=NOON + timedelta(seconds=61))
    closed = await close_account(db, later, account_id=jane.id, reason="moved away")
    assert closed.status is CLOSED


async def test_money_that_comes_at_the_moment_of_closing_is_not_lost(db: Database) -> None:
    bank = await opened(db, may_go_negative=True)
    accounts = [await opened(db) for _ in range(12)]

    async def pay(account: Account) -> Any:
        return (await post(db, a_cause(), [a_post(bank, account, 1)]))[0]

    closing = [
        close_account(db, a_cause(), account_id=account.id, reason="race") for account in accounts
    ]
    outcomes = await asyncio.gather(*closing, *map(pay, accounts), return_exceptions=True)
    for account, closed, paid in zip(accounts, outcomes[:12], outcomes[12:], strict=True):
        found = await get_account(db, a_cause(), account_id=account.id)
        if isinstance(closed, AccountNotEmpty):
            assert (found.status, found.balances().balance) == (ACTIVE, 1)
        else:
            assert (found.status, found.balances().balance) == (CLOSED, 0)
            assert isinstance(paid, refusals.AccountClosed)


@pytest.mark.parametrize("change", [freeze_account, unfreeze_account, close_account])
async def test_a_change_needs_an_account_a_reason_and_a_permission(
    db: Database, change: Any
) -> None:
    nobody = AccountId.new(NOON)
    with pytest.raises(NoSuchAccount):
        await change(db, a_cause(), account_id=nobody, reason="why not")
    account = await opened(db)
    with pytest.raises(ReasonMissing):
        await change(db, a_cause(), account_id=account.id, reason=" \n")
    for role in Role:
        if Permission.MANAGE_ACCOUNTS not in PERMISSIONS[role]:
            with pytest.raises(PermissionMissing):
                await change(db, a_cause(role), account_id=account.id, reason="why not")


async def test_lists_filter_and_page(db: Database) -> None:
    async def codes(limit: int = 50, cursor: str | None = None, **filters: Any) -> list[str | None]:
        page = await list_accounts(
            db, a_cause(), filters=Filters(**filters), cursor=cursor, limit=limit
        )
        found = [account.code for account in page.items]
        if page.next_cursor is not None:
            found += await codes(limit, page.next_cursor, **filters)
        return found

    made = [
        an_account(code=f"a{i}", opened_at=NOON + timedelta(seconds=i), **changes)
        for i, changes in enumerate(
            [
                {},
                {"currency": "USD"},
                {"owner": "house"},
                {"owner": "house", "kind": AccountKind.ASSET},
                {"status": FROZEN},
            ]
        )
    ]
    async with db.transaction() as tx:
        await open_accounts(tx, a_cause(), made)
    everyone = ["a4", "a3", "a2", "a1", "a0"]
    assert await codes() == everyone
    for limit in (1, 2, 5):
        assert await codes(limit) == everyone
    assert await codes(1, owner="house") == ["a3", "a2"]
    assert await codes(currency="USD") == ["a1"]
    assert await codes(kind=AccountKind.ASSET) == ["a3"]
    assert await codes(status=FROZEN) == ["a4"]
    assert await codes(code="a2") == ["a2"]
    assert await codes(owner="nobody") == []
    with pytest.raises(BadCursor):
        await codes(cursor="!")
    with pytest.raises(NoSuchAccount):
        await get_account(db, a_cause(), account_id=AccountId.new(NOON))


async def test_what_is_read_is_what_was_opened(db: Database) -> None:
    account = await opened(db, code="x", may_go_negative=True, kind=AccountKind.EXPENSE)
    found = await get_account(db, a_cause(Role.VIEWER), account_id=account.id)
    assert msgspec.structs.asdict(found) == msgspec.structs.asdict(account)
