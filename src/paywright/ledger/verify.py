"""Look whether the books are right: every invariant of the ledger, on one moment of it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Database, Row, Tx
from paywright.ledger import running_store, store, verify_store
from paywright.ledger.model import Transfer, TransferKind

ROWS_MAX = 20  # rows that a check shows, of however many are broken
SWEEP_PATIENCE = timedelta(seconds=60)  # so long may an expired hold wait for the sweep


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant. `broken` counts what breaks it, `rows` are the first of these."""

    name: str
    invariant: str
    broken: int
    rows: Sequence[dict[str, Any]] = ()


class CurrencySums(msgspec.Struct, frozen=True, kw_only=True):
    """What all accounts of a currency have together, in minor units."""

    currency: str
    accounts: int
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int

    @property
    def is_balanced(self) -> bool:
        posted = self.debits_posted == self.credits_posted
        return posted and self.debits_pending == self.credits_pending


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found."""

    at: datetime
    accounts: int
    movements: int
    holds: int
    open_holds: int
    currencies: Sequence[CurrencySums]
    checks: Sequence[Check]

    @property
    def is_sound(self) -> bool:
        return not any(check.broken for check in self.checks)


# Told of each check before it begins, and of how far it is where that is known: name, done, of all.
Progress = Callable[[str, int, int], None]


def no_progress(_name: str, _done: int, _of: int) -> None:
    """Nobody watches."""


async def verify(db: Database, *, at: datetime, progress: Progress = no_progress) -> Report:
    """Check every invariant of the ledger. Reads all of it; blocks nobody."""
    async with db.snapshot() as tx:
        return await verify_snapshot(tx, at=at, progress=progress)


async def verify_snapshot(tx: Tx, *, at: datetime, progress: Progress = no_progress) -> Report:
    """The same inside a transaction that sees one moment."""
    await verify_store.take_room(tx)
    progress("counting", 0, 0)
    sizes = await verify_store.sizes(tx)
    currencies = [_sums(row) for row in await verify_store.currency_sums(tx)]
    checks = [_balanced(currencies)]
    for name, (invariant, ask) in _questions(tx, at).items():
        progress(name, 0, 0)
        checks.append(_check(name, invariant, await ask()))
    return Report(
        at=at,
        accounts=sizes["accounts"],
        movements=sizes["movements"],
        holds=sizes["holds"],
        open_holds=sizes["open_holds"],
        currencies=currencies,
        checks=checks,
    )


async def digest(tx: Tx, ids: Sequence[UUID]) -> tuple[int, int]:
    """How many of these moved money, and a sum that tells what: the id, the accounts, the amount
    and the currency of each."""
    return await verify_store.digest(tx, ids)


async def movements(tx: Tx, ids: Sequence[UUID]) -> dict[TransferId, Transfer]:
    """Those of them that moved money."""
    found = await store.select(tx, [TransferId.of(uuid) for uuid in ids])
    return {id_: transfer for id_, transfer in found.items() if transfer.posted_minor}


def _questions(
    tx: Tx, at: datetime
) -> dict[str, tuple[str, Callable[[], Awaitable[Sequence[Row]]]]]:
    """By the name of the check: what has to hold, and who knows what breaks it."""
    return {
        "account_totals": (
            "The totals of an account are the sums of its movements",
            lambda: verify_store.totals_off(tx, limit=ROWS_MAX),
        ),
        "not_negative": (
            "No account is below zero that may not be",
            lambda: verify_store.negative(tx, limit=ROWS_MAX),
        ),
        "holds_expired": (
            "No hold is open a minute past its expiry",
            lambda: verify_store.overdue_holds(tx, before=at - SWEEP_PATIENCE, limit=ROWS_MAX),
        ),
        "open_holds": (
            "The open holds are those that no movement resolves",
            lambda: verify_store.open_holds_off(tx, limit=ROWS_MAX),
        ),
        "holds_resolved": (
            "What resolves a hold releases exactly what it holds, once",
            lambda: verify_store.answers_off(tx, limit=ROWS_MAX),
        ),
        "movement_accounts": (
            "The accounts of a movement exist and have its currency",
            lambda: verify_store.strays(tx, limit=ROWS_MAX),
        ),
        "running_balances": (
            "Each movement leaves the balance before it plus its change, at a time of its own",
            lambda: running_store.running_off(tx, limit=ROWS_MAX),
        ),
        "last_balances": (
            "An account has what its last movement left",
            lambda: running_store.last_balances_off(tx, limit=ROWS_MAX),
        ),
    }


def _balanced(currencies: Sequence[CurrencySums]) -> Check:
    off = [sums for sums in currencies if not sums.is_balanced]
    return Check(
        name="currency_sums",
        invariant="In each currency as much is debited as is credited",
        broken=len(off),
        rows=[msgspec.structs.asdict(sums) for sums in off[:ROWS_MAX]],
    )


def _check(name: str, invariant: str, rows: Sequence[Row]) -> Check:
    return Check(
        name=name,
        invariant=invariant,
        broken=rows[0]["found"] if rows else 0,
        rows=[{key: _plain(key, row[key]) for key in row.keys() if key != "found"} for row in rows],  # noqa: SIM118
    )


def _plain(column: str, value: object) -> object:
    """A value as people and machines read it: ids in their text form, sums as integers."""
    if isinstance(value, UUID):
        return str((AccountId if column.endswith("account_id") else TransferId).of(value))
    return int(value) if isinstance(value, Decimal) else value


def _sums(row: Row) -> CurrencySums:
    return CurrencySums(
        currency=row["currency"],
        accounts=row["accounts"],
        debits_posted=int(row["debits_posted"]),
        credits_posted=int(row["credits_posted"]),
        debits_pending=int(row["debits_pending"]),
        credits_pending=int(row["credits_pending"]),
    )


async def resolutions(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, TransferKind | None]:
    """Which of the ids are holds, and what kind of movement resolved each; None: nothing yet."""
    rows = await verify_store.resolutions(tx, ids)
    return {row["id"]: None if row["kind"] is None else TransferKind(row["kind"]) for row in rows}
