"""All SQL over `customers`. Encrypts on the way in, decrypts on the way out."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.crypto import DecryptionFailed, KeyRing
from paywright.customers.model import Customer
from paywright.db.pool import Row, Tx


class Known(msgspec.Struct, frozen=True):
    """What decisions may know of a customer: nothing personal."""

    id: str
    country: str
    customer_since: datetime


async def known(tx: Tx, ids: Sequence[str]) -> dict[str, Known]:
    """Those of `ids` that are customers, by id."""
    rows = await tx.fetch(
        "select id, country, customer_since from customers where id = any($1::text[])", ids
    )
    return {
        row["id"]: Known(row["id"], row["country"] or "", row["customer_since"]) for row in rows
    }


async def find(tx: Tx, keys: KeyRing, customer_id: str) -> Customer | None:
    row = await tx.fetchrow(
        """
        select id, name, email, phone, country, customer_since
          from customers
         where id = $1
        """,
        customer_id,
    )
    return None if row is None else _customer(keys, row)


async def lock(tx: Tx, keys: KeyRing, customer_id: str) -> Customer | None:
    row = await tx.fetchrow(
        """
        select id, name, email, phone, country, customer_since
          from customers
         where id = $1
           for update
        """,
        customer_id,
    )
    return None if row is None else _customer(keys, row)


async def find_by_email(tx: Tx, keys: KeyRing, email: str) -> list[Customer]:
    rows = await tx.fetch(
        """
        select id, name, email, phone, country, customer_since
          from customers
         where email_index = any($1::bytea[])
         order by id
        """,
        # Under every key of the ring: rows that were not rotated yet are found, too.
        keys.blind_indexes(email, field="customers.email"),
    )
    return [_customer(keys, row) for row in rows]


async def save(tx: Tx, keys: KeyRing, customer: Customer, *, at: datetime) -> None:
    """Insert, or replace what was there."""
    email = customer.email
    await tx.execute(
        """
        insert into customers (id, name, email, phone, email_index, country, customer_since,
                               created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
            on conflict (id) do update
           set name = excluded.name, email = excluded.email, phone = excluded.phone,
               email_index = excluded.email_index, country = excluded.country,
               customer_since = excluded.customer_since, updated_at = excluded.updated_at
        """,
        customer.id,
        _seal(keys, "name", customer.id, customer.name),
        _seal(keys, "email", customer.id, email),
        _seal(keys, "phone", customer.id, customer.phone),
        None if email is None else keys.blind_index(email, field="customers.email"),
        customer.country,
        customer.customer_since,
        at,
    )


async def prove_key(tx: Tx, keys: KeyRing) -> bool:
    """Whether the current key is the one that this database knows by its id.

    The first key of an id is taken at its word and remembered.
    """
    context = f"encryption_proofs:{keys.current}"
    proof = await tx.fetchval(
        """
        with new as (
            insert into encryption_proofs (key_id, proof) values ($1, $2)
                on conflict do nothing
            returning proof
        )
        select proof from new union all select proof from encryption_proofs where key_id = $1
        """,
        keys.current,
        keys.encrypt("paywright", context=context),
    )
    try:
        return keys.decrypt(proof, context=context) == "paywright"
    except DecryptionFailed:
        return False


def _seal(keys: KeyRing, field: str, customer_id: str, value: str | None) -> bytes | None:
    if value is None:
        return None
    return keys.encrypt(value, context=f"customers.{field}:{customer_id}")


def _open(keys: KeyRing, field: str, customer_id: str, token: bytes | None) -> str | None:
    if token is None:
        return None
    return keys.decrypt(token, context=f"customers.{field}:{customer_id}")


def _customer(keys: KeyRing, row: Row) -> Customer:
    return Customer(
        id=row["id"],
        name=_open(keys, "name", row["id"], row["name"]),
        email=_open(keys, "email", row["id"], row["email"]),
        phone=_open(keys, "phone", row["id"], row["phone"]),
        country=row["country"],
        customer_since=row["customer_since"],
    )
