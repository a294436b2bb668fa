"""What must be true of the books after a run. A run of which it is not has no speed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from bench.load import Loaded
from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.payments.verify import verify


class Made(msgspec.Struct):
    """What the bench reads of an answer."""

    id: str


class Result(msgspec.Struct):
    answer: Made | None = None


class Batch(msgspec.Struct):
    results: list[Result]


_made = msgspec.json.Decoder(Made).decode
_batch = msgspec.json.Decoder(Batch).decode

# Every row names what is wrong, and how often.
_VIOLATIONS = """
with acknowledged as (select unnest($1::uuid[]) as id)
select 'acknowledged transfers have no movement in the ledger' as what, count(*) as count
  from acknowledged left join ledger_transfers using (id) where ledger_transfers.id is null
union all
select 'acknowledged transfers have no payment that succeeded', count(*)
  from acknowledged left join payments using (id)
 where payments.status is distinct from 'succeeded'
union all
select 'movements too many or too few are in the ledger', abs(count(*) - $2) from ledger_transfers
union all
select 'transfers too many or too few are on file', abs(count(*) - $2)
  from payments where kind = 'transfer'
union all
select 'events of transfers are too many or missing', abs(count(*) - $2)
  from events where type = 'payment.completed'
union all
select 'transfers have another number of events than one', $2 - count(distinct subject)
  from events where type = 'payment.completed'
union all
select 'idempotency keys are too many or missing', abs(count(*) - $3) from idempotency_keys
union all
select 'idempotency keys have no answer', count(*)
  from idempotency_keys where status not between 200 and 299 or length(body) = 0
"""


def ids_of(loaded: Loaded) -> Iterator[UUID]:
    """The transfers that were acknowledged, alone or in batches."""
    for status, body in zip(loaded.statuses, loaded.bodies, strict=True):
        if status == 201:
            yield PaymentId.parse(_made(body).id)
        elif status == 200:
            for it in _batch(body).results:
                if it.answer is not None:
                    yield PaymentId.parse(it.answer.id)


async def violations(
    url: str, ids: Sequence[UUID], *, asked: int, keys: int, before: int = 0
) -> list[str]:
    """What is wrong in the database.

    ids:    of the transfers that were acknowledged; asked: how many were asked for
    keys:   how many idempotency keys were sent
    before: transfers, each with a key, that were on file before the run
    """
    wrong = [] if len(set(ids)) == len(ids) else ["a transfer was acknowledged twice"]
    if len(ids) != asked:
        wrong.append(f"{asked - len(ids)} transfers were refused")
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_VIOLATIONS, list(ids), before + len(ids), before + keys)
    finally:
        await connection.close()
    wrong += [f"{row['count']} {row['what']}" for row in rows if row["count"]]
    db = await Database.connect(url, connections_max=2)
    try:
        report = await verify(db, at=datetime.now(UTC))
    finally:
        await db.close()
    return wrong + [f"{it.broken} break: {it.invariant}" for it in report.checks if it.broken]
