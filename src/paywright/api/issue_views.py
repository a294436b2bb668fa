"""How issues are told to callers."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from paywright.issues.model import (
    Action,
    ActionStatus,
    Decision,
    Engine,
    Issue,
    IssueType,
    Outcome,
    Priority,
    Review,
    ReviewDecision,
    Routing,
    Status,
)
from paywright.issues.views import Listed, Story


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    action: Action
    confidence: Annotated[int, Meta(ge=0, le=100)]
    routing: Routing
    reasoning: str
    policy_applied: str
    policy_version: str
    engine: Engine
    inputs: dict[str, Any]
    decided_at: datetime

    @classmethod
    def of(cls, decision: Decision) -> "DecisionView":
        return cls(
            id=str(decision.id),
            action=decision.action,
            confidence=decision.confidence,
            routing=decision.routing,
            reasoning=decision.reasoning,
            policy_applied=decision.policy_applied,
            policy_version=decision.policy_version,
            engine=decision.engine,
            inputs=decision.inputs,
            decided_at=decision.decided_at,
        )


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    decision: ReviewDecision
    outcome: Outcome
    machine_action: Action
    action: Action | None
    comment: str | None
    reviewer: str
    reviewed_at: datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewView":
        return cls(
            id=str(review.id),
            decision=review.decision,
            outcome=review.outcome,
            machine_action=review.machine_action,
            action=review.action,
            comment=review.comment,
            reviewer=review.reviewer,
            reviewed_at=review.reviewed_at,
        )


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done. `requested` says that nobody has done it yet."""

    id: str
    action: Action
    source: Literal["machine", "review"]
    status: ActionStatus
    requested_by: str
    requested_at: datetime


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    at: datetime
    type: str
    actor: str
    request_id: str
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class IssueView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: IssueType
    status: Status
    priority: Priority
    customer_id: str
    transaction_id: str
    details: dict[str, Any]
    attempts: int
    failure_reason: str | None
    opened_by: str
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None

    @classmethod
    def of(cls, issue: Issue) -> "IssueView":
        return cls(**_plain(issue))


class DecidedBriefly(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    action: Action
    confidence: Annotated[int, Meta(ge=0, le=100)]
    routing: Routing
    policy_applied: str


class ListedIssue(IssueView, frozen=True, kw_only=True):
    decision: DecidedBriefly | None

    @classmethod
    def listed(cls, item: Listed) -> "ListedIssue":
        brief = item.decision
        return cls(
            **_plain(item.issue),
            decision=None
            if brief is None
            else DecidedBriefly(
                id=str(brief.id),
                action=brief.action,
                confidence=brief.confidence,
                routing=brief.routing,
                policy_applied=brief.policy_applied,
            ),
        )


class IssuePage(msgspec.Struct, frozen=True):
    items: Sequence[ListedIssue]
    next_cursor: str | None


class IssueStory(IssueView, frozen=True, kw_only=True):
    """An issue with everything that happened to it."""

    decision: DecisionView | None
    review: ReviewView | None
    action: ActionView | None
    history: Sequence[EventView]

    @classmethod
    def told(cls, story: Story) -> "IssueStory":
        action = story.action
        return cls(
            **_plain(story.issue),
            decision=None if story.decision is None else DecisionView.of(story.decision),
            review=None if story.review is None else ReviewView.of(story.review),
            action=None
            if action is None
            else ActionView(
                id=str(action.id),
                action=action.action,
                source=cast("Literal['machine', 'review']", action.source),
                status=action.status,
                requested_by=action.requested_by,
                requested_at=action.requested_at,
            ),
            history=[
                EventView(
                    sequence=event.sequence,
                    at=event.at,
                    type=event.type,
                    actor=event.actor,
                    request_id=event.request_id,
                    data=event.data,
                    before=event.before,
                    after=event.after,
                )
                for event in story.history
            ],
        )


@lru_cache(maxsize=1)
def _issue_fields() -> tuple[str, ...]:
    return IssueView.__struct_fields__


def _plain(issue: Issue) -> dict[str, Any]:
    fields = {name: getattr(issue, name) for name in _issue_fields()}
    return fields | {"id": str(issue.id)}
