"""Vendor payments that have come in over three years, put on file by a few statements.

Nothing is random: each row follows from its number. The newest are the likeliest to be open. Of a
payment there is what its lists and reports read: itself, its lines, its approvals and its changes
of status. There are no events and no movements of the ledger.
"""

from datetime import datetime

import asyncpg

from bench.stack import BenchFailed
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.ledger.chart import chart, ensure_chart
from paywright.vendors.sealing import seal

VENDORS = 500
CURRENCIES = ("EUR", "USD", "JPY")
_CHUNK = 100_000  # payments in one transaction
_IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300")
# A fifth of the payments is of the sixteen vendors that are paid most.
_MADE = """
create unlogged table bench_made as
select i, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
           || substr(dice, 1, 3) || '8' || substr(dice, 4, 15))::uuid as id,
       at, dice, vendor, status, case when vendor % 20 < 16 then 'EUR'
                                      when vendor % 20 < 19 then 'USD' else 'JPY' end as currency,
       500 + (200000 * share ^ 3)::bigint as amount_minor,
       case when share ^ 3 > 0.5 then 2 else 1 end as needed,
       status in ('pending_approval', 'processing', 'unknown') as is_open
  from generate_series($1::bigint, $2::bigint - 1) as i
 cross join lateral (select md5('vendor' || i) as dice) as diced
 cross join lateral (
       select $4::timestamptz - ($3::bigint - i) * interval '1096 days' / $3::bigint as at,
              ('x' || substr(dice, 8, 6))::bit(24)::int / 16777216.0 as share,
              floor($5::int * (('x' || substr(dice, 16, 6))::bit(24)::int / 16777216.0) ^ 2)::int
                  as vendor) as drawn
 cross join lateral (
       select case when i >= $3 - $3 / 10 and i % 10 < 4 then 'pending_approval'
                   when i >= $3 - $3 / 500 then 'processing'
                   when i >= $3 - $3 / 250 and i % 10 = 9 then 'unknown'
                   when i % 50 = 7 then 'failed' when i % 50 = 17 then 'rejected'
                   when i % 50 = 27 then 'canceled' when i % 500 = 37 then 'declined'
                   else 'succeeded' end as status) as become
 order by i
"""
_PAYMENTS = """
insert into payments (id, kind, status, amount_minor, currency, provider, failure_code, description,
                      created_at, recorded_at, provider_reference, settled_at, vendor_id,
                      incident_id, payer_type, debit_account_id)
select bench_made.id, 'vendor_payment', bench_made.status, amount_minor, bench_made.currency,
       case when bench_made.status in ('succeeded', 'failed', 'processing', 'unknown')
            then 'partner_bank' end,
       case when bench_made.status = 'failed' then 'account_closed' end,
       'Work of ' || to_char(at, 'Month YYYY'), at, at,
       case when bench_made.status = 'succeeded' then 'bp_' || dice end,
       case when bench_made.status = 'succeeded' then at + interval '1 day' end,
       'vendor_' || lpad(vendor::text, 4, '0'),
       case when i % 5 < 3 then 'inc_' || case when is_open then i else i / 3 end end,
       (array['back_office', 'back_office', 'driver', 'carrier'])[1 + i % 4], accounts.id
  from bench_made
  join accounts on accounts.code = 'vendors:payable:' || bench_made.currency
 order by i
"""
_DETAILS = """
insert into vendor_payments (payment_id, created_by, makers, lines, metadata, bill_number,
                             family_key, bill_date, due_date, content_hash, payout_version,
                             approvals_needed, is_high_risk, rejected_why, approved_at, released_at)
select id, 'usr_' || i % 40, array['usr_' || i % 40],
       (select jsonb_agg(jsonb_build_object('description', 'Repair of part ' || n, 'quantity', 1,
                                            'unit_price_minor', amount_minor / (1 + i % 3)))
          from generate_series(1, 1 + i % 3) as n),
       jsonb_build_object('depot', 'D' || i % 90),
       case when i % 10 < 8 then 'INV-' || i % 60000 end,
       case when i % 10 < 8 then
           ('x' || substr(sha256(convert_to(format('vendor_%s/%s/%s', lpad(vendor::text, 4, '0'),
                                                   currency, family), 'utf8'))::text, 3, 16)
           )::bit(64)::bigint end,
       case when i % 10 < 8 then (at - interval '3 days')::date end,
       (at + interval '27 days')::date, sha256(dice::bytea), 1, needed, i % 100 = 3,
       case when status = 'rejected' then 'not ordered' end,
       case when is_approved then at + interval '1 hour' * (1 + i % 60) end,
       case when is_approved then at + interval '1 hour' * (1 + i % 60) end
  from bench_made
 cross join lateral (select status not in ('pending_approval', 'rejected', 'canceled', 'declined')
                         as is_approved) as approved
 -- As `payments.vendor.duplicates.family_key` has it.
 cross join lateral (
       select string_agg(digit, '' order by case when i % 60000 > 999 then digit end, place)
                  as family
          from regexp_split_to_table((i % 60000)::text, '') with ordinality as of (digit, place)
       ) as related
 order by i
"""
_APPROVALS = """
insert into approvals (id, subject_kind, subject_id, content_hash, person, actor, role, principal,
                       at, policy_version)
select (substr(id::text, 1, 24) || substr(md5(dice || n), 1, 12))::uuid, 'payment', id,
       sha256(dice::bytea), 'usr_' || (100 + (i + n) % 20), 'usr_' || (100 + (i + n) % 20),
       'approver', 'usr_' || (100 + (i + n) % 20), at + interval '1 hour' * n, 'v1'
  from bench_made
 cross join generate_series(1, needed) as n
 where (status in ('succeeded', 'failed', 'processing', 'unknown')
    or (status = 'pending_approval' and n < needed and i % 20 < 10))
 order by i
"""
_TRANSITIONS = """
insert into payment_transitions (payment_id, seq, before, after, reason, actor, at)
select id, n, case n when 1 then 'pending_approval' else 'processing' end,
       case when n = 1 and status in ('rejected', 'canceled', 'declined') then status
            when n = 1 then 'processing' else status end,
       'bench', 'system', at + interval '1 day' * n
  from bench_made
 cross join generate_series(1, 2) as n
 where status <> 'pending_approval'
   and n <= case when status in ('succeeded', 'failed', 'unknown') then 2 else 1 end
 order by i
"""


