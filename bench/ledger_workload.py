"""Invented accounts and transfers between them: many, always the same ones."""

import random
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.api.movement_requests import TransferRequest, transfer_order
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.ledger import accounts_store
from paywright.ledger.model import HOUSE, Account, AccountKind
from paywright.payments.orders import Order
from paywright.wiring import App

ACCOUNTS = 1_000
CURRENCY = "EUR"
_SEED = 20_260_101
_FIRST = 0x019B_76DA_A800_7000_8000_0000_0000_0000  # a version 7 of 2026-01-01


def account_id(number: int) -> AccountId:
    return AccountId.of(UUID(int=_FIRST + number))


async def open_accounts(app: App, cause: Cause) -> None:
    """Of customers; they may go negative, so that nothing has to be paid in first."""
    async with app.db.transaction() as tx:
        await accounts_store.insert(tx, [_account(n, cause.at) for n in range(ACCOUNTS)])
    await app.db.pool.execute("vacuum analyze accounts")


def _account(number: int, at: datetime) -> Account:
    return Account(
        id=account_id(number),
        owner=HOUSE,
        name=f"Customer {number}",
        currency=CURRENCY,
        kind=AccountKind.LIABILITY,
        may_go_negative=True,
        opened_at=at,
        moved_at=at,
    )


class Wish(msgspec.Struct, frozen=True):
    """A transfer that somebody will ask for."""

    debit_account_id: str
    credit_account_id: str
    amount_minor: int
    key: str
    currency: str = CURRENCY


def wishes(
    count: int, *, seed: int, hot: bool = False, accounts: range = range(ACCOUNTS)
) -> Iterator[Wish]:
    """Between random accounts. Keys are random, too, as clients make them.

    seed: no two calls on one database have the same
    hot:  one of the two accounts is always the first
    """
    dice = random.Random(_SEED * 1_000 + seed)
    ids = [str(account_id(number)) for number in accounts]
    for _ in range(count):
        one = 0 if hot else dice.randrange(len(ids))
        other = (one + dice.randrange(1, len(ids))) % len(ids)
        if hot and dice.random() < 0.5:
            one, other = other, one
        key = f"{dice.getrandbits(128):032x}"
        yield Wish(ids[one], ids[other], dice.randrange(1, 1_000), key)


def orders(wanted: Iterator[Wish], cause: Cause, batch: int) -> Iterator[list[Order]]:
    """The same as the API makes of requests, so many at a time."""
    found: list[Order] = []
    for wish in wanted:
        body = TransferRequest(
            debit_account_id=wish.debit_account_id,
            credit_account_id=wish.credit_account_id,
            currency=wish.currency,
            amount_minor=wish.amount_minor,
        )
        found.append(transfer_order(cause, body, key=wish.key))
        if len(found) == batch:
            yield found
            found = []
    if found:
        yield found


def singles(count: int, *, seed: int, secret: str, hot: bool = False) -> list[bytes]:
    """`POST /api/v1/transfers`, ready to be sent."""
    return [
        _request("/api/v1/transfers", _asked(wish), key=wish.key, secret=secret)
        for wish in wishes(count, seed=seed, hot=hot)
    ]


def batches(count: int, size: int, *, seed: int, secret: str) -> list[bytes]:
    """`POST /api/v1/transfers/batch`, with a key for the whole."""
    wanted = wishes(count * size, seed=seed)
    found = []
    for _ in range(count):
        elements = [next(wanted) for _ in range(size)]
        body = {"transfers": [_asked(wish) for wish in elements]}
        path = "/api/v1/transfers/batch"
        found.append(_request(path, body, key=elements[0].key, secret=secret))
    return found


def _asked(wish: Wish) -> dict[str, str | int]:
    return {
        "debit_account_id": wish.debit_account_id,
        "credit_account_id": wish.credit_account_id,
        "amount_minor": wish.amount_minor,
        "currency": wish.currency,
    }


def _request(path: str, asked: object, *, key: str, secret: str) -> bytes:
    body = msgspec.json.encode(asked)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {secret}\r\nidempotency-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
