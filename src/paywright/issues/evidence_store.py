"""SQL that gathers what our own issues say of a customer."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.db.pool import Tx


class CustomerRecord(msgspec.Struct, frozen=True):
    refunds_90d: int
    disputes_365d: int
    open_issues: int


async def customer_records(
    tx: Tx, customer_ids: Sequence[str], *, at: datetime
) -> dict[str, CustomerRecord]:
    """What our own issues say of each customer; customers without issues are absent.

    Looks at a customer's newest 500 issues, so that one busy customer cannot slow a batch down:
    counts are exact below that, and saturate there.
    """
    rows = await tx.fetch(
        """
        -- Materialized, or the planner may look for the actions of one customer at a time, each
        -- time in the whole table.
        with recent as materialized (
            select customer_id, newest.*
              from unnest($1::text[]) as wanted (customer_id)
             cross join lateral (
                   select id, type, status from issues
                    where issues.customer_id = wanted.customer_id
                      and created_at > $2::timestamptz - interval '365 days'
                    order by id desc
                    limit 500) as newest
        )
        select customer_id,
               count(*) filter (where issue_actions.action = 'approve_refund'
                                  and requested_at > $2::timestamptz - interval '90 days')
                   as refunds_90d,
               count(*) filter (where type = 'dispute') as disputes_365d,
               count(*) filter (where recent.status in
                                ('pending', 'processing', 'awaiting_review')) as open_issues
          from recent
          left join issue_actions on issue_actions.issue_id = recent.id
         group by customer_id
        """,
        customer_ids,
        at,
    )
    return {
        row["customer_id"]: CustomerRecord(
            row["refunds_90d"], row["disputes_365d"], row["open_issues"]
        )
        for row in rows
    }
