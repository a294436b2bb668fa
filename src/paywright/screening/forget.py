"""What was found of a customer does not count any more."""

from paywright.db.pool import Database
from paywright.screening import store


async def forget_standing(db: Database, *, customer_id: str) -> None:
    """After a change of the name: the next payment has the customer screened first.

    The sweep would notice, too, some seconds later. Part of changing a customer, so that it asks
    for no permission of its own.
    """
    async with db.transaction() as tx:
        await store.outdate(tx, [customer_id])
