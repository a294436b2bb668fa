"""The SQL of callers, operators and schedules over PgQueuer's tables, as migration 0002 makes them.

What a worker says about the jobs that it picked is in `picks_store`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from paywright.db.pool import Tx
from paywright.jobs.model import DeadLetter, Depth
from paywright.jobs.picks_store import Statements


async def requeue(tx: Tx, job_ids: Sequence[int]) -> list[tuple[int, str]]:
    """Give dead jobs all their attempts again; id and task of each.

    One whose key another queued job has by now goes without its key.
    """
    rows = await tx.fetch(
        """
        with requeued as (
            update pgqueuer job
               set status = 'queued', execute_after = now(), updated = now(), attempts = 0,
                   dedupe_key = case
                       when exists (select from pgqueuer other
                                     where other.dedupe_key = job.dedupe_key
                                       and other.id <> job.id
                                       and (other.status in ('queued', 'picked')
                                            or other.id = any($1::bigint[])
                                               and other.status = 'failed'
                                               and other.id > job.id))
                       then null else job.dedupe_key end
             where id = any($1::bigint[]) and status = 'failed'
            returning id, entrypoint, priority
        ), logged as (
            insert into pgqueuer_log (job_id, status, entrypoint, priority)
            select id, 'queued', entrypoint, priority from requeued
        ), told as (
            select pg_notify('ch_pgqueuer', json_build_object(
                       'channel', 'ch_pgqueuer', 'operation', 'update', 'sent_at', now(),
                       'table', 'pgqueuer', 'type', 'table_changed_event')::text)
             where exists (select from requeued)
        )
        select requeued.id, entrypoint
          from requeued left join told on true
         order by id
        """,
        job_ids,
    )
    return [(row["id"], row["entrypoint"]) for row in rows]


async def lock_dead(tx: Tx, job_ids: Sequence[int] | None, *, limit: int) -> list[int]:
    """The ids of dead jobs, oldest first; `job_ids` None: of any."""
    rows = await tx.fetch(
        """
        select id
          from pgqueuer
         where status = 'failed' and ($1::bigint[] is null or id = any($1))
         order by id
         limit $2
           for update
        """,
        job_ids,
        limit,
    )
    return [row["id"] for row in rows]


async def list_dead(
    tx: Tx, *, before_id: int | None, task: str | None, limit: int
) -> list[DeadLetter]:
    """Newest job first."""
    rows = await tx.fetch(
        """
        select job.id, job.entrypoint, job.payload, job.priority, job.attempts, job.headers,
               job.created, job.updated, log.traceback
          from pgqueuer job
          left join lateral (
               select traceback
                 from pgqueuer_log
                where job_id = job.id and status = 'failed'
                order by created desc, id desc
                limit 1) log on true
         where job.status = 'failed'
           and ($1::bigint is null or job.id < $1)
           and ($2::text is null or job.entrypoint = $2)
         order by job.id desc
         limit $3
        """,
        before_id,
        task,
        limit,
    )
    return [_dead_letter(row) for row in rows]


def _dead_letter(row: Any) -> DeadLetter:
    headers = msgspec.json.decode(row["headers"] or "{}")
    error = msgspec.json.decode(row["traceback"] or "{}")
    return DeadLetter(
        id=row["id"],
        task=row["entrypoint"],
        payload=msgspec.json.decode(row["payload"] or b"null"),
        priority=row["priority"],
        attempts=row["attempts"],
        reason=f"{error.get('exception_type', 'Unknown')}: {error.get('exception_message', '')}",
        requested_by=headers.get("requested_by", ""),
        request_id=headers.get("request_id", ""),
        queued_at=row["created"],
        died_at=row["updated"],
    )


async def depth(tx: Tx) -> list[Depth]:
    rows = await tx.fetch(
        """
        select entrypoint,
               count(*) filter (where status = 'queued') as queued,
               count(*) filter (where status = 'picked') as picked,
               count(*) filter (where status = 'failed') as failed,
               coalesce(max(extract(epoch from now() - execute_after))
                   filter (where status = 'queued' and execute_after <= now()), 0)::float8 as age
          from pgqueuer
         group by entrypoint
         order by entrypoint
        """
    )
    return [
        Depth(row["entrypoint"], row["queued"], row["picked"], row["failed"], row["age"])
        for row in rows
    ]


async def missing(tx: Tx, keys: Sequence[str]) -> list[str]:
    rows = await tx.fetch(
        """
        select wanted.key
          from unnest($1::text[]) with ordinality wanted (key, position)
         where not exists (select from pgqueuer job
                            where job.dedupe_key = wanted.key
                              and job.status in ('queued', 'picked', 'failed'))
         order by position
        """,
        keys,
    )
    return [row["key"] for row in rows]


async def prune_log(tx: Tx, *, before: datetime, limit: int) -> int:
    """Forget what happened to jobs that are gone; how many rows went."""
    rows = await tx.fetch(
        """
        with old as (
            select id
              from pgqueuer_log log
             where created < $1
               and not exists (select from pgqueuer job where job.id = log.job_id)
             order by created
             limit $2
        )
        delete from pgqueuer_log where id in (select id from old) returning id
        """,
        before,
        limit,
    )
    return len(rows)


async def ensure_schedules(tx: Statements, names: Sequence[str]) -> None:
    """Make the schedules known. A new one is due at once."""
    await tx.execute(
        """
        insert into pgqueuer_schedules (expression, entrypoint)
        select 'every', unnest($1::text[])
            on conflict (expression, entrypoint) do nothing
        """,
        names,
    )


async def claim_schedules(
    tx: Statements, names: Sequence[str], every: Sequence[timedelta], *, lease: timedelta
) -> list[str]:
    """Take the schedules that are due, or whose process died while it ran them."""
    rows: Sequence[Any] = await tx.fetch(
        """
        with due as (
            select row.id, mine.every
              from pgqueuer_schedules row
              join unnest($1::text[], $2::interval[]) mine (name, every)
                on mine.name = row.entrypoint
             where row.expression = 'every'
               and case row.status when 'picked' then row.heartbeat < now() - $3::interval
                                   else row.next_run <= now() end
               for update of row skip locked
        )
        update pgqueuer_schedules row
           set status = 'picked', heartbeat = now(), updated = now(),
               next_run = now() + due.every
          from due
         where row.id = due.id
        returning row.entrypoint
        """,
        names,
        every,
        lease,
    )
    return [row["entrypoint"] for row in rows]


async def beat_schedules(tx: Statements, names: Sequence[str]) -> None:
    await tx.execute(
        """
        update pgqueuer_schedules
           set heartbeat = now()
         where expression = 'every' and entrypoint = any($1::text[])
        """,
        names,
    )


async def finish_schedule(tx: Statements, name: str) -> None:
    await tx.execute(
        """
        update pgqueuer_schedules
           set status = 'queued', last_run = now(), updated = now()
         where expression = 'every' and entrypoint = $1
        """,
        name,
    )


async def withdraw(tx: Tx, keys: Sequence[str]) -> None:
    """Remove jobs that nobody has begun."""
    await tx.execute(
        "delete from pgqueuer where dedupe_key = any($1::text[]) and status = 'queued'", keys
    )
