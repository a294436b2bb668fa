"""Our books, a provider's statement, and a comparison of the two, for the tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import msgspec
from tests.builders import a_cause

from paywright.core.cause import Cause
from paywright.core.ids import AccountId, PaymentId, ReconciliationId, RefundId
from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.gateway.model import (
    Answer,
    NotFound,
    Notice,
    Order,
    OrderKind,
    SignatureInvalid,
    StatementLine,
    StatementUnavailable,
)
from paywright.reconciliation.model import Item, LineOutcome, Reconciliation, StatementSource
from paywright.reconciliation.run import reconcile_now
from paywright.reconciliation.views import get_reconciliation

DAY = date(2026, 1, 5)
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
MORNING_AFTER = MIDNIGHT + timedelta(days=1, hours=6)
BANK = "partner_bank"
SECOND = timedelta(seconds=1)


def after(**cause: Any) -> Cause:
    """The system's, on the morning after the day."""
    return a_cause(**{"at": MORNING_AFTER} | cause)


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """Something on our books, and how the provider would list it."""

    id: PaymentId | RefundId
    kind: OrderKind
    reference: str
    minor: int
    currency: str
    at: datetime

    def line(self, **changes: Any) -> StatementLine:
        fields = {
            "reference": self.reference,
            "key": str(self.id),
            "kind": self.kind,
            "amount": Money(self.minor, self.currency),
            "booked_at": self.at,
        }
        return StatementLine(**fields | changes)


async def book(db: Database, *made: Booked, **told: Any) -> None:
    """Put payments and refunds on file. told: of all of them, `status`, `settled_at`, `provider`,
    `provider_reference`."""
    payments = [it for it in made if it.kind is not OrderKind.REFUND]
    refunds = [it for it in made if it.kind is OrderKind.REFUND]
    account = AccountId.new(MIDNIGHT)

    def rows(those: Sequence[Booked]) -> list[tuple[Any, ...]]:
        return [
            (
                it.id,
                "transfer" if it.kind is OrderKind.PAYOUT else "charge",
                told.get("status", "succeeded"),
                it.minor,
                it.currency,
                told.get("provider", BANK),
                told.get("provider_reference", it.reference),
                it.at,
                told.get("settled_at", it.at),
                account,
            )
            for it in those
        ]

    async with db.pool.acquire() as connection, connection.transaction():
        payment = """
            insert into payments (id, kind, status, amount_minor, currency, provider,
                                  provider_reference, created_at, recorded_at, settled_at,
                                  debit_account_id, credit_account_id)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $10)
        """
        await connection.executemany(payment, rows(payments))
        for row in rows(refunds):
            paid = PaymentId.new(MIDNIGHT)
            await connection.execute(payment, paid, "charge", "refunded", *row[3:6], None, row[7],
                                     None, account)  # fmt: skip
            await connection.execute(
                """
                insert into refunds (id, status, amount_minor, currency, provider,
                                     provider_reference, created_at, settled_at, payment_id,
                                     request_key, created_by)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'test', 'test')
                """,
                row[0], *row[2:9], paid,
            )  # fmt: skip


def a_booking(number: int = 1, **changes: Any) -> Booked:
    """The n-th payout of the day."""
    at = changes.pop("at", MIDNIGHT + timedelta(hours=9, seconds=number))
    kind = changes.get("kind", OrderKind.PAYOUT)
    id = (RefundId if kind is OrderKind.REFUND else PaymentId).new(at)
    fields = {"id": id, "kind": kind, "reference": f"bp_{number:06}", "minor": 1000 + number}
    return Booked(**{"currency": "EUR", "at": at} | fields | changes)


class Bank:
    """A provider that lists what it is given, in pieces of its own choice, and can break off."""

    def __init__(self, *lines: StatementLine, breaks_after: int | None = None) -> None:
        self.lines = list(lines)
        self.breaks_after = breaks_after
        self.asked: list[tuple[datetime, datetime]] = []

    @property
    def handles(self) -> frozenset[OrderKind]:
        return frozenset(OrderKind)

    @property
    def pays_own_accounts(self) -> bool:
        return False

    async def submit(self, order: Order) -> Answer:
        raise NotImplementedError

    async def look_up(self, order: Order) -> Answer | NotFound:
        raise NotImplementedError

    async def statement(self, since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        self.asked.append((since, until))
        there = [it for it in self.lines if since <= it.booked_at < until]
        for number, line in enumerate(sorted(there, key=lambda it: it.booked_at)):
            if number == self.breaks_after:
                raise StatementUnavailable("the connection was lost")
            yield line

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        raise SignatureInvalid("this bank sends none")

    async def close(self) -> None:
        pass


class Found(msgspec.Struct, frozen=True):
    """A run, and what differed."""

    run: Reconciliation
    items: Sequence[Item]

    @classmethod
    async def of(cls, db: Database, id: ReconciliationId) -> Self:
        run, page = await get_reconciliation(db, a_cause(), reconciliation_id=id, limit=10_000)
        return cls(run, page.items)

    @property
    def outcomes(self) -> list[LineOutcome]:
        return [item.outcome for item in self.items]


async def reconcile(
    db: Database, bank: Bank, *, cause: Cause | None = None, day: date = DAY
) -> Found:
    run = await reconcile_now(
        db, cause or after(), provider=BANK, day=day, source=StatementSource.PROVIDER,
        statement=bank.statement,
    )  # fmt: skip
    return await Found.of(db, run.id)


async def queued(db: Database, task: str) -> list[dict[str, Any]]:
    """What is in the queue of this kind, in order."""
    rows = await db.pool.fetch(
        "select payload from pgqueuer where entrypoint = $1 order by id", task
    )
    return [msgspec.json.decode(row["payload"]) for row in rows]


async def lines_left(db: Database) -> int:
    return await db.pool.fetchval("select count(*) from reconciliation_lines")


async def events_of(db: Database, id: UUID) -> list[str]:
    rows = await db.pool.fetch(
        "select type from events where subject = $1 order by sequence", str(id)
    )
    return [row["type"] for row in rows]
