"""Challenge somebody, read the code out of the message, and answer."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.builders import NOON, TEST_KEY, a_cause

from paywright.challenges.answer import load_for_answer, save_answers, try_code
from paywright.challenges.model import Binding, Challenge, Passed, Subject
from paywright.challenges.open import open_challenges
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.crypto import KeyRing
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.db.pool import Database
from paywright.notifications.store import message_of_row

KEYS = KeyRing.from_hex(TEST_KEY, "k1")
MINA = Subject("customer", "cust_mina")
SECOND = timedelta(seconds=1)


async def register(db: Database, subject: Subject = MINA, **contact: Any) -> None:
    """Without a contact: with an email address."""
    contact = contact or {"email": f"{subject.id}@example.org"}
    customer = Customer(id=subject.id, customer_since=NOON, **contact)
    await register_customer(db, KEYS, a_cause(), customer=customer)


def a_binding(**changes: Any) -> Binding:
    values: dict[str, Any] = {
        "payment_id": UUID(int=PaymentId.new(NOON).int),
        "amount_minor": 12_345,
        "currency": "EUR",
        "payee": "acc_of_the_baker",
        "payer": MINA.id,
    }
    return Binding(**values | changes)


async def open_one(
    db: Database, binding: Binding, subject: Subject = MINA, *, at: datetime = NOON
) -> Challenge | Problem:
    async with db.transaction() as tx:
        (made,) = await open_challenges(tx, KEYS, [(a_cause(at=at), binding, subject)])
    return made


async def challenged(
    db: Database, binding: Binding, subject: Subject = MINA, *, at: datetime = NOON
) -> str:
    """Open a challenge; the code that was sent."""
    made = await open_one(db, binding, subject, at=at)
    assert isinstance(made, Challenge), made
    return await newest_code(db)


async def texts(db: Database) -> list[str]:
    """What the messages say, in the order in which they were queued."""
    async with db.pool.acquire() as connection:
        rows = await connection.fetch("select * from messages order by ctid")
    messages = [message_of_row(KEYS, row) for row in rows]
    return [it.content.text for it in messages if it.content is not None]


async def newest_code(db: Database) -> str:
    found = re.search(r"\b[0-9]{6}\b", (await texts(db))[-1])
    assert found is not None
    return found[0]


async def answer(
    db: Database, binding: Binding, code: str, *, at: datetime = NOON
) -> Passed | Problem:
    """Answer as the pipeline does: in one transaction, which commits whatever comes of it."""
    cause = a_cause(at=at)
    async with db.transaction() as tx:
        held = await load_for_answer(tx, [binding.payment_id])
        outcome = try_code(held[binding.payment_id], code, binding, KEYS, at)
        await save_answers(tx, lambda _: cause, held)
    return outcome


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def events(db: Database) -> list[tuple[str, str]]:
    async with db.pool.acquire() as connection:
        rows = await connection.fetch("select type, data::text from events order by sequence")
    return [(row["type"], row["data"]) for row in rows]


async def event_types(db: Database) -> list[str]:
    return [type for type, _ in await events(db) if type.startswith(("challenge.", "totp."))]
