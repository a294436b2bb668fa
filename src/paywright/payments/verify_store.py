"""What `verify` asks of `payments`."""

from uuid import UUID

import msgspec

from paywright.db.pool import Row, Tx

_PATIENCE_S = 24 * 3600.0  # for one question: the pool's own limit is meant for requests


class Page(msgspec.Struct, frozen=True):
    """Some transfers, in the order of their ids.

    moved:  those whose money moved; digest: a sum that tells what each of them moved
    others: those that came to nothing, or have not come to anything yet
    last:   the id after which the next page begins; None: there was nothing left
    """

    moved: list[UUID]
    digest: int
    others: list[UUID]
    last: UUID | None


async def count_transfers(tx: Tx) -> int:
    return await tx.fetchval(
        "select count(*) from payments where kind = 'transfer' and beneficiary is null",
        timeout=_PATIENCE_S,
    )


async def page(tx: Tx, *, after: UUID, limit: int) -> Page:
    row = await tx.fetchrow(
        """
        with page as (
             select id, debit_account_id, credit_account_id, amount_minor, currency,
                    status in ('succeeded', 'refunded', 'partially_refunded', 'disputed') as moved
               from payments
              where id > $1 and kind = 'transfer' and beneficiary is null
              order by id
              limit $2)
        select coalesce(array_agg(id) filter (where moved), '{}') as moved,
               coalesce(array_agg(id) filter (where not moved), '{}') as others,
               (array_agg(id order by id desc))[1] as last,
               coalesce(sum(hash_record_extended(row(
                   id, debit_account_id, credit_account_id, amount_minor::bigint, currency::text
               ), 0)) filter (where moved), 0)::text as digest
          from page
        """,
        after,
        limit,
        timeout=_PATIENCE_S,
    )
    if row is None:
        raise AssertionError("a sum is always there")
    return Page(row["moved"], int(row["digest"]), row["others"], row["last"])


async def leaving(tx: Tx, *, after: UUID, limit: int) -> list[Row]:
    """Payments to other banks, in the order of their ids."""
    return await tx.fetch(
        """
        select id, 'payout' as kind, status, amount_minor, currency
          from payments
         where id > $1 and beneficiary is not null
         order by id
         limit $2
        """,
        after,
        limit,
        timeout=_PATIENCE_S,
    )


async def charges(tx: Tx, *, after: UUID, limit: int) -> list[Row]:
    """Charges that we made, in the order of their ids, with what was given back of each.

    reserved_minor: with what is about to be
    """
    return await tx.fetch(
        """
        select payments.id, 'charge' as kind, payments.status, payments.amount_minor,
               payments.currency, coalesce(sum(refunds.amount_minor) filter (
                   where refunds.status = 'succeeded'), 0)::bigint as refunded_minor,
               coalesce(sum(refunds.amount_minor) filter (
                   where refunds.status <> 'failed'), 0)::bigint as reserved_minor
          from (select id, status, amount_minor, currency
                  from payments
                 where id > $1 and kind = 'charge' and request_key is not null
                 order by id
                 limit $2) as payments
          left join refunds on refunds.payment_id = payments.id
         group by payments.id, payments.status, payments.amount_minor, payments.currency
         order by payments.id
        """,
        after,
        limit,
        timeout=_PATIENCE_S,
    )


async def refunds(tx: Tx, *, after: UUID, limit: int) -> list[Row]:
    """Refunds, in the order of their ids."""
    return await tx.fetch(
        """
        select id, 'refund' as kind, status, amount_minor, currency
          from refunds
         where id > $1
         order by id
         limit $2
        """,
        after,
        limit,
        timeout=_PATIENCE_S,
    )


async def select(tx: Tx, ids: list[UUID]) -> list[Row]:
    return await tx.fetch(
        """
        select id, status, debit_account_id, credit_account_id, amount_minor, currency
          from payments
         where id = any($1::uuid[])
         order by id
        """,
        ids,
        timeout=_PATIENCE_S,
    )
