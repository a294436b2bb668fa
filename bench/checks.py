"""What must be true after a run. A run of which it is not has no speed."""

from collections.abc import Sequence

import asyncpg
import msgspec

from bench.load import Loaded
from paywright.core.ids import IssueId


class Opened(msgspec.Struct):
    """What the bench reads of an answer."""

    id: str


_decode = msgspec.json.Decoder(Opened).decode

# Every row names what is wrong, and how often.
_VIOLATIONS = """
with acknowledged as (select unnest($1::uuid[]) as id),
     told as (select subject, type, count(*) as count
                from events
               where type in ('issue.opened', 'issue.decided')
               group by subject, type)
select 'acknowledged issues that are not on file' as what, count(*) as count
  from acknowledged left join issues using (id) where issues.id is null
union all
select 'issues on file that were not acknowledged', count(*)
  from issues left join acknowledged using (id) where acknowledged.id is null
union all
select 'issues without a decision', count(*)
  from issues left join decisions on issue_id = issues.id where issue_id is null
union all
select 'decisions beyond the first of an issue', count(*) - count(distinct issue_id)
  from decisions
union all
select 'issues left pending, processing or failed', count(*)
  from issues where status not in ('awaiting_review', 'resolved')
union all
select 'issues resolved without an action, or the other way round', count(*)
  from issues left join issue_actions on issue_id = issues.id
 where (issues.status = 'resolved') <> (issue_id is not null)
union all
select 'jobs left, dead ones included', count(*) from pgqueuer
union all
select type || ' events more than one of an issue', count(*) from told where count > 1 group by type
union all
select wanted.type || ' events missing', (select count(*) from issues) - count(told.subject)
  from (values ('issue.opened'), ('issue.decided')) as wanted (type)
  left join told on told.type = wanted.type
 group by wanted.type
"""


def ids_of(loaded: Loaded) -> list[IssueId]:
    """The issues that were acknowledged."""
    answers = zip(loaded.statuses, loaded.bodies, strict=True)
    return [IssueId.parse(_decode(body).id) for status, body in answers if status == 201]


def refusals(loaded: Loaded) -> list[str]:
    """Requests that were not answered with 201."""
    count = sum(status != 201 for status in loaded.statuses)
    return [f"{count} requests were refused"] if count else []


async def violations(connection: asyncpg.Connection, ids: Sequence[IssueId]) -> list[str]:
    """What is wrong in the database after `ids` were acknowledged and the queue has run empty."""
    wrong = [] if len(set(ids)) == len(ids) else ["an issue was acknowledged twice"]
    rows = await connection.fetch(_VIOLATIONS, ids)
    return wrong + [f"{row['count']} {row['what']}" for row in rows if row["count"]]
