"""The chart of accounts: pure, and opened once."""

import re

import pytest
from tests.builders import a_cause
from tests.ledger.building import a_post, moved, opened

from paywright.core.errors import Problem
from paywright.db.pool import Database
from paywright.events import history
from paywright.identity.permissions import Role
from paywright.ledger import accounts_store
from paywright.ledger.chart import ROWS, chart, ensure_chart
from paywright.ledger.model import HOUSE, AccountKind


def test_a_chart_has_each_account_of_each_currency_once() -> None:
    accounts = chart(["EUR", "JPY", "EUR"], ["stripe", "adyen"], ["partner_bank"])
    codes = [account.code for account in accounts]
    assert len(codes) == len(set(codes)) == 2 * (len(ROWS) + 2)
    assert {"provider:adyen:receivable:JPY", "bank:partner_bank:EUR", "fees:income:EUR"} <= set(
        codes
    )
    assert all(account.code.endswith(f":{account.currency}") for account in accounts)
    assert all(re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", code) for code in codes)


def test_a_chart_without_providers_has_none() -> None:
    assert not [it for it in chart(["EUR"]) if it.code.startswith(("provider:", "bank:"))]


def test_the_longest_names_still_fit() -> None:
    accounts = chart(["EUR"], ["p" * 24], ["b" * 24])
    assert max(len(account.code) for account in accounts) <= 64


@pytest.mark.parametrize(
    ("currencies", "providers", "field"),
    [(["EUR"], ["a:b"], "provider"), (["EUR"], [""], "provider"), (["XXX"], [], "currency")],
)
def test_what_does_not_fit_into_a_code_is_refused(
    currencies: list[str], providers: list[str], field: str
) -> None:
    with pytest.raises(Problem, match=f"^{field}: "):
        chart(currencies, providers)


async def test_a_chart_is_opened_once(db: Database) -> None:
    wanted = chart(["EUR"], ["stripe"], ["partner_bank"])
    first = await ensure_chart(db, a_cause(), accounts=wanted)
    assert first.opened == [account.code for account in wanted]
    again = await ensure_chart(db, a_cause(), accounts=wanted)
    assert (again.opened, again.kept, again.differ) == ([], first.opened, {})
    more = await ensure_chart(db, a_cause(), accounts=chart(["EUR"], ["stripe", "adyen"]))
    assert more.opened == ["provider:adyen:receivable:EUR", "provider:adyen:fees:EUR"]
    async with db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, ["vendors:payable:EUR"])
        (account,) = (await accounts_store.select(tx, list(ids.values()))).values()
        (event,) = await history(tx, str(account.id))
    assert (account.owner, account.kind) == (HOUSE, AccountKind.LIABILITY)
    assert not account.may_go_negative
    assert event.type == "account.opened"


async def test_an_account_that_is_there_otherwise_is_left_alone_and_named(db: Database) -> None:
    before = await opened(db, code="suspense:EUR", kind=AccountKind.ASSET, owner=HOUSE)
    found = await ensure_chart(db, a_cause(), accounts=chart(["EUR"]))
    assert found.differ == {"suspense:EUR": ["kind", "may_go_negative"]}
    assert "suspense:EUR" not in [*found.opened, *found.kept]
    async with db.snapshot() as tx:
        assert (await accounts_store.select(tx, [before.id]))[before.id] == before


async def test_money_can_flow_through_the_chart(db: Database) -> None:
    await ensure_chart(db, a_cause(), accounts=chart(["EUR"], ["stripe"], ["partner_bank"]))
    async with db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(
            tx, ["provider:stripe:receivable:EUR", "bank:partner_bank:EUR", "fees:income:EUR"]
        )
        accounts = await accounts_store.select(tx, list(ids.values()))
    owed, bank, fees = [accounts[ids[code]] for code in (
        "provider:stripe:receivable:EUR", "bank:partner_bank:EUR", "fees:income:EUR")]  # fmt: skip
    ann = await opened(db)
    last = (await moved(
        db,
        a_post(owed, ann, 1_000),  # a customer paid by card
        a_post(ann, fees, 30),
        a_post(bank, owed, 1_000),  # the provider settled
    ))[-1]  # fmt: skip
    assert (last.debit.balance, last.credit.balance) == (1_000, 0)


async def test_opening_a_chart_takes_a_permission(db: Database) -> None:
    with pytest.raises(Problem, match="accounts:manage"):
        await ensure_chart(db, a_cause(Role.VIEWER), accounts=chart(["EUR"]))
