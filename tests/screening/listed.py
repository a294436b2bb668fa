"""Customers and lists for the tests of screening. All names are invented."""

from datetime import datetime

from tests.builders import NOON, TEST_KEY, a_cause

from paywright.crypto import KeyRing
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.db.pool import Database
from paywright.screening.load import LoadedList, load_list

KEYS = KeyRing.from_hex(TEST_KEY, "k1")
HEADER = "id,name,kind,aliases,birth_date,country,programs,identifiers"
VEXLEY = 'd1,"VEXLEY, Zoltan Arvid",person,Векслей Золтан,1957-10-07,hu,DEMO,'
QUORRINGER = 'd2,"QUORRINGER, Ismelda",person,,,at,DEMO,'
GLIMMER = "d3,GLIMMERSTADT HANDELS GMBH,organization,,,at,DEMO,"


def a_list(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows, "")).encode()


async def load(db: Database, *rows: str, name: str = "demo", force: bool = False) -> LoadedList:
    return await load_list(db, a_cause(), name=name, source=a_list(*rows), force=force)


async def register(
    db: Database, customer_id: str, name: str | None, *, at: datetime = NOON
) -> None:
    customer = Customer(id=customer_id, name=name, customer_since=NOON, country="SE")
    await register_customer(db, KEYS, a_cause(at=at), customer=customer)
