"""The evidence of one issue, one row at a time: what `bench.naive` decides on.

`gather_facts` would do, but its queries take lists. Given lists of one, PostgreSQL plans each of
them anew every time, which nobody would pay who had written the plain ones.
"""

from datetime import datetime

from paywright.db.pool import Tx
from paywright.issues.facts import CustomerFacts, Facts, TransactionFacts
from paywright.issues.model import Issue

_UNKNOWN = TransactionFacts(known=False, status="", amount_minor=0, currency="", age_days=0)


async def facts_of(tx: Tx, issue: Issue, *, at: datetime) -> Facts:
    customer = await tx.fetchrow(
        "select country, customer_since from customers where id = $1", issue.customer_id
    )
    assert customer is not None, "there is a foreign key"
    payments = await tx.fetchrow(
        """
        select count(*) filter (where status in ('succeeded', 'refunded', 'partially_refunded',
                                                 'disputed')) as succeeded,
               count(*) filter (where status in ('failed', 'declined')) as failed
          from (select status from payments
                 where customer_id = $1
                 order by created_at desc
                 limit 1000) as recent
        """,
        issue.customer_id,
    )
    record = await tx.fetchrow(
        """
        select count(*) filter (where action = 'approve_refund'
                                  and requested_at > $2::timestamptz - interval '90 days')
                   as refunds,
               count(*) filter (where type = 'dispute' and recent.id <> $3) as disputes,
               count(*) filter (where recent.id <> $3 and recent.status in
                                ('pending', 'processing', 'awaiting_review')) as open
          from (select id, type, status from issues
                 where customer_id = $1 and created_at > $2::timestamptz - interval '365 days'
                 order by id desc
                 limit 500) as recent
          left join issue_actions on issue_actions.issue_id = recent.id
        """,
        *(issue.customer_id, at, issue.id),
    )
    assert payments is not None, "an aggregate has a row"
    assert record is not None, "an aggregate has a row"
    return Facts(
        type=issue.type.value,
        priority=issue.priority.value,
        details=issue.details,
        customer=CustomerFacts(
            tenure_days=_days(customer["customer_since"], at),
            country=customer["country"] or "",
            payments_succeeded=payments["succeeded"],
            payments_failed=payments["failed"],
            refunds_90d=record["refunds"],
            disputes_365d=record["disputes"],
            open_issues=record["open"],
        ),
        transaction=await _transaction(tx, issue, at=at),
    )


async def _transaction(tx: Tx, issue: Issue, *, at: datetime) -> TransactionFacts:
    charge = await tx.fetchrow(
        """
        select status, amount_minor, currency, created_at
          from payments
         where reference = $1 and kind = 'charge' and customer_id = $2
        """,
        issue.transaction_id,
        issue.customer_id,
    )
    if charge is None:
        return _UNKNOWN
    return TransactionFacts(
        known=True,
        status=charge["status"],
        amount_minor=charge["amount_minor"],
        currency=charge["currency"],
        age_days=_days(charge["created_at"], at),
    )


def _days(since: datetime, at: datetime) -> int:
    return max((at - since).days, 0)
