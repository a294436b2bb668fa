"""All SQL over `payment_attempts`, and what a call to another bank needs to know."""

import msgspec

from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.payments.model import PaymentStatus


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A payment on its way to another bank. beneficiary: encrypted; attempts: calls so far"""

    id: PaymentId
    status: PaymentStatus
    amount_minor: int
    currency: str
    description: str | None
    bank: str
    beneficiary: bytes
    attempts: int


async def lock(tx: Tx, payment_id: PaymentId) -> Leaving | None:
    """The payment, which nobody else settles now. None for one that does not leave our books."""
    row = await tx.fetchrow(
        """
        select id, status, amount_minor, currency, description, provider, beneficiary
          from payments
         where id = $1 and beneficiary is not null
           for no key update
        """,
        payment_id,
    )
    if row is None:
        return None
    # Asked only now: a statement that waits for a lock sees other tables as they were before.
    attempts = await tx.fetchval(
        "select count(*) from payment_attempts where payment_id = $1", payment_id
    )
    return Leaving(
        id=PaymentId.of(row["id"]),
        status=PaymentStatus(row["status"]),
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        description=row["description"],
        bank=row["provider"],
        beneficiary=row["beneficiary"],
        attempts=attempts,
    )


async def begin(tx: Tx, payment_id: PaymentId, *, seq: int, provider: str, call: str) -> None:
    await tx.execute(
        """
        insert into payment_attempts (payment_id, seq, provider, call)
        values ($1, $2, $3, $4)
        """,
        payment_id,
        seq,
        provider,
        call,
    )


async def end(tx: Tx, payment_id: PaymentId, *, seq: int, outcome: str, code: str | None) -> None:
    await tx.execute(
        """
        update payment_attempts
           set ended_at = clock_timestamp(), outcome = $3, code = $4
         where payment_id = $1 and seq = $2 and ended_at is null
        """,
        payment_id,
        seq,
        outcome,
        code,
    )
