"""Customers, standings and checks for the tests of KYC."""

from datetime import datetime, timedelta
from typing import Any

from tests.builders import NOON, TEST_KEY, a_cause

from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.db.pool import Database
from paywright.events import history
from paywright.events.model import Recorded
from paywright.kyc import store
from paywright.kyc.model import Check, KycStatus, Standing
from paywright.kyc.request_check import request_check

KEYS = KeyRing.from_hex(TEST_KEY, "k1")
CUSTOMER = "cust_ida"


def at(**later: float) -> Cause:
    """The system, so much later than noon."""
    return a_cause(at=NOON + timedelta(**later))


async def register(db: Database, **changes: Any) -> None:
    fields = {
        "id": CUSTOMER,
        "customer_since": datetime.fromisoformat("2020-01-01T00:00:00Z"),
        "name": "Ida Beispiel",
        "country": "AT",
    } | changes
    await register_customer(db, KEYS, a_cause(), customer=Customer(**fields))


async def request(db: Database, cause: Cause | None = None) -> Check:
    check, _ = await request_check(
        db, KEYS, cause or a_cause(), customer_id=CUSTOMER, provider="kyc_provider"
    )
    return check


async def standing(db: Database, customer_id: str = CUSTOMER) -> Standing:
    async with db.snapshot() as tx:
        return await store.standing(tx, customer_id)


async def status(db: Database) -> KycStatus:
    return (await standing(db)).status


async def checks(db: Database) -> list[Check]:
    async with db.snapshot() as tx:
        return await store.checks_of(tx, CUSTOMER, before=None, limit=100)


async def told(db: Database) -> list[Recorded]:
    """What the log says about the customer and KYC."""
    async with db.snapshot() as tx:
        events = await history(tx, CUSTOMER)
    return [event for event in events if event.type.startswith("kyc.")]
