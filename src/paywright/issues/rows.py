"""From a row of the database to the noun that it holds."""

from paywright.core.ids import ActionId, DecisionId, IssueId, ReviewId
from paywright.db.pool import Row, from_jsonb
from paywright.issues.model import (
    Action,
    ActionStatus,
    Decision,
    Engine,
    Issue,
    IssueType,
    Outcome,
    Priority,
    RequestedAction,
    Review,
    ReviewDecision,
    Routing,
    Status,
)


def issue_of_row(row: Row) -> Issue:
    return Issue(
        id=IssueId.of(row["id"]),
        type=IssueType(row["type"]),
        status=Status(row["status"]),
        priority=Priority(row["priority"]),
        customer_id=row["customer_id"],
        transaction_id=row["transaction_id"],
        details=from_jsonb(row["details"]),
        opened_by=row["opened_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        attempts=row["attempts"],
        failure_reason=row["failure_reason"],
        resolved_at=row["resolved_at"],
    )


def decision_of_row(row: Row) -> Decision:
    return Decision(
        id=DecisionId.of(row["id"]),
        issue_id=IssueId.of(row["issue_id"]),
        action=Action(row["action"]),
        confidence=row["confidence"],
        reasoning=row["reasoning"],
        policy_applied=row["policy_applied"],
        policy_version=row["policy_version"],
        engine=Engine(row["engine"]),
        routing=Routing(row["routing"]),
        inputs=from_jsonb(row["inputs"]),
        decided_at=row["decided_at"],
    )


def review_of_row(row: Row) -> Review:
    return Review(
        id=ReviewId.of(row["id"]),
        issue_id=IssueId.of(row["issue_id"]),
        decision=ReviewDecision(row["decision"]),
        outcome=Outcome(row["outcome"]),
        machine_action=Action(row["machine_action"]),
        action=None if row["action"] is None else Action(row["action"]),
        comment=row["comment"],
        reviewer=row["reviewer"],
        reviewed_at=row["reviewed_at"],
    )


def action_of_row(row: Row) -> RequestedAction:
    return RequestedAction(
        id=ActionId.of(row["id"]),
        issue_id=IssueId.of(row["issue_id"]),
        action=Action(row["action"]),
        source=row["source"],
        status=ActionStatus(row["status"]),
        parameters=from_jsonb(row["parameters"]),
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        updated_at=row["updated_at"],
    )