async def put_vendors(db: Database, keys: KeyRing, cause: Cause) -> None:
    """500 of them, paid through the partner bank, and the accounts of our own for that."""
    await ensure_chart(db, cause, accounts=chart(CURRENCIES, banks=["partner_bank"]))
    async with db.pool.acquire() as connection:
        await connection.copy_records_to_table(
            "vendors",
            columns=_VENDOR_COLUMNS,
            records=[_vendor(keys, number, cause.at) for number in range(VENDORS)],
        )


_VENDOR_COLUMNS = (
    *("id", "name", "payout", "payout_masked", "payout_index", "payout_changed_at"),
    *("created_by", "created_at", "updated_at"),
)


def vendor_id(number: int) -> str:
    return f"vendor_{number:04}"


def _vendor(keys: KeyRing, number: int, at: datetime) -> tuple[object, ...]:
    id, iban = vendor_id(number), _IBANS[number % len(_IBANS)]
    payout = Beneficiary(bank="partner_bank", name=f"Workshop {number}", iban=iban)
    index = number.to_bytes(32)
    sealed = seal(keys, id, payout)
    return id, payout.name, sealed, f"…{iban[-4:]}", index, at, "usr_0", at, at


async def fill(url: str, rows: int, at: datetime) -> None:
    """Put so many on file, the newest just before `at`, in a database without any.

    Raises BenchFailed when the statements made other than what was asked for.
    """
    connection = await asyncpg.connect(url, timeout=30, command_timeout=3_600)
    try:
        # The rows refer to each other as they should: to check each of them costs a third.
        await connection.execute("set session_replication_role = replica")
        for first in range(0, rows, _CHUNK):
            last = min(first + _CHUNK, rows)
            async with connection.transaction():
                await connection.execute(_MADE, first, last, rows, at, VENDORS)
                for statement in (_PAYMENTS, _DETAILS, _APPROVALS, _TRANSITIONS):
                    await connection.execute(statement)
                await connection.execute("drop table bench_made")
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
        found = await connection.fetchval("select count(*) from pending_approvals")
    finally:
        await connection.close()
    if found != rows // 25:  # four of ten of the newest tenth
        raise BenchFailed(f"{found} payments are pending, not {rows // 25}")
