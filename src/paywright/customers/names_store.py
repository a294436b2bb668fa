"""The names of customers, many at a time, for those who compare them with lists."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.crypto import KeyRing
from paywright.db.pool import Tx


class Named(msgspec.Struct, frozen=True):
    """What a customer is called. `country`: ISO 3166-1 alpha-2, upper case."""

    id: str
    name: str | None
    country: str | None
    updated_at: datetime


async def names(tx: Tx, keys: KeyRing, ids: Sequence[str]) -> dict[str, Named]:
    """Those of `ids` that are customers, by id."""
    rows = await tx.fetch(
        "select id, name, country, updated_at from customers where id = any($1::text[])", ids
    )
    return {
        row["id"]: Named(
            row["id"],
            None
            if row["name"] is None
            else keys.decrypt(row["name"], context=f"customers.name:{row['id']}"),
            row["country"],
            row["updated_at"],
        )
        for row in rows
    }


async def changed(
    tx: Tx, *, since: datetime, after: tuple[datetime, str] | None, limit: int
) -> list[tuple[datetime, str]]:
    """When customers were last changed, and which, from `since` on, the earliest first.

    after: the last one of the page before
    """
    at, customer_id = after or (since, "")
    rows = await tx.fetch(
        """
        select updated_at, id
          from customers
         where (updated_at, id) > ($1, $2)
         order by updated_at, id
         limit $3
        """,
        at,
        customer_id,
        limit,
    )
    return [(row["updated_at"], row["id"]) for row in rows]
