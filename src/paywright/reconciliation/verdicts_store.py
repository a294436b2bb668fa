"""SQL that compares the two sides of a run: pairs, verdicts, and what differs.

Statement by statement over all lines, within the transaction that ends the run.
"""

from paywright.core.ids import ReconciliationId
from paywright.db.pool import Row, Tx
from paywright.reconciliation.compare import Window
from paywright.reconciliation.lines_store import PATIENCE_S
from paywright.reconciliation.model import DIFFERENCES


async def prepare(tx: Tx) -> None:
    """For statements over tables without statistics, of which the planner would think too small."""
    await tx.execute("set local work_mem = '128MB'")
    await tx.execute("set local enable_nestloop = off")
    await tx.execute("set local jit = off")


async def pair(tx: Tx, reconciliation_id: ReconciliationId, attempt: int) -> None:
    """A line of theirs takes the line of ours that fits it best: by key and reference, by key, by
    reference. One of ours goes with the best of those that took it.

    What was only `asked` for must have been carried out, and under that very reference: it may be
    that another provider did it.
    """
    await tx.execute(
        """
        with theirs as (
            select position, kind, key, reference, at from reconciliation_lines
             where reconciliation_id = $1 and attempt = $2 and side = 'theirs'
        ), ours as (
            select position, kind, key, reference, at, side = 'ours' as is_settled_there
              from reconciliation_lines
             where reconciliation_id = $1 and attempt = $2 and side in ('ours', 'asked')
        ), candidates as (
            select t.position as theirs, o.position as ours, t.at,
                   case when o.kind <> t.kind then 3
                        when o.reference = t.reference and o.at is not null then 0
                        when o.is_settled_there or o.at is not null and o.reference is null then 1
                        else 3 end as rank
              from theirs t
              join ours o on o.key = t.key
             union all
            select t.position, o.position, t.at, 2
              from theirs t
              join ours o on o.kind = t.kind and o.reference = t.reference
             where o.is_settled_there and o.key is distinct from t.key
        ), chosen as (
            select distinct on (theirs) theirs, ours, at, rank
              from candidates
             order by theirs, rank, ours
        )
        insert into reconciliation_pairs (reconciliation_id, theirs, ours, rank, is_pair)
        select $1, theirs, ours, rank,
               rank < 3 and row_number() over (partition by ours order by rank, at, theirs) = 1
          from chosen
        """,
        reconciliation_id,
        attempt,
        timeout=PATIENCE_S,
    )


async def judge_theirs(
    tx: Tx, reconciliation_id: ReconciliationId, attempt: int, *, window: Window
) -> None:
    """Those of the day. One that took a line of ours which goes with another is a duplicate."""
    await tx.execute(
        """
        with theirs as (
            select position, kind, key, reference, amount_minor, currency, at,
                   row_number() over (partition by kind, key order by at, position) as nth_of_key,
                   row_number() over (partition by kind, reference order by at, position)
                       as nth_of_reference
              from reconciliation_lines
             where reconciliation_id = $1 and attempt = $2 and side = 'theirs'
        )
        insert into reconciliation_verdicts (reconciliation_id, outcome, theirs, ours)
        select $1,
               case when p.is_pair and (o.amount_minor, o.currency) = (t.amount_minor, t.currency)
                    then 'matched'
                    when p.is_pair then 'different_amount'
                    when p.rank < 3 or t.key is not null and t.nth_of_key > 1
                      or t.nth_of_reference > 1
                    then 'duplicate_there'
                    else 'missing_here' end,
               t.position, p.ours
          from theirs t
          left join reconciliation_pairs p
                 on p.reconciliation_id = $1 and p.theirs = t.position
          left join reconciliation_lines o
                 on o.reconciliation_id = $1 and o.attempt = $2 and o.side in ('ours', 'asked')
                and o.position = p.ours
         where t.at >= $3 and t.at < $4
        """,
        reconciliation_id,
        attempt,
        window.since,
        window.until,
        timeout=PATIENCE_S,
    )


