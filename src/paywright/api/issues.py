"""Issues over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import (
    CustomerRef,
    IdempotencyKey,
    LongText,
    Reference,
    idempotency_key,
    read_body,
)
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import IssueId
from paywright.idempotency import Answer
from paywright.issues.details import (
    DeclineDetails,
    DisputeDetails,
    MissedInstallmentDetails,
    RefundRequestDetails,
)
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
from paywright.issues.open import OpenIssue
from paywright.issues.review import review_issue
from paywright.issues.views import Filters, Listed, Story, get_issue, list_issues
from paywright.wiring import App


class _Opening(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    customer_id: CustomerRef
    transaction_id: Reference
    priority: Priority = Priority.NORMAL
    idempotency_key: IdempotencyKey | None = None


class DeclineIssue(_Opening, frozen=True, tag="decline", kw_only=True):
    details: DeclineDetails


class MissedInstallmentIssue(_Opening, frozen=True, tag="missed_installment", kw_only=True):
    details: MissedInstallmentDetails


class DisputeIssue(_Opening, frozen=True, tag="dispute", kw_only=True):
    details: DisputeDetails


class RefundRequestIssue(_Opening, frozen=True, tag="refund_request", kw_only=True):
    details: RefundRequestDetails


IssueRequest = DeclineIssue | MissedInstallmentIssue | DisputeIssue | RefundRequestIssue

_TYPE = {
    DeclineIssue: IssueType.DECLINE,
    MissedInstallmentIssue: IssueType.MISSED_INSTALLMENT,
    DisputeIssue: IssueType.DISPUTE,
    RefundRequestIssue: IssueType.REFUND_REQUEST,
}


class ReviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """approve: take the machine's action. modify: take `action` instead. reject: do nothing."""

    decision: ReviewDecision
    action: Action | None = None
    comment: LongText | None = None


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


def opening(cause: Cause, body: IssueRequest, *, key: str) -> OpenIssue:
    """A request as the use-case takes it."""
    return OpenIssue(
        cause=cause,
        idempotency_key=key,
        type=_TYPE[type(body)],
        customer_id=body.customer_id,
        transaction_id=body.transaction_id,
        details=body.details,
        priority=body.priority,
    )


def render_opened(issue: Issue) -> Answer:
    """The answer to a request that opened an issue. Stored with its key, replayed bit for bit."""
    return Answer(201, msgspec.json.encode(IssueView.of(issue)))


@post("/issues", status_code=201, opt={"permission": Permission.OPEN_ISSUES, "body": IssueRequest})
async def open_issue(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    key: Annotated[
        str | None,
        Parameter(header="Idempotency-Key", required=False, description="Or in the body."),
    ] = None,
) -> Response[IssueView]:
    """Open an issue.

    It is queued for a decision at once: poll `GET /api/v1/issues/{issue_id}` for it. The same
    request with the same key again gets the same answer, with `Idempotency-Replayed: true`.
    """
    body: IssueRequest = await read_body(request, IssueRequest)
    opened = await request.app.state.open_issue.submit(
        opening(cause, body, key=idempotency_key(request, body.idempotency_key))
    )
    headers = {"Idempotency-Replayed": "true"} if opened.replayed else {}
    # The stored bytes; the annotation is for the API's description.
    raw = Response(
        opened.answer.body,
        status_code=opened.answer.status,
        media_type="application/json",
        headers=headers,
    )
    return cast("Response[IssueView]", raw)


@get("/issues", opt={"permission": Permission.READ_ISSUES})
async def get_issues(
    app: App,
    cause: Cause,
    status: Status | None = None,
    issue_type: Annotated[IssueType | None, Parameter(query="type", required=False)] = None,
    customer_id: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None,
    priority: Priority | None = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> IssuePage:
    """List issues, newest first. `next_cursor` leads to the next page."""
    filters = Filters(status=status, type=issue_type, customer_id=customer_id, priority=priority)
    page = await list_issues(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return IssuePage([ListedIssue.listed(item) for item in page.items], page.next_cursor)


@get("/issues/{issue_id:str}", opt={"permission": Permission.READ_ISSUES})
async def get_one_issue(app: App, cause: Cause, issue_id: str) -> IssueStory:
    """One issue: its decision with the evidence, its review, its action, its whole history."""
    return IssueStory.told(await get_issue(app.db, cause, issue_id=_issue_id(issue_id)))


@post(
    "/issues/{issue_id:str}/review",
    status_code=200,
    opt={"permission": Permission.REVIEW_ISSUES, "body": ReviewRequest},
)
async def create_review(
    request: Request[Any, Any, Any], app: App, cause: Cause, issue_id: str
) -> ReviewView:
    """Decide an issue that waits for a person.

    An issue is reviewed once: a second review gets 409, so repeating the request is safe.
    """
    body: ReviewRequest = await read_body(request, ReviewRequest)
    review = await review_issue(
        app.db,
        cause,
        issue_id=_issue_id(issue_id),
        decision=body.decision,
        action=body.action,
        comment=body.comment,
    )
    return ReviewView.of(review)


@lru_cache(maxsize=1)
def _issue_fields() -> tuple[str, ...]:
    return IssueView.__struct_fields__


def _plain(issue: Issue) -> dict[str, Any]:
    fields = {name: getattr(issue, name) for name in _issue_fields()}
    return fields | {"id": str(issue.id)}


def _issue_id(text: str) -> IssueId:
    try:
        return IssueId.parse(text)
    except ValueError as error:
        raise InvalidRequest.field("issue_id", str(error)) from None


ROUTES = [open_issue, get_issues, get_one_issue, create_review]
