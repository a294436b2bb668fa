"""All SQL over the screenings of customers: how they stand, the evidence, what was cleared."""

from collections.abc import Sequence
from datetime import datetime

from paywright.db.pool import Row, Tx, from_jsonb, to_jsonb
from paywright.screening.records import (
    Cleared,
    Evidence,
    Found,
    HitId,
    Pair,
    Record,
    ScreeningStatus,
    Standing,
    Top,
)


async def standings(tx: Tx, customer_ids: Sequence[str]) -> tuple[int, dict[str, Standing]]:
    """The generation in force, and those of the customers who were ever screened."""
    rows = await tx.fetch(
        """
        select now.id as current, customer_id, generation, status, matches->0 as top
          from (select coalesce(max(id), 0) as id from screening_generations) as now
          left join customer_screenings on customer_id = any($1::text[])
        """,
        customer_ids,
    )
    found = {}
    for row in rows:
        if row["customer_id"] is not None:
            status = ScreeningStatus(row["status"])
            found[row["customer_id"]] = Standing(
                customer_id=row["customer_id"],
                generation=row["generation"],
                status=status,
                top=from_jsonb(row["top"], Top) if status is ScreeningStatus.HIT else None,
            )
    return rows[0]["current"], found


async def lock(tx: Tx, customer_ids: Sequence[str]) -> dict[str, Record]:
    """The rows of those who were ever screened, locked in the order of their ids."""
    rows = await tx.fetch(
        """
        select customer_id, generation, name_hash, matches, hit_id, at
          from customer_screenings
         where customer_id = any($1::text[])
         order by customer_id
           for update
        """,
        customer_ids,
    )
    return {row["customer_id"]: record_of_row(row) for row in rows}


async def records(tx: Tx, customer_ids: Sequence[str]) -> dict[str, Record]:
    rows = await tx.fetch(
        """
        select customer_id, generation, name_hash, matches, hit_id, at
          from customer_screenings
         where customer_id = any($1::text[])
        """,
        customer_ids,
    )
    return {row["customer_id"]: record_of_row(row) for row in rows}


async def save(tx: Tx, records: Sequence[Record]) -> None:
    """Insert or replace, unless somebody has screened against newer lists in the meantime."""
    rows = sorted(records, key=lambda record: record.customer_id)
    await tx.execute(
        """
        insert into customer_screenings
               (customer_id, generation, name_hash, status, matches, hit_id, at)
        select * from unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::jsonb[],
                             $6::uuid[], $7::timestamptz[])
            on conflict (customer_id) do update
           set generation = excluded.generation, name_hash = excluded.name_hash,
               status = excluded.status, matches = excluded.matches, hit_id = excluded.hit_id,
               at = excluded.at
         where customer_screenings.generation <= excluded.generation
        """,
        [it.customer_id for it in rows],
        [it.generation for it in rows],
        [it.name_hash for it in rows],
        [it.status for it in rows],
        [to_jsonb(it.matches) for it in rows],
        [it.hit_id for it in rows],
        [it.at for it in rows],
    )


async def keep_evidence(tx: Tx, evidence: Sequence[Evidence]) -> None:
    await tx.execute(
        """
        insert into screening_hits (id, customer_id, generation, lists, matches, sealed, at)
        select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[], $5::jsonb[],
                             $6::bytea[], $7::timestamptz[])
        """,
        [it.id for it in evidence],
        [it.customer_id for it in evidence],
        [it.generation for it in evidence],
        [to_jsonb(it.lists) for it in evidence],
        [to_jsonb(it.matches) for it in evidence],
        [it.sealed for it in evidence],
        [it.at for it in evidence],
    )


async def outdated(tx: Tx, *, generation: int, after: str, limit: int) -> list[Record]:
    """Customers who were screened against older lists, by id, from behind `after` on."""
    rows = await tx.fetch(
        """
        select customer_id, generation, name_hash, matches, hit_id, at
          from customer_screenings
         where generation < $1 and customer_id > $2
         order by customer_id
         limit $3
        """,
        generation,
        after,
        limit,
    )
    return [record_of_row(row) for row in rows]


async def count_outdated(tx: Tx, *, generation: int) -> int:
    return await tx.fetchval(
        "select count(*) from customer_screenings where generation < $1", generation
    )


async def any_outdated(tx: Tx) -> bool:
    """Whether anybody was last screened against lists that are not in force any more."""
    return await tx.fetchval(
        """
        select exists (select from customer_screenings
                        where generation < (select max(id) from screening_generations))
        """
    )


async def confirm(tx: Tx, customer_ids: Sequence[str], *, generation: int, at: datetime) -> None:
    """Nothing that has changed in the lists concerns them: their screening holds for these, too."""
    await tx.execute(
        """
        update customer_screenings
           set generation = $2, at = $3
          from (select customer_id
                  from customer_screenings
                 where customer_id = any($1::text[]) and generation < $2
                 order by customer_id
                   for update) as older
         where customer_screenings.customer_id = older.customer_id
        """,
        customer_ids,
        generation,
        at,
    )


async def cleared(tx: Tx, customer_ids: Sequence[str]) -> dict[str, dict[Pair, Cleared]]:
    """What was ever cleared, by customer."""
    rows = await tx.fetch(
        """
        select customer_id, list, entry_id, entry_hash, name_hash
          from cleared_pairs
         where customer_id = any($1::text[])
        """,
        customer_ids,
    )
    found: dict[str, dict[Pair, Cleared]] = {}
    for row in rows:
        pairs = found.setdefault(row["customer_id"], {})
        pairs[row["list"], row["entry_id"]] = Cleared(row["entry_hash"], row["name_hash"])
    return found


async def clear(
    tx: Tx,
    customer_id: str,
    pair: Pair,
    cleared: Cleared,
    *,
    reason: str,
    by: str,
    at: datetime,
) -> None:
    await tx.execute(
        """
        insert into cleared_pairs (customer_id, list, entry_id, entry_hash, name_hash, reason,
                                   cleared_by, cleared_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (customer_id, list, entry_id) do update
           set entry_hash = excluded.entry_hash, name_hash = excluded.name_hash,
               reason = excluded.reason, cleared_by = excluded.cleared_by,
               cleared_at = excluded.cleared_at
        """,
        customer_id,
        *pair,
        cleared.entry_hash,
        cleared.name_hash,
        reason,
        by,
        at,
    )


async def forget(tx: Tx, customer_ids: Sequence[str]) -> None:
    """Those who are no customers any more. Their evidence stays."""
    await tx.execute(
        "delete from customer_screenings where customer_id = any($1::text[])", customer_ids
    )


async def outdate(tx: Tx, customer_ids: Sequence[str]) -> None:
    """Have them screened again before anybody goes by what was found."""
    await tx.execute(
        "update customer_screenings set generation = 0 where customer_id = any($1::text[])",
        customer_ids,
    )


async def seen_until(tx: Tx) -> datetime | None:
    """Up to which change of a customer somebody has looked; None: never."""
    return await tx.fetchval("select seen from screening_progress")


async def set_seen(tx: Tx, seen: datetime) -> None:
    await tx.execute(
        """
        insert into screening_progress (seen) values ($1)
            on conflict (only_row) do update
           set seen = greatest(screening_progress.seen, excluded.seen)
        """,
        seen,
    )


def record_of_row(row: Row) -> Record:
    return Record(
        customer_id=row["customer_id"],
        generation=row["generation"],
        name_hash=row["name_hash"],
        matches=from_jsonb(row["matches"], list[Found]),
        hit_id=None if row["hit_id"] is None else HitId.of(row["hit_id"]),
        at=row["at"],
    )