async def judge_ours(
    tx: Tx, reconciliation_id: ReconciliationId, attempt: int, *, window: Window
) -> None:
    """Those of the day that go with no line of theirs, or with one of another day."""
    await tx.execute(
        """
        insert into reconciliation_verdicts (reconciliation_id, outcome, theirs, ours)
        select $1, case when p.ours is null then 'missing_there' else 'other_day' end,
               null, o.position
          from reconciliation_lines o
          left join reconciliation_pairs p
                 on p.reconciliation_id = $1 and p.is_pair and p.ours = o.position
          left join reconciliation_lines t
                 on t.reconciliation_id = $1 and t.attempt = $2 and t.side = 'theirs'
                and t.position = p.theirs
         where o.reconciliation_id = $1 and o.attempt = $2 and o.side = 'ours'
           and o.at >= $3 and o.at < $4
           and (p.ours is null or t.at < $3 or t.at >= $4)
        """,
        reconciliation_id,
        attempt,
        window.since,
        window.until,
        timeout=PATIENCE_S,
    )


async def file_items(tx: Tx, reconciliation_id: ReconciliationId, attempt: int) -> None:
    """Keep what differs: the gravest first, then by time."""
    await tx.execute(
        """
        insert into reconciliation_items
               (reconciliation_id, seq, outcome, kind, key, operation_id, payment_id, our_status,
                our_reference, our_amount_minor, our_currency, our_at,
                their_reference, their_amount_minor, their_currency, their_at)
        select $1, row_number() over (order by array_position($3::text[], outcome),
                                      coalesce(t.at, o.at), coalesce(o.key, t.key), t.reference),
               outcome, coalesce(t.kind, o.kind), coalesce(o.key, t.key), o.operation_id,
               o.payment_id, o.status, o.reference, o.amount_minor, o.currency, o.at,
               t.reference, t.amount_minor, t.currency, t.at
          from reconciliation_verdicts v
          left join reconciliation_lines t
                 on t.reconciliation_id = $1 and t.attempt = $2 and t.side = 'theirs'
                and t.position = v.theirs
          left join reconciliation_lines o
                 on o.reconciliation_id = $1 and o.attempt = $2 and o.side in ('ours', 'asked')
                and o.position = v.ours
         where v.reconciliation_id = $1 and outcome = any($3::text[])
        """,
        reconciliation_id,
        attempt,
        list(DIFFERENCES),
        timeout=PATIENCE_S,
    )


async def sums(
    tx: Tx, reconciliation_id: ReconciliationId, attempt: int, *, window: Window
) -> list[Row]:
    """Lines and sums: a row for each outcome, currencies, and whether ours is of the day."""
    return await tx.fetch(
        """
        select outcome, o.currency as our_currency, t.currency as their_currency,
               outcome in ('matched', 'different_amount', 'missing_there', 'other_day')
                   and o.side = 'ours' and o.at >= $3 and o.at < $4 as is_ours_in_day,
               count(*) as lines, sum(o.amount_minor) as our_minor,
               sum(t.amount_minor) as their_minor,
               bit_xor(hashtextextended(
                   row(outcome, coalesce(t.kind, o.kind), coalesce(o.key, t.key), o.amount_minor,
                       o.currency, t.reference, t.amount_minor, t.currency)::text, 0))
                   filter (where outcome = any($5::text[])) as hash
          from reconciliation_verdicts v
          left join reconciliation_lines t
                 on t.reconciliation_id = $1 and t.attempt = $2 and t.side = 'theirs'
                and t.position = v.theirs
          left join reconciliation_lines o
                 on o.reconciliation_id = $1 and o.attempt = $2 and o.side in ('ours', 'asked')
                and o.position = v.ours
         where v.reconciliation_id = $1
         group by 1, 2, 3, 4
        """,
        reconciliation_id,
        attempt,
        window.since,
        window.until,
        list(DIFFERENCES),
        timeout=PATIENCE_S,
    )


async def clear(tx: Tx, reconciliation_id: ReconciliationId) -> None:
    await tx.execute(
        "delete from reconciliation_pairs where reconciliation_id = $1",
        reconciliation_id,
        timeout=PATIENCE_S,
    )
    await tx.execute(
        "delete from reconciliation_verdicts where reconciliation_id = $1",
        reconciliation_id,
        timeout=PATIENCE_S,
    )
