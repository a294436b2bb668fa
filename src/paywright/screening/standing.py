"""How customers stand: the question that a payment asks."""

from collections.abc import Mapping, Sequence

import msgspec

from paywright.db.pool import Tx
from paywright.screening import store
from paywright.screening.records import Standing


class Standings(msgspec.Struct, frozen=True):
    """current_generation: of the lists; a standing of an older one, or none, is no answer:
    have the customer screened first (`screen.screen_customers`)."""

    current_generation: int
    by_customer: Mapping[str, Standing]


async def standings(tx: Tx, customer_ids: Sequence[str]) -> Standings:
    """What is on file, in one query by primary key. Customers never screened are absent."""
    generation, found = await store.standings(tx, customer_ids)
    return Standings(generation, found)
