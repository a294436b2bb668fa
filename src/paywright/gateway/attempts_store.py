"""All SQL over `provider_attempts`: what was asked of providers, and what came back.

A row is one exchange over the network. `operation_id` is the uuid of what is carried out: of a
payment, or of a refund.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from paywright.db.pool import Row, Tx, from_jsonb
from paywright.gateway.model import OrderKind


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be asked."""

    operation_id: UUID
    payment_id: UUID
    kind: OrderKind
    provider: str
    call: Literal["submit", "look_up"]
    breaker: Literal["closed", "half_open"]


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, as it is on file.

    started_at, ended_at: of the turn that it is a part of; None: nothing came back yet, or whoever
                          asked died before it did
    outcome:              approved, declined, pending, not_found, lost, unsent
    code:                 of the decline, or why the answer is lost
    latency_ms:           of this exchange
    """

    operation_id: UUID
    payment_id: UUID
    kind: OrderKind
    seq: int
    provider: str
    call: Literal["submit", "look_up"]
    breaker: Literal["closed", "half_open"]
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    latency_ms: int | None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts at one provider in a stretch of time.

    attempts: all, those under way included
    outcomes: how many of each word, of those that ended
    lost:     how many for each reason, of those lost or unsent
    """

    provider: str
    attempts: int
    outcomes: Mapping[str, int]
    lost: Mapping[str, int]
    median_ms: int | None
    p95_ms: int | None


class History(msgspec.Struct, frozen=True):
    """calls: exchanges so far. may_have_been_sent: a provider may have heard of it."""

    calls: int
    may_have_been_sent: bool


async def insert(
    tx: Tx, openings: Sequence[Opening], *, if_closed: Sequence[str] = (), at: datetime
) -> dict[UUID, tuple[int, int]]:
    """By operation: its number, and the generation of its provider's breaker. Nothing, unless all
    of `if_closed` have theirs closed. The caller has locked the operations, and names none twice.

    `(select $1)` hides from the planner how many there are: it would plan anew for each call.
    """
    rows = await tx.fetch(
        """
        insert into provider_attempts
               (operation_id, payment_id, kind, seq, provider, call, breaker, started_at)
        select operation_id, payment_id, kind,
               coalesce((select max(seq) from provider_attempts as old
                          where old.operation_id = new.operation_id), 0) + 1,
               provider, call, breaker, $7
          from unnest((select $1::uuid[]), $2::uuid[], $3::text[], $4::text[], $5::text[],
                      $6::text[])
               as new (operation_id, payment_id, kind, provider, call, breaker)
         where not exists (select from provider_breakers
                            where provider = any($8::text[]) and state <> 'closed')
        returning operation_id, seq,
                  (select generation from provider_breakers as it
                    where it.provider = provider_attempts.provider)
        """,
        [it.operation_id for it in openings],
        [it.payment_id for it in openings],
        [it.kind.value for it in openings],
        [it.provider for it in openings],
        [it.call for it in openings],
        [it.breaker for it in openings],
        at,
        if_closed,
    )
    return {row["operation_id"]: (row["seq"], row["generation"] or 0) for row in rows}


async def history(tx: Tx, operation_ids: Sequence[UUID]) -> dict[UUID, History]:
    """What was asked so far, of each; of one that was never begun, nothing."""
    rows = await tx.fetch(
        """
        select operation_id, count(*) as calls,
               bool_or(coalesce(outcome not in ('unsent', 'not_found'), true)) as may_be_sent
          from provider_attempts
         where operation_id = any($1::uuid[])
         group by operation_id
        """,
        operation_ids,
    )
    known = {row["operation_id"]: History(row["calls"], row["may_be_sent"]) for row in rows}
    return {it: known.get(it) or History(0, may_have_been_sent=False) for it in operation_ids}


async def recent(
    tx: Tx, provider: str, *, before: tuple[datetime, UUID, int] | None, limit: int
) -> list[AttemptRow]:
    """The newest first. before: `started_at`, `operation_id` and `seq` of the last of the page
    before this one."""
    started_at, operation_id, seq = before or (None, None, None)
    rows = await tx.fetch(
        """
        select operation_id, payment_id, kind, seq, provider, call, breaker, started_at, ended_at,
               outcome, code, latency_ms
          from provider_attempts
         where provider = $1
           and started_at <= coalesce($2::timestamptz, 'infinity')
           and ($2 is null or (started_at, operation_id, seq) < ($2, $3::uuid, $4::smallint))
         order by started_at desc, operation_id desc, seq desc
         limit $5
        """,
        provider,
        started_at,
        operation_id,
        seq,
        limit,
    )
    return [_attempt(row) for row in rows]


async def tallies(tx: Tx, *, since: datetime) -> dict[str, Tally]:
    """Of each provider that was called in [since, now)."""
    rows = await tx.fetch(
        """
        with counted as (
             select provider, outcome, code, count(*) as count
               from provider_breakers
               join provider_attempts using (provider)
              where started_at >= $1
              group by provider, outcome, code),
             timed as (
             select provider,
                    percentile_cont(array[0.5, 0.95]) within group (order by latency_ms) as ms
               from provider_breakers
               join provider_attempts using (provider)
              where started_at >= $1
              group by provider)
        select provider, ms[1]::integer as median_ms, ms[2]::integer as p95_ms,
               (select sum(count)::bigint from counted where counted.provider = timed.provider)
                   as attempts,
               (select json_object_agg(outcome, count)::text
                  from (select outcome, sum(count) as count from counted
                         where counted.provider = timed.provider and outcome is not null
                         group by outcome order by 2 desc, 1) as words) as outcomes,
               (select json_object_agg(code, count)::text
                  from (select code, sum(count) as count from counted
                         where counted.provider = timed.provider and code is not null
                           and outcome in ('lost', 'unsent')
                         group by code order by 2 desc, 1) as reasons) as lost
          from timed
         order by provider collate "C"
        """,
        since,
    )
    return {
        row["provider"]: Tally(
            provider=row["provider"],
            attempts=row["attempts"],
            outcomes=from_jsonb(row["outcomes"], dict[str, int]) or {},
            lost=from_jsonb(row["lost"], dict[str, int]) or {},
            median_ms=row["median_ms"],
            p95_ms=row["p95_ms"],
        )
        for row in rows
    }


def _attempt(row: Row) -> AttemptRow:
    return AttemptRow(
        operation_id=row["operation_id"],
        payment_id=row["payment_id"],
        kind=OrderKind(row["kind"]),
        seq=row["seq"],
        provider=row["provider"],
        call=row["call"],
        breaker=row["breaker"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        code=row["code"],
        latency_ms=row["latency_ms"],
    )
