"""The SQL of the end of calls: completes rows of `provider_attempts`, and locks breakers with the
same statement, which saves each call a way to the database and back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.db.pool import Row, Tx
from paywright.gateway.attempts_store import Opening
from paywright.gateway.breaker import Breaker
from paywright.gateway.breakers_store import breaker_of_row


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. asked: of this exchange; seq: of the row that was made for the turn"""

    asked: Opening
    seq: int
    outcome: str
    code: str | None
    latency_ms: int


class Finished(msgspec.Struct, frozen=True):
    """began: when each turn began that was not complete before, by its operation and number;
    breakers: of those that were asked, as far as they are on file, and locked"""

    began: dict[tuple[UUID, int], datetime]
    breakers: dict[str, Breaker]


async def finish(tx: Tx, endings: Sequence[Ending], *, at: datetime) -> Finished:
    """Complete the rows that were made for these turns, and lock the breakers in the order of
    their names.

    An insert that always meets a row: that way it is found by its key, however the statement was
    planned while the table was small.
    """
    rows = await tx.fetch(
        """
        with turns as (
             insert into provider_attempts as turn
                    (operation_id, payment_id, kind, seq, provider, call, breaker, started_at,
                     ended_at, outcome, code, latency_ms)
             select operation_id, payment_id, kind, seq, provider, call, breaker, $11, $11,
                    outcome, code, latency_ms
               from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[],
                           $6::text[], $7::text[], $8::text[], $9::text[], $10::integer[])
                    as new (operation_id, payment_id, kind, seq, provider, call, breaker, outcome,
                            code, latency_ms)
                 on conflict (operation_id, seq) do update
                set ended_at = greatest(turn.started_at, excluded.ended_at),
                    outcome = excluded.outcome, code = excluded.code,
                    latency_ms = excluded.latency_ms
              where turn.ended_at is null
             returning operation_id, seq, provider, started_at),
             finished as (
             select provider, array_agg(operation_id) as operation_ids, array_agg(seq) as seqs,
                    array_agg(started_at) as started_at
               from turns
              group by provider),
             breakers as (
             select provider, state, generation, changed_at, forced, forced_by, forced_why,
                    open_until, openings, failures_in_a_row, window_at, calls, failures,
                    probes_until, probes_passed, drain_at
               from provider_breakers
              where provider = any($5::text[])
              order by provider collate "C"
                for no key update)
        select *
          from finished
          full join breakers using (provider)
        """,
        *_columns(endings),
        at,
    )
    return Finished(
        began={turn: began for row in rows for turn, began in _turns(row)},
        breakers={it["provider"]: breaker_of_row(it) for it in rows if it["state"] is not None},
    )


def _turns(row: Row) -> list[tuple[tuple[UUID, int], datetime]]:
    if row["seqs"] is None:  # all were complete before
        return []
    keys = zip(row["operation_ids"], row["seqs"], strict=True)
    return list(zip(keys, row["started_at"], strict=True))


async def insert_repetitions(
    tx: Tx, endings: Sequence[Ending], started_at: Sequence[datetime], *, at: datetime
) -> None:
    """Further exchanges of turns that began then, in order. The caller has locked the
    operations."""
    await tx.execute(
        """
        insert into provider_attempts
               (operation_id, payment_id, kind, seq, provider, call, breaker, started_at, ended_at,
                outcome, code, latency_ms)
        select operation_id, payment_id, kind,
               (select max(seq) from provider_attempts as old
                 where old.operation_id = new.operation_id)
                + row_number() over (partition by operation_id order by place),
               provider, call, breaker, started_at, greatest(started_at, $12), outcome, code,
               latency_ms
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::text[],
                      $7::text[], $8::text[], $9::text[], $10::integer[], $11::timestamptz[])
               with ordinality
               as new (operation_id, payment_id, kind, turn, provider, call, breaker, outcome, code,
                       latency_ms, started_at, place)
        """,
        *_columns(endings),
        started_at,
        at,
    )


def _columns(endings: Sequence[Ending]) -> tuple[list[object], ...]:
    return (
        [it.asked.operation_id for it in endings],
        [it.asked.payment_id for it in endings],
        [it.asked.kind.value for it in endings],
        [it.seq for it in endings],
        [it.asked.provider for it in endings],
        [it.asked.call for it in endings],
        [it.asked.breaker for it in endings],
        [it.outcome for it in endings],
        [it.code for it in endings],
        [it.latency_ms for it in endings],
    )
