"""What must be true of the assessments after a run, besides what must be true of the books."""

import asyncpg

# Every row names what is wrong, and how often. Of house accounts ($1 = 0) nothing is assessed. The
# velocity is of one day: a run that midnight falls into is not asked about it.
_VIOLATIONS = """
select 'assessments are too many or missing' as what, abs(count(*) - $1) as count
  from risk_assessments
union all
select 'transfers of customers have no assessment', count(*)
  from payments left join risk_assessments on payment_id = payments.id
 where $1 > 0 and kind = 'transfer' and payment_id is null
union all
select 'assessments are of lists that are not in force', count(*)
  from risk_assessments
 where generation is distinct from (select max(id) from screening_generations)
union all
select 'assessments are not low', count(*) from risk_assessments where level <> 'low'
union all
select 'movements are not in the velocity of their payer, or are in it twice',
       abs(coalesce(sum(count), 0) - $1)
  from risk_profiles
having not exists (select from risk_assessments where at < date_trunc('day', now(), 'UTC'))
"""


async def violations(url: str, *, assessed: int) -> list[str]:
    """What is wrong in the database.

    assessed: how many transfers were to be weighed
    """
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_VIOLATIONS, assessed)
    finally:
        await connection.close()
    return [f"{row['count']} {row['what']}" for row in rows if row["count"]]
