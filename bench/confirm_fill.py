"""What confirming a transfer needs on file: customers who are known, verified and screened, a
sanctions list, somebody who can sign in, and accounts. All of it is invented."""

import asyncio
import csv
import io
import random
from datetime import timedelta

from bench.ledger_workload import ACCOUNTS, CURRENCY, account_id
from bench.stack import BenchFailed
from paywright.core.cause import Cause
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger import accounts_store
from paywright.ledger.model import HOUSE, Account, AccountKind
from paywright.screening.load import load_list
from paywright.screening.records import ScreeningStatus
from paywright.screening.screen import screen_customers
from paywright.wiring import App

CUSTOMERS = 500
ENTRIES = 20_000
EMAIL = "cashier@example.com"
PASSWORD = "a till that closes by itself"
_SEED = 20_260_102
_PART = 100  # customers screened in one transaction
# Customers and those on the list sound unlike, so that nobody is taken for somebody else.
_CUSTOMERS_SOUND = ("al", "en", "io", "ui", "ea", "lo", "na", "mi", "li", "nu", "wa", "yo")
_LISTED_SOUND = ("grakt", "drosk", "tvek", "zpor", "xurd", "brox", "vrat", "kost", "pekr", "dzug")


async def fill(app: App, cause: Cause) -> None:
    """For the template. Raises BenchFailed when a customer is not clear: payments would stop."""
    await create_user(
        app.db,
        app.identity,
        cause,
        email=EMAIL,
        name="Cashier",
        role=Role.OPERATOR,
        password=PASSWORD,
    )
    people = customers(cause)
    await asyncio.gather(*(_on_file(app, cause, person) for person in people))
    await load_list(app.db, cause, source=sanctions_list(), name="bench")
    ids = [person.id for person in people]
    for start in range(0, CUSTOMERS, _PART):
        part = ids[start : start + _PART]
        found = await screen_customers(app.db, app.keys, app.screener, cause, part)
        if len(found) < len(part) or any(
            it.status is not ScreeningStatus.CLEAR for it in found.values()
        ):
            raise BenchFailed("an invented customer is like an invented entry of the list")
    await app.db.pool.execute("vacuum analyze")


async def _on_file(app: App, cause: Cause, person: Customer) -> None:
    await register_customer(app.db, app.keys, cause, customer=person)
    await decide_by_hand(
        app.db,
        app.keys,
        cause,
        customer_id=person.id,
        status=KycStatus.VERIFIED,
        reason="invented",
    )


def customers(cause: Cause) -> list[Customer]:
    dice = random.Random(_SEED)
    return [
        Customer(
            id=_customer_id(number),
            name=f"{_word(dice, _CUSTOMERS_SOUND)} {_word(dice, _CUSTOMERS_SOUND)}",
            email=f"customer{number}@example.com",
            country="DE",
            customer_since=cause.at - timedelta(days=400),
        )
        for number in range(CUSTOMERS)
    ]


def sanctions_list() -> bytes:
    """As a CSV of one's own."""
    dice = random.Random(_SEED + 1)
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerow(("id", "name", "kind", "country"))
    for number in range(ENTRIES):
        words = (_word(dice, _LISTED_SOUND) for _ in range(dice.choice((2, 2, 3))))
        table.writerow((f"B-{number:05}", " ".join(words), "person", dice.choice(("by", "kp"))))
    return lines.getvalue().encode()


async def open_accounts(db: Database, cause: Cause, *, of_customers: bool) -> None:
    """So many as the workload moves money between, of the customers in turn or of the house.

    They may go negative, so that nothing has to be paid in first.
    """
    accounts = [
        Account(
            id=account_id(number),
            owner=_customer_id(number % CUSTOMERS) if of_customers else HOUSE,
            name=f"Account {number}",
            currency=CURRENCY,
            kind=AccountKind.LIABILITY,
            may_go_negative=True,
            opened_at=cause.at,
            moved_at=cause.at,
        )
        for number in range(ACCOUNTS)
    ]
    async with db.transaction() as tx:
        await accounts_store.insert(tx, accounts)
    await db.pool.execute("vacuum analyze accounts")


def _customer_id(number: int) -> str:
    return f"cust_{number:05}"


def _word(dice: random.Random, sounds: tuple[str, ...]) -> str:
    return "".join(dice.choice(sounds) for _ in range(dice.choice((2, 3, 3)))).capitalize()
