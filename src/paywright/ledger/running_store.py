"""Questions about the history of accounts: those of `verify`, like the others in `verify_store`,
and where the newest part of a history begins."""

from datetime import datetime

from paywright.core.ids import AccountId
from paywright.db.pool import Row, Tx

_PATIENCE_S = 24 * 3600.0  # for one question: the pool's own limit is meant for requests


async def running_off(tx: Tx, *, limit: int) -> list[Row]:
    """Where the balances that a movement left are not those before it plus its change, or two
    movements of an account have one time.

    An account's side decides: on the side on which it grows, what is held is not there yet.
    """
    return await tx.fetch(
        """
        with legs as (
             select debit_account_id as account_id, id, created_at, true as is_debit,
                    debit_balance as balance, debit_available as available, held_minor,
                    case when kind in ('post', 'post_hold') then amount_minor else 0 end as posted
               from ledger_transfers
              union all
             select credit_account_id, id, created_at, false, credit_balance, credit_available,
                    held_minor,
                    case when kind in ('post', 'post_hold') then amount_minor else 0 end
               from ledger_transfers),
             steps as (
             select account_id, legs.id, legs.created_at, balance, available,
                    case when is_debit = (kind in ('asset', 'expense'))
                         then posted::numeric else -posted::numeric end as change,
                    case when is_debit = (kind in ('asset', 'expense'))
                         then posted::numeric else -posted::numeric - held_minor end
                        as available_change,
                    lag(balance, 1, 0::bigint) over along as balance_before,
                    lag(available, 1, 0::bigint) over along as available_before,
                    lag(legs.created_at) over along as time_before
               from legs
               join accounts on accounts.id = account_id
             window along as (partition by account_id order by legs.created_at, legs.id)),
             compared as (
             select account_id, id as transfer_id, created_at, balance, available,
                    balance_before + change as balance_expected,
                    available_before + available_change as available_expected,
                    created_at = time_before as is_same_time
               from steps)
        select *, count(*) over () as found
          from compared
         where balance <> balance_expected or available <> available_expected or is_same_time
         order by account_id, created_at, transfer_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def last_balances_off(tx: Tx, *, limit: int) -> list[Row]:
    """Accounts whose last movement left other balances than they have, or is newer than they
    know."""
    return await tx.fetch(
        """
        with compared as (
             select accounts.id as account_id, code, moved_at, last.id as transfer_id,
                    last.created_at, last.balance, last.available,
                    case when kind in ('asset', 'expense')
                         then debits_posted::numeric - credits_posted
                         else credits_posted::numeric - debits_posted end as balance_kept,
                    case when kind in ('asset', 'expense')
                         then debits_posted::numeric - credits_posted - credits_pending
                         else credits_posted::numeric - debits_posted - debits_pending
                     end as available_kept
               from accounts
              cross join lateral (
                    select * from (
                        (select id, created_at, debit_balance as balance,
                                debit_available as available
                           from ledger_transfers where debit_account_id = accounts.id
                          order by created_at desc limit 1)
                         union all
                        (select id, created_at, credit_balance, credit_available
                           from ledger_transfers where credit_account_id = accounts.id
                          order by created_at desc limit 1)) as ends
                     order by created_at desc limit 1) as last)
        select *, count(*) over () as found
          from compared
         where balance <> balance_kept or available <> available_kept or created_at > moved_at
         order by account_id
         limit $1
        """,
        limit,
        timeout=_PATIENCE_S,
    )


async def newest_since(
    tx: Tx, account_id: AccountId, *, until: datetime | None, with_holds: bool, limit: int
) -> datetime | None:
    """The time of an account's newest movement but `limit` - 1; None: there are not so many."""
    return await tx.fetchval(
        """
        select created_at
          from ((select created_at
                   from ledger_transfers
                  where debit_account_id = $1
                    and created_at < coalesce($2::timestamptz, 'infinity')
                    and ($3::boolean or kind in ('post', 'post_hold'))
                  order by created_at desc
                  limit $4::int)
                union all
                (select created_at
                   from ledger_transfers
                  where credit_account_id = $1
                    and created_at < coalesce($2::timestamptz, 'infinity')
                    and ($3::boolean or kind in ('post', 'post_hold'))
                  order by created_at desc
                  limit $4::int)) as sides
         order by created_at desc
        offset $4::int - 1
         limit 1
        """,
        account_id,
        until,
        with_holds,
        limit,
    )
