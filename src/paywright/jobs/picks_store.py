"""The SQL of a worker: its hold on jobs, in PgQueuer's tables.

A pick is known by the job's id and the moment it was picked, which is the row's `updated` until
someone else picks it. Whatever a worker says about a job is about that pick: when another worker
has taken the job over meanwhile, it changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from pgqueuer.ports.driver import Driver

from paywright.db.pool import Tx

# Inside a transaction, or each statement by itself.
Statements = Tx | Driver


class Pick(msgspec.Struct, frozen=True):
    """One worker's hold on a job."""

    id: int
    at: datetime


async def takeovers(tx: Statements, job_ids: Sequence[int]) -> dict[int, int]:
    """How often each job was picked again without having been put back into the queue: how many
    workers died of it, or beside it. Only the jobs where that is so."""
    rows: Sequence[Any] = await tx.fetch(
        """
        select job_id, count(*) - 1 as takeovers
          from (select job_id, id, status,
                       max(id) filter (where status = 'queued')
                           over (partition by job_id) as queued_id
                  from pgqueuer_log
                 where job_id = any($1::bigint[])) log
         where status = 'picked' and id > coalesce(queued_id, 0)
         group by job_id
        having count(*) > 1
        """,
        job_ids,
    )
    return {row["job_id"]: row["takeovers"] for row in rows}


async def picked_by(
    tx: Statements, queue_manager_id: UUID, *, except_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """The rows that a worker holds, except for those that it knows of."""
    rows: Sequence[Any] = await tx.fetch(
        """
        select *
          from pgqueuer
         where queue_manager_id = $1 and status = 'picked' and id <> all($2::bigint[])
         order by priority desc, id
        """,
        queue_manager_id,
        except_ids,
    )
    return [dict(row) for row in rows]


async def refresh_statistics(tx: Statements) -> None:
    """Does nothing but warn where the role does not own the table."""
    await tx.execute("analyze (skip_locked) pgqueuer")


async def beat(tx: Statements, job_ids: Sequence[int]) -> None:
    """Show that these jobs are under way. What somebody changes just now needs no sign of life, and
    is not waited for: who ends several jobs at once takes them in another order, so that each would
    wait for the other."""
    await tx.execute(
        """
        update pgqueuer
           set heartbeat = now()
         where id in (select id from pgqueuer
                       where id = any($1::bigint[]) and status = 'picked'
                         for no key update skip locked)
        """,
        job_ids,
    )


async def complete(tx: Statements, picks: Sequence[Pick]) -> None:
    await tx.execute(
        """
        with done as (
            delete from pgqueuer job
             using unnest($1::bigint[], $2::timestamptz[]) pick (id, at)
             where job.id = pick.id and job.status = 'picked' and job.updated = pick.at
            returning job.id, job.entrypoint, job.priority
        )
        insert into pgqueuer_log (job_id, status, entrypoint, priority)
        select id, 'successful', entrypoint, priority from done
        """,
        [pick.id for pick in picks],
        [pick.at for pick in picks],
    )


async def retry(
    tx: Statements, pick: Pick, *, attempts: int, delay: timedelta, traceback: str | None
) -> None:
    """Put a job back. attempts: made so far."""
    await tx.execute(
        """
        with retried as (
            update pgqueuer
               set status = 'queued', queue_manager_id = null, updated = now(),
                   execute_after = now() + $3::interval, attempts = $4,
                   headers = headers - 'takeovers'
             where id = $1 and status = 'picked' and updated = $2
            returning id, entrypoint, priority
        )
        insert into pgqueuer_log (job_id, status, entrypoint, priority, traceback)
        select id, 'queued', entrypoint, priority, $5::jsonb from retried
        """,
        pick.id,
        pick.at,
        delay,
        attempts,
        traceback,
    )


async def release(
    tx: Statements, picks: Sequence[Pick], *, takeovers: Sequence[int], delay: timedelta
) -> None:
    """Put jobs back that were not begun, so that it costs them no attempt.

    takeovers: counted so far; kept with the job, since being queued starts the count anew
    """
    await tx.execute(
        """
        with released as (
            update pgqueuer job
               set status = 'queued', queue_manager_id = null, updated = now(),
                   execute_after = now() + $4::interval,
                   headers = coalesce(headers, '{}')
                       || jsonb_build_object('takeovers', pick.takeovers)
              from unnest($1::bigint[], $2::timestamptz[], $3::integer[])
                   pick (id, at, takeovers)
             where job.id = pick.id and job.status = 'picked' and job.updated = pick.at
            returning job.id, job.entrypoint, job.priority
        )
        insert into pgqueuer_log (job_id, status, entrypoint, priority)
        select id, 'queued', entrypoint, priority from released
        """,
        [pick.id for pick in picks],
        [pick.at for pick in picks],
        takeovers,
        delay,
    )


async def hold(
    tx: Statements,
    picks: Sequence[Pick],
    *,
    attempts: Sequence[int],
    tracebacks: Sequence[str],
) -> set[int]:
    """Declare jobs dead; the ids of those that were still ours. `tracebacks`: JSON."""
    rows: Sequence[Any] = await tx.fetch(
        """
        with held as (
            update pgqueuer job
               set status = 'failed', queue_manager_id = null, updated = now(),
                   attempts = pick.attempts, headers = headers - 'takeovers'
              from unnest($1::bigint[], $2::timestamptz[], $3::integer[], $4::jsonb[])
                   pick (id, at, attempts, traceback)
             where job.id = pick.id and job.status = 'picked' and job.updated = pick.at
            returning job.id, job.entrypoint, job.priority, pick.traceback
        ), logged as (
            insert into pgqueuer_log (job_id, status, entrypoint, priority, traceback)
            select id, 'failed', entrypoint, priority, traceback from held
        )
        select id from held
        """,
        [pick.id for pick in picks],
        [pick.at for pick in picks],
        attempts,
        tracebacks,
    )
    return {row["id"] for row in rows}
