"""All SQL over `accounts`."""

from collections.abc import Sequence
from functools import lru_cache

from paywright.core.ids import AccountId
from paywright.db.pool import Row, Tx
from paywright.ledger.model import Account, AccountKind, AccountStatus, Standing

_KINDS = {kind.value: kind for kind in AccountKind}
_STATUSES = {status.value: status for status in AccountStatus}


async def lock(tx: Tx, ids: Sequence[AccountId]) -> dict[AccountId, Standing]:
    """The accounts, locked in the order of their ids; those that do not exist are absent.

    Everybody who moves money locks in this order, so that nobody waits in a circle.
    """
    rows = await tx.fetch(
        """
        select id, currency, kind, moved_at, may_go_negative, status, debits_posted,
               credits_posted, debits_pending, credits_pending, owner
          from accounts
         where id = any($1::uuid[])
         order by id
           for no key update
        """,
        ids,
    )
    standings = [_standing(row) for row in rows]
    return {standing.id: standing for standing in standings}


async def lock_free(tx: Tx, ids: Sequence[AccountId]) -> dict[AccountId, Standing]:
    """The same for those that nobody else has locked. Waits for none."""
    rows = await tx.fetch(
        """
        select id, currency, kind, moved_at, may_go_negative, status, debits_posted,
               credits_posted, debits_pending, credits_pending, owner
          from accounts
         where id = any($1::uuid[])
         order by id
           for no key update skip locked
        """,
        ids,
    )
    standings = [_standing(row) for row in rows]
    return {standing.id: standing for standing in standings}


async def existing(tx: Tx, ids: Sequence[AccountId]) -> set[AccountId]:
    rows = await tx.fetch("select id from accounts where id = any($1::uuid[])", ids)
    return {_id_of(row["id"]) for row in rows}


async def select(tx: Tx, ids: Sequence[AccountId]) -> dict[AccountId, Account]:
    rows = await tx.fetch(
        """
        select id, code, name, owner, currency, kind, may_go_negative, status, debits_posted,
               credits_posted, debits_pending, credits_pending, opened_at, moved_at
          from accounts
         where id = any($1::uuid[])
        """,
        ids,
    )
    accounts = [account_of_row(row) for row in rows]
    return {account.id: account for account in accounts}


async def named(tx: Tx, ids: Sequence[AccountId], codes: Sequence[str]) -> list[Account]:
    """Those with one of these ids or codes."""
    rows = await tx.fetch(
        """
        select id, code, name, owner, currency, kind, may_go_negative, status, debits_posted,
               credits_posted, debits_pending, credits_pending, opened_at, moved_at
          from accounts
         where id = any($1::uuid[]) or code = any($2::text[])
        """,
        ids,
        codes,
    )
    return [account_of_row(row) for row in rows]


async def ids_by_code(tx: Tx, codes: Sequence[str]) -> dict[str, AccountId]:
    rows = await tx.fetch("select code, id from accounts where code = any($1::text[])", codes)
    return {row["code"]: AccountId.of(row["id"]) for row in rows}


async def insert(tx: Tx, accounts: Sequence[Account]) -> set[AccountId]:
    """Open accounts. Those whose id or code is taken are left out; the ids of the others."""
    rows = await tx.fetch(
        """
        insert into accounts (id, code, name, owner, currency, kind, may_go_negative, status,
                              opened_at, moved_at)
        select *, opened_at
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::boolean[], $8::text[], $9::timestamptz[])
            as new (id, code, name, owner, currency, kind, may_go_negative, status, opened_at)
         order by code, id
            on conflict do nothing
        returning id
        """,
        [account.id for account in accounts],
        [account.code for account in accounts],
        [account.name for account in accounts],
        [account.owner for account in accounts],
        [account.currency for account in accounts],
        [account.kind.value for account in accounts],
        [account.may_go_negative for account in accounts],
        [account.status.value for account in accounts],
        [account.opened_at for account in accounts],
    )
    return {AccountId.of(row["id"]) for row in rows}


async def save_balances(tx: Tx, accounts: Sequence[Standing]) -> None:
    await tx.execute(
        """
        update accounts
           set debits_posted = new.debits_posted, credits_posted = new.credits_posted,
               debits_pending = new.debits_pending, credits_pending = new.credits_pending,
               moved_at = new.moved_at
          from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                      $6::timestamptz[])
            as new (id, debits_posted, credits_posted, debits_pending, credits_pending, moved_at)
         where accounts.id = new.id
        """,
        [account.id for account in accounts],
        [account.debits_posted for account in accounts],
        [account.credits_posted for account in accounts],
        [account.debits_pending for account in accounts],
        [account.credits_pending for account in accounts],
        [account.moved_at for account in accounts],
    )


async def set_status(tx: Tx, account_id: AccountId, status: AccountStatus) -> None:
    await tx.execute("update accounts set status = $2 where id = $1", account_id, status.value)


# Accounts come again and again: their ids are made once, and keep their text.
_id_of = lru_cache(100_000)(AccountId.of)


def _standing(row: Row) -> Standing:
    return Standing(
        id=_id_of(row[0]),
        currency=row[1],
        kind=_KINDS[row[2]],
        moved_at=row[3],
        may_go_negative=row[4],
        status=_STATUSES[row[5]],
        debits_posted=row[6],
        credits_posted=row[7],
        debits_pending=row[8],
        credits_pending=row[9],
        owner=row[10],
    )


def account_of_row(row: Row) -> Account:
    """An account from a row with all columns, in the order of the selects above."""
    return Account(
        id=_id_of(row[0]),
        code=row[1],
        name=row[2],
        owner=row[3],
        currency=row[4],
        kind=_KINDS[row[5]],
        may_go_negative=row[6],
        status=_STATUSES[row[7]],
        debits_posted=row[8],
        credits_posted=row[9],
        debits_pending=row[10],
        credits_pending=row[11],
        opened_at=row[12],
        moved_at=row[13],
    )
