"""SQL over `issues`, `decisions`, `reviews` and `issue_actions`: what changes them, and what a
decision reads. Lists and analytics are in `views`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from paywright.core.errors import NotFound
from paywright.core.ids import IssueId
from paywright.db.pool import Tx, to_jsonb
from paywright.issues.model import Decision, Issue, IssueType, RequestedAction, Review
from paywright.issues.rows import decision_of_row, issue_of_row, review_of_row


class NoSuchIssue(NotFound):
    """There is no such issue."""


async def insert_issues(tx: Tx, issues: Sequence[Issue]) -> None:
    await tx.execute(
        """
        insert into issues (id, type, status, priority, customer_id, transaction_id, details,
                            opened_by, created_at, updated_at)
        select *, created_at
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::jsonb[], $8::text[], $9::timestamptz[])
            as new (id, type, status, priority, customer_id, transaction_id, details, opened_by,
                    created_at)
        """,
        [issue.id for issue in issues],
        [issue.type for issue in issues],
        [issue.status for issue in issues],
        [issue.priority for issue in issues],
        [issue.customer_id for issue in issues],
        [issue.transaction_id for issue in issues],
        [to_jsonb(issue.details) for issue in issues],
        [issue.opened_by for issue in issues],
        [issue.created_at for issue in issues],
    )


async def claim_issues(tx: Tx, ids: Sequence[IssueId], *, at: datetime) -> list[Issue]:
    """Mark those that are undecided as being processed, and count the attempt."""
    rows = await tx.fetch(
        """
        with mine as (
            select id from issues
             where id = any($1::uuid[]) and status in ('pending', 'processing', 'failed')
             order by id
               for update
        )
        update issues
           set status = 'processing', attempts = attempts + 1, processing_since = $2,
               updated_at = $2, failure_reason = null
          from mine
         where issues.id = mine.id
        returning issues.id, type, status, priority, customer_id, transaction_id, details,
                  opened_by, created_at, updated_at, attempts, failure_reason, resolved_at
        """,
        ids,
        at,
    )
    return [issue_of_row(row) for row in rows]


async def lock_claimed(tx: Tx, claimed: Sequence[Issue]) -> list[Issue]:
    """Those that still carry the very claim that `claimed` made, locked, in id order."""
    rows = await tx.fetch(
        """
        select issues.id, attempts
          from issues
          join unnest($1::uuid[], $2::integer[]) as claim (id, attempt)
            on issues.id = claim.id and attempts = attempt
         where status = 'processing'
         order by issues.id
           for update of issues
        """,
        [issue.id for issue in claimed],
        [issue.attempts for issue in claimed],
    )
    by_id = {issue.id: issue for issue in claimed}
    return [by_id[IssueId.of(row["id"])] for row in rows]


async def insert_decisions(tx: Tx, decisions: Sequence[Decision]) -> None:
    await tx.execute(
        """
        insert into decisions (id, issue_id, action, confidence, reasoning, policy_applied,
                               policy_version, engine, routing, inputs, decided_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[],
                             $6::text[], $7::text[], $8::text[], $9::text[], $10::jsonb[],
                             $11::timestamptz[])
        """,
        [decision.id for decision in decisions],
        [decision.issue_id for decision in decisions],
        [decision.action for decision in decisions],
        [decision.confidence for decision in decisions],
        [decision.reasoning for decision in decisions],
        [decision.policy_applied for decision in decisions],
        [decision.policy_version for decision in decisions],
        [decision.engine for decision in decisions],
        [decision.routing for decision in decisions],
        [to_jsonb(decision.inputs) for decision in decisions],
        [decision.decided_at for decision in decisions],
    )


async def set_decided(tx: Tx, decisions: Sequence[Decision], *, at: datetime) -> None:
    """Move decided issues on: resolved where the machine may act, else to a person."""
    await tx.execute(
        """
        update issues
           set status = case when routing = 'auto_resolve' then 'resolved'
                             else 'awaiting_review' end,
               resolved_at = case when routing = 'auto_resolve' then $3::timestamptz end,
               processing_since = null, updated_at = $3
          from unnest($1::uuid[], $2::text[]) as decided (id, routing)
         where issues.id = decided.id
        """,
        [decision.issue_id for decision in decisions],
        [decision.routing for decision in decisions],
        at,
    )


async def insert_actions(tx: Tx, actions: Sequence[RequestedAction]) -> None:
    if not actions:
        return
    await tx.execute(
        """
        insert into issue_actions (id, issue_id, action, source, status, parameters, requested_by,
                                   requested_at, updated_at)
        select *, requested_at
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                      $7::text[], $8::timestamptz[])
            as new (id, issue_id, action, source, status, parameters, requested_by, requested_at)
        """,
        [action.id for action in actions],
        [action.issue_id for action in actions],
        [action.action for action in actions],
        [action.source for action in actions],
        [action.status for action in actions],
        [to_jsonb(action.parameters) for action in actions],
        [action.requested_by for action in actions],
        [action.requested_at for action in actions],
    )


async def set_failed(tx: Tx, reason_of: Mapping[IssueId, str], *, at: datetime) -> list[IssueId]:
    """Mark undecided issues as failed; those that were undecided."""
    rows = await tx.fetch(
        """
        update issues
           set status = 'failed', failure_reason = reason, processing_since = null, updated_at = $3
          from unnest($1::uuid[], $2::text[]) as dead (id, reason)
         where issues.id = dead.id and status in ('pending', 'processing')
        returning issues.id
        """,
        list(reason_of),
        list(reason_of.values()),
        at,
    )
    return [IssueId.of(row["id"]) for row in rows]


async def open_about(tx: Tx, type: IssueType, subjects: Sequence[str]) -> list[IssueId]:
    """Issues of this type about any of these that nobody has settled yet."""
    rows = await tx.fetch(
        """
        select id from issues
         where type = $1 and transaction_id = any($2::text[])
           and status in ('pending', 'processing', 'awaiting_review', 'failed')
         order by id
        """,
        type,
        subjects,
    )
    return [IssueId.of(row["id"]) for row in rows]


async def undecided_since(
    tx: Tx, *, before: datetime, after: IssueId | None, limit: int
) -> list[Issue]:
    rows = await tx.fetch(
        """
        select id, type, status, priority, customer_id, transaction_id, details, opened_by,
               created_at, updated_at, attempts, failure_reason, resolved_at
          from issues
         where status in ('pending', 'processing') and updated_at < $1
           and ($2::uuid is null or id > $2)
         order by id
         limit $3
        """,
        before,
        after,
        limit,
    )
    return [issue_of_row(row) for row in rows]


async def lock_issue(tx: Tx, issue_id: IssueId) -> Issue:
    """Read an issue and hold it until the transaction ends. Raises NoSuchIssue."""
    row = await tx.fetchrow(
        """
        select id, type, status, priority, customer_id, transaction_id, details, opened_by,
               created_at, updated_at, attempts, failure_reason, resolved_at
          from issues
         where id = $1
           for update
        """,
        issue_id,
    )
    if row is None:
        raise NoSuchIssue(str(issue_id))
    return issue_of_row(row)


async def find_issue(tx: Tx, issue_id: IssueId) -> Issue:
    """Raises NoSuchIssue."""
    row = await tx.fetchrow(
        """
        select id, type, status, priority, customer_id, transaction_id, details, opened_by,
               created_at, updated_at, attempts, failure_reason, resolved_at
          from issues
         where id = $1
        """,
        issue_id,
    )
    if row is None:
        raise NoSuchIssue(str(issue_id))
    return issue_of_row(row)


async def decision_of(tx: Tx, issue_id: IssueId) -> Decision | None:
    row = await tx.fetchrow("select * from decisions where issue_id = $1", issue_id)
    return None if row is None else decision_of_row(row)


async def review_of(tx: Tx, issue_id: IssueId) -> Review | None:
    row = await tx.fetchrow("select * from reviews where issue_id = $1", issue_id)
    return None if row is None else review_of_row(row)


async def insert_review(tx: Tx, review: Review) -> None:
    await tx.execute(
        """
        insert into reviews (id, issue_id, decision, outcome, machine_action, action, comment,
                             reviewer, reviewed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        review.id,
        review.issue_id,
        review.decision,
        review.outcome,
        review.machine_action,
        review.action,
        review.comment,
        review.reviewer,
        review.reviewed_at,
    )


async def set_resolved(tx: Tx, issue_id: IssueId, *, at: datetime) -> None:
    await tx.execute(
        "update issues set status = 'resolved', resolved_at = $2, updated_at = $2 where id = $1",
        issue_id,
        at,
    )


async def delete_issues(tx: Tx, ids: Sequence[IssueId]) -> list[IssueId]:
    """Remove issues with all that was decided on them; those that were there."""
    await tx.execute("delete from reviews where issue_id = any($1::uuid[])", ids)
    await tx.execute("delete from issue_actions where issue_id = any($1::uuid[])", ids)
    await tx.execute("delete from decisions where issue_id = any($1::uuid[])", ids)
    rows = await tx.fetch("delete from issues where id = any($1::uuid[]) returning id", ids)
    return [IssueId.of(row["id"]) for row in rows]
