"""Put a charge on file that was made elsewhere."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid, NotFound
from paywright.customers import store as customers
from paywright.customers.model import UnknownCustomer
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.payments import store
from paywright.payments.model import Charge


class NoSuchTransaction(NotFound):
    """There is no transaction on file under this reference."""


class ReferenceTaken(Invalid):
    """The reference belongs to a transaction of another customer."""


async def record_charge(db: Database, cause: Cause, *, charge: Charge) -> tuple[Charge, bool]:
    """Put a charge on file under its reference, and say whether it was new.

    The same again changes nothing; the id stays what it first was. Raises UnknownCustomer and
    ReferenceTaken.
    """
    cause.actor.require(Permission.WRITE_CUSTOMERS)
    async with db.transaction() as tx:
        if not await customers.known(tx, [charge.customer_id]):
            raise UnknownCustomer.field("customer_id", f"{charge.customer_id} is not on file")
        before = await store.lock_charge(tx, charge.reference)
        if before is not None:
            charge = msgspec.structs.replace(charge, id=before.id)
            if before == charge:
                return charge, False
        charge_id = await store.save_charge(tx, charge, at=cause.at)
        if charge_id is None:
            raise ReferenceTaken.field("customer_id", "is not the customer of this reference")
        charge = msgspec.structs.replace(charge, id=charge_id)
        await emit(tx, cause, _recorded(charge, before))
    return charge, before is None


async def get_charge(db: Database, cause: Cause, *, reference: str) -> Charge:
    """Raises NoSuchTransaction."""
    cause.actor.require(Permission.READ_CUSTOMERS)
    async with db.snapshot() as tx:
        found = await store.charges_by_reference(tx, [reference])
    if reference not in found:
        raise NoSuchTransaction(reference)
    return found[reference]


def _recorded(charge: Charge, before: Charge | None) -> Event:
    facts = {"reference": charge.reference, "amount": str(charge.amount)}
    after = {"status": charge.status.value}
    return Event(
        "payment.recorded",
        str(charge.id),
        facts,
        before=None if before is None else {"status": before.status.value},
        after=after,
    )
