"""A customer's data is readable to us, and to nobody who reads the tables or the log."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec
import pytest
from tests.builders import NOON, TEST_KEY, a_cause

from paywright.core.actor import PermissionMissing
from paywright.crypto import KeyRing
from paywright.customers import store
from paywright.customers.model import Customer
from paywright.customers.register import NoSuchCustomer, get_customer, register_customer
from paywright.db.pool import Database
from paywright.identity.permissions import Role

KEYS = KeyRing.from_hex(TEST_KEY, "k1")
MARA = Customer(
    id="cust_1",
    name="Mara Lindqvist",
    email="Mara@Example.com",
    phone="+46700000042",
    country="SE",
    customer_since=NOON - timedelta(days=30),
)


@dataclass
class Log:
    types: list[str]
    text: str


async def log_of(db: Database) -> Log:
    async with db.snapshot() as tx:
        rows = await tx.fetch("select type, data::text from events order by sequence")
    return Log([row["type"] for row in rows], str(rows))


async def test_round_trip_and_same_again(db: Database) -> None:
    assert await register_customer(db, KEYS, a_cause(), customer=MARA)
    assert not await register_customer(db, KEYS, a_cause(), customer=MARA)
    assert await get_customer(db, KEYS, a_cause(), customer_id="cust_1") == MARA
    assert (await log_of(db)).types == ["customer.registered"]


async def test_nothing_personal_is_readable_in_the_database(db: Database) -> None:
    await register_customer(db, KEYS, a_cause(), customer=MARA)
    changed = msgspec.structs.replace(MARA, name="Mara Berg", phone=None)
    await register_customer(db, KEYS, a_cause(), customer=changed)
    async with db.snapshot() as tx:
        stored = str(await tx.fetch("select * from customers")).lower()
    log = await log_of(db)
    for secret in ("mara", "lindqvist", "berg", "example.com", "46700000042"):
        assert secret not in stored
        assert secret not in log.text.lower()
    assert '["name", "phone"]' in log.text


async def test_found_by_e_mail_however_it_is_written(db: Database) -> None:
    await register_customer(db, KEYS, a_cause(), customer=MARA)
    async with db.snapshot() as tx:
        assert await store.find_by_email(tx, KEYS, " mara@EXAMPLE.com ") == [MARA]
        assert await store.find_by_email(tx, KEYS, "somebody@example.com") == []


async def test_permissions(db: Database) -> None:
    with pytest.raises(PermissionMissing):
        await register_customer(db, KEYS, a_cause(Role.VIEWER), customer=MARA)
    with pytest.raises(NoSuchCustomer):
        await get_customer(db, KEYS, a_cause(Role.VIEWER), customer_id="cust_1")
