"""A ledger that has been in use: millions of transfers put on file by a few statements.

The rows are what `move_money` would have written: each account in turn pays one cent to the account
half of all further on. So running balances are known without adding anything up, and the books
are sound. Keys and what they keep are random and as long as real ones.
"""

import shutil

import asyncpg

from bench.ledger_workload import ACCOUNTS, account_id
from bench.stack import BenchFailed, Server

_CHUNK = 250_000  # transfers in one transaction
_BYTES_EACH = 1_900  # on disk, all tables and indexes, with what verifying takes
_BYTES_MORE = 4_000_000_000  # the log of changes, and the other databases

# What each transfer `i` is made of. Ids are UUIDs of version 7 of their millisecond.
_TRANSFERS = """
create unlogged table bench_transfers as
select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
        || substr(dice, 1, 3) || '8' || substr(dice, 4, 15))::uuid as id,
       at, dice, debit.id as debit_id, credit.id as credit_id,
       case when debit.n < $3 / 2 then -1 else 0 end as debit_balance,
       case when debit.n < $3 / 2 then 1 else 0 end as credit_balance
  from generate_series($1::bigint, $2::bigint - 1) as i
 cross join lateral (
       select md5('bench' || i) as dice,
              $5::timestamptz + i * interval '20 hours' / $4::bigint as at) as made
  join bench_accounts as debit on debit.n = i % $3
  join bench_accounts as credit on credit.n = (i + $3 / 2) % $3
 order by i
"""
_LEDGER = """
insert into ledger_transfers (id, kind, debit_account_id, credit_account_id, amount_minor,
                              held_minor, currency, created_at, debit_balance, debit_available,
                              credit_balance, credit_available)
select id, 'post', debit_id, credit_id, 1, 0, 'EUR', at, debit_balance, debit_balance,
       credit_balance, credit_balance
  from bench_transfers
"""
_PAYMENTS = """
insert into payments (id, kind, status, amount_minor, currency, debit_account_id,
                      credit_account_id, created_at, recorded_at)
select id, 'transfer', 'succeeded', 1, 'EUR', debit_id, credit_id, at, at from bench_transfers
"""
_KEYS = """
insert into idempotency_keys (scope, key, fingerprint, status, body, is_recipe, created_at)
select 'transfers.create', dice, decode(rpad(dice, $1::int * 2, dice), 'hex'), 201,
       decode(rpad(dice, $2::int * 2, dice), 'hex'), true, at
  from bench_transfers
"""
_EVENTS = """
insert into events (id, at, type, subject, actor, ip, request_id, data, after)
select id, at, 'payment.completed', 'pay_' || substr(replace(id::text, '-', ''), 1, 26), 'system',
       '127.0.0.1', 'req_' || dice,
       jsonb_build_object('kind', 'transfer', 'amount_minor', 1, 'currency', 'EUR',
                          'debit_account_id', 'acc_' || substr(debit_id::text, 1, 26),
                          'credit_account_id', 'acc_' || substr(credit_id::text, 1, 26)),
       '{"status": "succeeded"}'
  from bench_transfers
"""
_TOTALS = """
update accounts
   set debits_posted = debits_posted + $1, credits_posted = credits_posted + $1,
       moved_at = $2::timestamptz + interval '20 hours'
"""


def check_room(server: Server, rows: int) -> None:
    """Raises BenchFailed when so many transfers would not fit on the disk."""
    free, needed = shutil.disk_usage(server.folder).free, rows * _BYTES_EACH + _BYTES_MORE
    if free < needed:
        raise BenchFailed(
            f"a ledger of {rows:,} transfers needs {needed / 1e9:.0f} GB in "
            f"{server.folder.parent}, and {free / 1e9:.0f} GB are free; set TMPDIR to a larger "
            "disk, or ask for fewer with --rows"
        )


async def fill(url: str, rows: int) -> int:
    """Put that many transfers on file, in a database without any; how many it were, to make them
    fit the number of accounts."""
    rows -= rows % ACCOUNTS
    if not rows:
        return 0
    connection = await asyncpg.connect(url, timeout=30, command_timeout=3_600)
    try:
        await connection.execute("create table bench_accounts (n bigint primary key, id uuid)")
        numbered = [(number, account_id(number)) for number in range(ACCOUNTS)]
        await connection.copy_records_to_table("bench_accounts", records=numbered)
        await connection.execute("analyze bench_accounts")
        begin = await connection.fetchval("select now() - interval '24 hours'")
        for first in range(0, rows, _CHUNK):
            last = min(first + _CHUNK, rows)
            async with connection.transaction():
                await connection.execute(_TRANSFERS, first, last, ACCOUNTS, rows, begin)
                for statement in (_LEDGER, _PAYMENTS, _EVENTS):
                    await connection.execute(statement)
                await connection.execute(_KEYS, 40, 24)
                await connection.execute("drop table bench_transfers")
        await connection.execute(_TOTALS, rows // ACCOUNTS, begin)
        await connection.execute("drop table bench_accounts")
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
    return rows
