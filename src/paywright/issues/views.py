"""Read issues: lists, one issue with its whole story, and how machine and people compare."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import DecisionId, IssueId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.events import history
from paywright.events.model import Recorded
from paywright.issues import store
from paywright.issues.model import (
    Action,
    Decision,
    Engine,
    Issue,
    IssueType,
    Priority,
    RequestedAction,
    Review,
    Routing,
    Status,
)
from paywright.issues.rows import action_of_row, issue_of_row


class Summary(msgspec.Struct, frozen=True):
    """The decision of an issue, as a list shows it."""

    id: DecisionId
    action: Action
    confidence: int
    routing: Routing
    policy_applied: str


class Listed(msgspec.Struct, frozen=True):
    issue: Issue
    decision: Summary | None


class Story(msgspec.Struct, frozen=True):
    """Everything about one issue."""

    issue: Issue
    decision: Decision | None
    review: Review | None
    action: RequestedAction | None
    history: Sequence[Recorded]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    status: Status | None = None
    type: IssueType | None = None
    customer_id: str | None = None
    priority: Priority | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How people judged the machine, for one type, policy version and engine."""

    type: IssueType
    policy_version: str
    engine: Engine
    decided: int
    auto_resolved: int
    awaiting_review: int
    agreed: int
    modified: int
    rejected: int
    confidence_mean: float


async def list_issues(
    db: Database, cause: Cause, *, filters: Filters, cursor: str | None, limit: int
) -> Page[Listed]:
    """Issues that match, newest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_ISSUES)
    before = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        # With a generic plan the optional filters would hide the indexes.
        await tx.execute("set local plan_cache_mode = force_custom_plan")
        rows = await tx.fetch(
            """
            select issues.id, type, status, priority, customer_id, transaction_id, details,
                   opened_by, created_at, updated_at, attempts, failure_reason, resolved_at,
                   decisions.id as decision_id, action, confidence, routing, policy_applied
              from issues
              left join decisions on decisions.issue_id = issues.id
             where ($1::text is null or status = $1)
               and ($2::text is null or type = $2)
               and ($3::text is null or customer_id = $3)
               and ($4::text is null or priority = $4)
               and ($5::uuid is null or issues.id < $5)
             order by issues.id desc
             limit $6
            """,
            filters.status,
            filters.type,
            filters.customer_id,
            filters.priority,
            before,
            limit + 1,
        )
    listed = [
        Listed(
            issue_of_row(row),
            None
            if row["decision_id"] is None
            else Summary(
                DecisionId.of(row["decision_id"]),
                Action(row["action"]),
                row["confidence"],
                Routing(row["routing"]),
                row["policy_applied"],
            ),
        )
        for row in rows
    ]
    return page_of(listed, limit=limit, position=lambda item: str(item.issue.id))


async def get_issue(db: Database, cause: Cause, *, issue_id: IssueId) -> Story:
    """Raises NoSuchIssue."""
    cause.actor.require(Permission.READ_ISSUES)
    async with db.snapshot() as tx:
        issue = await store.find_issue(tx, issue_id)
        action = await tx.fetchrow("select * from issue_actions where issue_id = $1", issue_id)
        return Story(
            issue,
            await store.decision_of(tx, issue_id),
            await store.review_of(tx, issue_id),
            None if action is None else action_of_row(action),
            await history(tx, str(issue_id)),
        )


async def agreement(
    db: Database,
    cause: Cause,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    type: IssueType | None = None,
) -> list[Agreement]:
    """Machine against people, over the issues decided in [since, until)."""
    cause.actor.require(Permission.READ_ANALYTICS)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select type, policy_version, engine,
                   count(*) as decided,
                   count(*) filter (where routing = 'auto_resolve') as auto_resolved,
                   count(*) filter (where status = 'awaiting_review') as awaiting_review,
                   count(*) filter (where outcome = 'agreed') as agreed,
                   count(*) filter (where outcome = 'modified') as modified,
                   count(*) filter (where outcome = 'rejected') as rejected,
                   avg(confidence)::float8 as confidence_mean
              from decisions
              join issues on issues.id = decisions.issue_id
              left join reviews on reviews.issue_id = decisions.issue_id
             where ($1::timestamptz is null or decided_at >= $1)
               and ($2::timestamptz is null or decided_at < $2)
               and ($3::text is null or type = $3)
             group by type, policy_version, engine
             order by type, min(decided_at), policy_version, engine
            """,
            since,
            until,
            type,
        )
    return [
        Agreement(
            type=IssueType(row["type"]),
            policy_version=row["policy_version"],
            engine=Engine(row["engine"]),
            decided=row["decided"],
            auto_resolved=row["auto_resolved"],
            awaiting_review=row["awaiting_review"],
            agreed=row["agreed"],
            modified=row["modified"],
            rejected=row["rejected"],
            confidence_mean=row["confidence_mean"],
        )
        for row in rows
    ]


async def count_by_status(db: Database) -> dict[Status, int]:
    """How many issues are in each unfinished status, for the metrics."""
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select status, count(*) as count
              from issues
             where status in ('pending', 'processing', 'awaiting_review', 'failed')
             group by status
            """
        )
    counts = dict.fromkeys(Status, 0)
    counts.pop(Status.RESOLVED)
    return counts | {Status(row["status"]): row["count"] for row in rows}


def _position(cursor: str) -> IssueId:
    try:
        return IssueId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
