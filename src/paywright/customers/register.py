"""Register a customer, or correct what is known of one."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.crypto import KeyRing
from paywright.customers import store
from paywright.customers.model import Customer
from paywright.db.pool import Database
from paywright.events import Event, emit

_FIELDS = ("name", "email", "phone", "country", "customer_since")


class NoSuchCustomer(NotFound):
    """There is no such customer."""


async def register_customer(
    db: Database, keys: KeyRing, cause: Cause, *, customer: Customer
) -> bool:
    """Put a customer on file under its id; whether it was new. The same again changes nothing."""
    cause.actor.require(Permission.WRITE_CUSTOMERS)
    async with db.transaction() as tx:
        before = await store.lock(tx, keys, customer.id)
        if before == customer:
            return False
        await store.save(tx, keys, customer, at=cause.at)
        if before is None:
            await emit(tx, cause, Event("customer.registered", customer.id, {}))
        else:
            # The names of the fields, not their values: the log outlives a request to be forgotten.
            changed = [f for f in _FIELDS if getattr(before, f) != getattr(customer, f)]
            await emit(tx, cause, Event("customer.changed", customer.id, {"fields": changed}))
    return before is None


async def find_customers(
    db: Database, keys: KeyRing, cause: Cause, *, email: str
) -> list[Customer]:
    """Those with this very address, however it is capitalised."""
    cause.actor.require(Permission.READ_CUSTOMERS)
    async with db.snapshot() as tx:
        return await store.find_by_email(tx, keys, email)


async def get_customer(db: Database, keys: KeyRing, cause: Cause, *, customer_id: str) -> Customer:
    """Raises NoSuchCustomer."""
    cause.actor.require(Permission.READ_CUSTOMERS)
    async with db.snapshot() as tx:
        customer = await store.find(tx, keys, customer_id)
    if customer is None:
        raise NoSuchCustomer(customer_id)
    return customer
