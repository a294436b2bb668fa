"""SQL over `payment_runs` and `payment_run_slots`: what changes them. Lists are in `views`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.ids import RunId
from paywright.core.money import Money
from paywright.db.pool import Row, Tx
from paywright.payment_runs.model import Debtor, PaymentRun, RunMethod, RunStatus


async def collect_alone(tx: Tx, currency: str, method: RunMethod) -> None:
    """Wait until nobody else collects the same, and have others wait until the transaction ends:
    who begins to look before another one has chosen would choose the same payments."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"payment_runs:{currency}:{method}",
    )


async def insert(tx: Tx, run: PaymentRun) -> None:
    debtor = run.debtor
    await tx.execute(
        """
        insert into payment_runs (id, method, status, currency, payments, amount_minor,
                                  execution_date, message_id, debtor_name, debtor_iban, debtor_bic,
                                  created_by, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        run.id,
        run.method,
        run.status,
        run.currency,
        run.payments,
        run.amount.minor,
        run.execution_date,
        run.message_id,
        None if debtor is None else debtor.name,
        None if debtor is None else debtor.iban,
        None if debtor is None else debtor.bic,
        run.created_by,
        run.created_at,
    )


async def lock(tx: Tx, run_id: RunId) -> PaymentRun | None:
    """The run, which nobody else changes before this transaction ends."""
    row = await tx.fetchrow("select * from payment_runs where id = $1 for no key update", run_id)
    return None if row is None else run_of_row(row)


async def find_by_message(tx: Tx, message_id: str) -> RunId | None:
    """The run whose file has this message id."""
    found = await tx.fetchval("select id from payment_runs where message_id = $1", message_id)
    return None if found is None else RunId.of(found)


async def set_released(tx: Tx, run: PaymentRun, *, at: datetime) -> None:
    """Save what its release has changed: how many payments have left, how much, and, of a file,
    its day and digest."""
    await tx.execute(
        """
        update payment_runs
           set status = 'released', released_at = $2, payments = $3, amount_minor = $4,
               execution_date = $5, file_hash = $6
         where id = $1
        """,
        run.id,
        at,
        run.payments,
        run.amount.minor,
        run.execution_date,
        run.file_hash,
    )


async def set_canceled(tx: Tx, run_id: RunId) -> None:
    await tx.execute("update payment_runs set status = 'canceled' where id = $1", run_id)


async def set_completed(tx: Tx, run_id: RunId, *, at: datetime) -> None:
    await tx.execute(
        "update payment_runs set status = 'completed', completed_at = $2 where id = $1",
        run_id,
        at,
    )


async def released_runs(tx: Tx, after: RunId | None, *, limit: int) -> list[RunId]:
    """Runs that are under way, the oldest first."""
    rows = await tx.fetch(
        """
        select id from payment_runs
         where status = 'released' and ($1::uuid is null or id > $1)
         order by id
         limit $2
        """,
        after,
        limit,
    )
    return [RunId.of(row["id"]) for row in rows]


async def take_slots(tx: Tx, slots: Sequence[datetime]) -> list[datetime]:
    """Those of these moments that nobody has taken before: they are ours now."""
    rows = await tx.fetch(
        """
        insert into payment_run_slots (slot_at)
        select slot_at from unnest($1::timestamptz[]) as due (slot_at) order by slot_at
            on conflict do nothing
        returning slot_at
        """,
        slots,
    )
    return [row["slot_at"] for row in rows]


def run_of_row(row: Row) -> PaymentRun:
    return PaymentRun(
        id=RunId.of(row["id"]),
        method=RunMethod(row["method"]),
        status=RunStatus(row["status"]),
        payments=row["payments"],
        amount=Money(row["amount_minor"], row["currency"]),
        execution_date=row["execution_date"],
        message_id=row["message_id"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        debtor=_debtor(row),
        file_hash=row["file_hash"],
        released_at=row["released_at"],
        completed_at=row["completed_at"],
    )


def _debtor(row: Row) -> Debtor | None:
    if row["debtor_iban"] is None:
        return None
    return Debtor(name=row["debtor_name"], iban=row["debtor_iban"], bic=row["debtor_bic"])
