"""All SQL over `provider_breakers`."""

from collections.abc import Sequence

from paywright.db.pool import Row, Tx
from paywright.gateway.breaker import Breaker, State


async def read(tx: Tx, providers: Sequence[str]) -> dict[str, Breaker]:
    """Those that are on file, as they are; nobody waits."""
    rows = await tx.fetch(
        """
        select provider, state, generation, changed_at, forced, forced_by, forced_why, open_until,
               openings, failures_in_a_row, window_at, calls, failures, probes_until,
               probes_passed, drain_at
          from provider_breakers
         where provider = any($1::text[])
        """,
        providers,
    )
    return {row["provider"]: breaker_of_row(row) for row in rows}


async def lock(tx: Tx, providers: Sequence[str]) -> dict[str, Breaker]:
    """Those that are on file; the rows are locked in the order of their names until the
    transaction ends."""
    rows = await tx.fetch(
        """
        select provider, state, generation, changed_at, forced, forced_by, forced_why, open_until,
               openings, failures_in_a_row, window_at, calls, failures, probes_until,
               probes_passed, drain_at
          from provider_breakers
         where provider = any($1::text[])
         order by provider collate "C"
           for no key update
        """,
        providers,
    )
    return {row["provider"]: breaker_of_row(row) for row in rows}


async def insert_missing(tx: Tx, breakers: Sequence[Breaker]) -> None:
    """Put fresh ones on file. Somebody else may be faster. `breakers`: in the order of their
    names."""
    await tx.execute(
        """
        insert into provider_breakers (provider, state, changed_at, window_at)
        select provider, 'closed', at, at
          from unnest($1::text[], $2::timestamptz[]) with ordinality as new (provider, at, place)
         order by place
            on conflict do nothing
        """,
        [it.provider for it in breakers],
        [it.changed_at for it in breakers],
    )


async def save(tx: Tx, it: Breaker) -> None:
    """The caller has locked it. There are few, and arrays of arrays would have to be even."""
    await tx.execute(
        """
        update provider_breakers
           set state = $2, generation = $3, changed_at = $4, forced = $5, forced_by = $6,
               forced_why = $7, open_until = $8, openings = $9, failures_in_a_row = $10,
               window_at = $11, calls = $12, failures = $13, probes_until = $14,
               probes_passed = $15, drain_at = $16
         where provider = $1
        """,
        it.provider,
        it.state.value,
        it.generation,
        it.changed_at,
        None if it.forced is None else it.forced.value,
        it.forced_by,
        it.forced_why,
        it.open_until,
        it.openings,
        it.failures_in_a_row,
        it.window_at,
        it.calls,
        it.failures,
        it.probes_until,
        it.probes_passed,
        it.drain_at,
    )


def breaker_of_row(row: Row) -> Breaker:
    return Breaker(
        provider=row["provider"],
        state=State(row["state"]),
        generation=row["generation"],
        changed_at=row["changed_at"],
        forced=None if row["forced"] is None else State(row["forced"]),
        forced_by=row["forced_by"],
        forced_why=row["forced_why"],
        open_until=row["open_until"],
        openings=row["openings"],
        failures_in_a_row=row["failures_in_a_row"],
        window_at=row["window_at"],
        calls=tuple(row["calls"]),
        failures=tuple(row["failures"]),
        probes_until=tuple(row["probes_until"]),
        probes_passed=row["probes_passed"],
        drain_at=row["drain_at"],
    )
