"""The specifications of Numscript, as far as they are about a ledger.

Their scripts are not run here. What a script comes to (its postings, from given balances) goes
through this ledger as one chain, and shares are compared with how money is split here. The file
stands beside the project, not in it; without it these tests are skipped.
"""

import json
import re
from collections import Counter
from fractions import Fraction
from functools import cache
from math import lcm
from pathlib import Path
from typing import Any

import pytest
from tests.builders import a_cause
from tests.ledger.building import a_post, opened

from paywright.core.ids import AccountId
from paywright.core.money import MINOR_MAX, Money
from paywright.db.pool import Database
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, Instruction, Transfer
from paywright.ledger.post import post
from paywright.ledger.refusals import Refused

FILE = Path(__file__).parents[2].parent / "shared/testdata/09_ledger/numscript_specs.json"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not beside the project")

CURRENCIES = ("EUR", "USD", "GBP", "CHF")
REPLAYED, SPLIT = 61, 7  # of 80 cases, at least

# An account of theirs: its name, its asset and its colour.
Key = tuple[str, str, str]


@cache
def _cases() -> list[tuple[str, dict[str, Any]]]:
    """Each case with its script, variables filled in."""
    cases = []
    for spec in json.loads(FILE.read_text()):
        for case in spec["spec"]["testCases"]:
            script = spec["script"]
            for name, value in case.get("variables", {}).items():
                written = f"@{value}" if re.search(rf"account \${name}\b", script) else str(value)
                script = re.sub(rf"\${name}\b", written, script)
            cases.append((script, case))
    return cases


def _key(it: dict[str, Any], name: str) -> Key:
    return it[name], it["asset"], it.get("color", "")


# --- postings ----------------------------------------------------------------------------------


async def test_their_postings_come_to_the_same_balances_here(db: Database) -> None:
    replayed = 0
    for _, case in _cases():
        if case.get("expect.postings"):
            await _replay(db, case)
            replayed += 1
    assert replayed >= REPLAYED


async def _replay(db: Database, case: dict[str, Any]) -> None:
    balances = {_key(it, "account"): it["amount"] for it in case.get("balances", [])}
    postings = case["expect.postings"]
    accounts, after = await _opened(db, balances, postings)
    chain = [
        a_post(accounts[_key(it, "source")], accounts[_key(it, "destination")], it["amount"])
        for it in postings
    ]
    linked = [_linked(it) for it in chain[:-1]] + chain[-1:]
    outcomes = await post(db, a_cause(), linked)
    if max(it["amount"] for it in postings) > MINOR_MAX:  # their integers have no end
        assert [_result(it) for it in outcomes] == ["amount_invalid"]
        return
    assert [_result(it) for it in outcomes] == ["moved"] * len(postings)
    found = await _balances(db, accounts)
    assert found == after
    for it in case.get("expect.endBalances", []):
        assert found[_key(it, "account")] == it["amount"]
    await _nothing_more_can_be_spent(db, accounts, found)


async def _opened(
    db: Database, balances: dict[Key, int], postings: list[dict[str, Any]]
) -> tuple[dict[Key, Account], Counter[Key]]:
    """Their accounts with what they had, and what they will have. Only those that must may go
    negative."""
    after: Counter[Key] = Counter(balances)
    overdrawn = {key for key, balance in balances.items() if balance < 0}
    for it in postings:
        source, destination = _key(it, "source"), _key(it, "destination")
        after[source] -= it["amount"]
        after[destination] += it["amount"]
        if after[source] < 0:
            overdrawn.add(source)
    assets = sorted({asset for _, asset, _ in after})
    accounts: dict[Key, Account] = {}
    for key in after:
        currency = CURRENCIES[assets.index(key[1])]
        account = await opened(db, name=key[0], currency=currency, may_go_negative=key in overdrawn)
        accounts[key] = account
        if balance := balances.get(key, 0):
            world = await opened(db, currency=currency, may_go_negative=True)
            pair = (world, account) if balance > 0 else (account, world)
            (outcome,) = await post(db, a_cause(), [a_post(*pair, abs(balance))])
            assert _result(outcome) == "moved"
    return accounts, after


async def _nothing_more_can_be_spent(
    db: Database, accounts: dict[Key, Account], found: dict[Key, int]
) -> None:
    for key, account in accounts.items():
        world = await opened(db, currency=account.currency, may_go_negative=True)
        more = a_post(account, world, max(found[key], 0) + 1)
        (outcome,) = await post(db, a_cause(), [more])
        expected = "moved" if account.may_go_negative else "exceeds_available"
        assert _result(outcome) == expected


async def _balances(db: Database, accounts: dict[Key, Account]) -> dict[Key, int]:
    async with db.transaction() as tx:
        ids: list[AccountId] = [it.id for it in accounts.values()]
        on_file = await accounts_store.select(tx, ids)
    return {key: on_file[it.id].balances().balance for key, it in accounts.items()}


def _linked(instruction: Instruction) -> Instruction:
    fields = {name: getattr(instruction, name) for name in instruction.__struct_fields__}
    return Instruction(**fields | {"linked": True})


def _result(outcome: object) -> str:
    if isinstance(outcome, Transfer):
        return "moved"
    assert isinstance(outcome, Refused), outcome
    return outcome.result


# --- shares ------------------------------------------------------------------------------------

_SEND = re.compile(
    r"^send \[\S+ ([\d_]+|\*)\] \(.*?destination = \{\n(.*?)\n\s*\}\s*\)\s*$", re.S | re.M
)
_SHARE = re.compile(r"\s*(?:([\d.]+)%|(\d+)/(\d+)|(remaining)) (?:to @(\S+)|kept)")


def test_their_shares_are_split_the_same_way_here() -> None:
    """Earlier shares take what cannot be divided, in both."""
    split = 0
    for script, case in _cases():
        if (shares := _shares(script)) is None or not case.get("expect.postings"):
            continue
        amount, weights, names = shares
        if amount is None:
            (balance,) = case["balances"]
            amount = balance["amount"]
        parts = Money(amount, "EUR").split(weights)
        ours = {name: part.minor for name, part in zip(names, parts, strict=True) if name}
        theirs: Counter[str] = Counter()
        for it in case["expect.postings"]:
            theirs[it["destination"]] += it["amount"]
        assert {name: minor for name, minor in ours.items() if minor} == dict(theirs), script
        split += 1
    assert split >= SPLIT


def _shares(script: str) -> tuple[int | None, list[int], list[str | None]] | None:
    """What a script sends (None: all there is), the weights and the names of the shares; None
    when it does anything but divide an amount."""
    sends = _SEND.findall(script)
    if len(sends) != 1 or script.count("send ") != 1:
        return None
    amount, body = sends[0]
    matches = [_SHARE.fullmatch(line) for line in body.split("\n")]
    portions: list[Fraction | None] = []
    names: list[str | None] = []
    for match in matches:
        if match is None:
            return None
        percent, above, below, _, name = match.groups()
        if percent:
            portions.append(Fraction(percent) / 100)
        else:
            portions.append(Fraction(int(above), int(below)) if above else None)
        names.append(name)
    rest = 1 - sum(it for it in portions if it is not None)
    whole = [rest if it is None else it for it in portions]
    unit = lcm(*[it.denominator for it in whole])
    number = None if amount == "*" else int(amount)
    if number is not None and number > MINOR_MAX:
        return None
    return number, [int(it * unit) for it in whole], names
