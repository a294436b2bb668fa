"""The questions that `verify` asks of the ledger's tables.

Each answers with what is broken: at most `limit` rows, in an order that does not change, each
with `found`, the count of all of them. Sums and differences are numeric, so that totals that make
no sense are reported, too, and do not overflow. The server does the work, on disk where it
needs to: nothing here grows with the ledger.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from paywright.db.pool import Row, Tx

_PATIENCE_S = 24 * 3600.0  # for one question: the pool's own limit is meant for requests


async def take_room(tx: Tx) -> None:
    """Let this transaction sort and join in larger pieces of memory."""
    await tx.execute("set local work_mem = '64MB'")


async def sizes(tx: Tx) -> Row:
    row = await tx.fetchrow(
        """
        select (select count(*) from accounts) as accounts,
               (select count(*) from ledger_transfers) as movements,
               (select count(*) from ledger_transfers where kind = 'hold') as holds,
               (select count(*) from open_holds) as open_holds
        """,
        timeout=_PATIENCE_S,
    )
    if row is None:
        raise AssertionError("counts are always there")
    return row


async def currency_sums(tx: Tx) -> list[Row]:
    """What all accounts of a currency have together."""
    return await tx.fetch(
        """
        select currency, count(*) as accounts,
               sum(debits_posted) as debits_posted, sum(credits_posted) as credits_posted,
               sum(debits_pending) as debits_pending, sum(credits_pending) as credits_pending
          from accounts
         group by currency
         order by currency
        """,
        timeout=_PATIENCE_S,
    )


async def totals_off(tx: Tx, *, limit: int) -> list[Row]:
    """Accounts whose totals are not the sums of their movements."""
    return await tx.fetch(
        """
        with debits as (
             select debit_account_id as id,
                    sum(amount_minor) filter (where kind in ('post', 'post_hold')) as posted,
                    sum(held_minor) as pending
               from ledger_transfers
              group by debit_account_id),
             credits as (
             select credit_account_id as id,
                    sum(amount_minor) filter (where kind in ('post', 'post_hold')) as posted,
                    sum(held_minor) as pending
               from ledger_transfers
              group by credit_account_id),
             compared as (
             select accounts.id as account_id, code, debits_posted, credits_posted, debits_pending,
                    credits_pending,
                    coalesce(debits.posted, 0) as debits_posted_moved,
                    coalesce(credits.posted, 0) as credits_posted_moved,
                    coalesce(debits.pending, 0) as debits_pending_moved,
                    coalesce(credits.pending, 0) as credits_pending_moved
               from accounts
               left join debits on debits.id = accounts.id
               left join credits on credits.id = accounts.id)
        select *, count(*) over () as found
          from compared
         where debits_posted <> debits_posted_moved
            or credits_posted <> credits_posted_moved
            or debits_pending <> debits_pending_moved
            or credits_pending <> credits_pending_moved
         order by account_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def negative(tx: Tx, *, limit: int) -> list[Row]:
    """Accounts below zero that may not be. What is held counts as spent."""
    return await tx.fetch(
        """
        with spendable as (
             select id as account_id, code, currency,
                    case when kind in ('asset', 'expense')
                         then debits_posted::numeric - credits_posted - credits_pending
                         else credits_posted::numeric - debits_posted - debits_pending
                     end as available_minor
               from accounts
              where not may_go_negative)
        select *, count(*) over () as found
          from spendable
         where available_minor < 0
         order by account_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def overdue_holds(tx: Tx, *, before: datetime, limit: int) -> list[Row]:
    """Holds that expired before that moment and are open."""
    return await tx.fetch(
        """
        select id as hold_id, debit_account_id, credit_account_id, expires_at,
               count(*) over () as found
          from open_holds
         where expires_at < $1
         order by expires_at, id
         limit $2
        """,
        before,
        limit,
        timeout=_PATIENCE_S,
    )


async def open_holds_off(tx: Tx, *, limit: int) -> list[Row]:
    """Where `open_holds` and the holds that no movement resolves are not the same."""
    return await tx.fetch(
        """
        with unresolved as (
             select id, debit_account_id, credit_account_id, expires_at
               from ledger_transfers as hold
              where kind = 'hold'
                and not exists (select from ledger_transfers as answer
                                 where answer.hold_id = hold.id)),
             compared as (
             select coalesce(unresolved.id, listed.id) as hold_id,
                    case when unresolved.id is null then 'is listed as open, and is not'
                         when listed.id is null then 'is open, and is not listed'
                         else 'is listed with other accounts or another expiry' end as wrong
               from unresolved
               full join open_holds as listed on listed.id = unresolved.id
              where unresolved.id is null
                 or listed.id is null
                 or (unresolved.debit_account_id, unresolved.credit_account_id)
                    <> (listed.debit_account_id, listed.credit_account_id)
                 or unresolved.expires_at is distinct from listed.expires_at)
        select *, count(*) over () as found from compared order by hold_id limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def answers_off(tx: Tx, *, limit: int) -> list[Row]:
    """Movements that resolve something else than what their hold holds, and holds that two
    movements resolve."""
    return await tx.fetch(
        """
        with compared as (
             select answer.id as transfer_id, answer.kind, answer.hold_id,
                    case when hold.id is null then 'there is no such hold'
                         when answer.held_minor <> -hold.held_minor
                         then 'releases another amount than is held'
                         when answer.currency <> hold.currency then 'is of another currency'
                         when (answer.debit_account_id, answer.credit_account_id)
                              <> (hold.debit_account_id, hold.credit_account_id)
                         then 'is on other accounts'
                         when count(*) over (partition by answer.hold_id) > 1
                         then 'is not the only one for its hold' end as wrong
               from ledger_transfers as answer
               left join ledger_transfers as hold
                 on hold.id = answer.hold_id and hold.kind = 'hold'
              where answer.hold_id is not null)
        select *, count(*) over () as found
          from compared
         where wrong is not null
         order by transfer_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def strays(tx: Tx, *, limit: int) -> list[Row]:
    """Movements on accounts that do not exist, or are kept in another currency."""
    return await tx.fetch(
        """
        with compared as (
             select movement.id as transfer_id, movement.currency, movement.debit_account_id,
                    movement.credit_account_id,
                    case when debit.id is null then 'there is no such debit account'
                         when credit.id is null then 'there is no such credit account'
                         when debit.currency <> movement.currency
                         then 'the debit account is kept in ' || debit.currency
                         when credit.currency <> movement.currency
                         then 'the credit account is kept in ' || credit.currency end as wrong
               from ledger_transfers as movement
               left join accounts as debit on debit.id = movement.debit_account_id
               left join accounts as credit on credit.id = movement.credit_account_id)
        select *, count(*) over () as found
          from compared
         where wrong is not null
         order by transfer_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def digest(tx: Tx, ids: Sequence[UUID]) -> tuple[int, int]:
    """How many of these moved money, and the sum of their digests: see `payments.verify`."""
    row = await tx.fetchrow(
        """
        select count(*) as count,
               coalesce(sum(hash_record_extended(row(
                   id, debit_account_id, credit_account_id, amount_minor::bigint, currency::text
               ), 0)), 0)::text as digest
          from ledger_transfers
         where id = any($1::uuid[]) and kind in ('post', 'post_hold')
        """,
        ids,
        timeout=_PATIENCE_S,
    )
    return (0, 0) if row is None else (row["count"], int(row["digest"]))


async def resolutions(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    """Of those that are holds: the hold, and the kind of what resolved it, if anything did."""
    return await tx.fetch(
        """
        select hold.id, answer.kind
          from ledger_transfers as hold
          left join ledger_transfers as answer on answer.hold_id = hold.id
         where hold.id = any($1::uuid[]) and hold.kind = 'hold'
        """,
        ids,
        timeout=_PATIENCE_S,
    )
