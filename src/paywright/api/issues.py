"""Issues over HTTP."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from paywright.api.answers import respond
from paywright.api.issue_views import IssuePage, IssueStory, IssueView, ListedIssue, ReviewView
from paywright.api.requests import (
    END,
    CustomerRef,
    IdempotencyKey,
    LongText,
    Reference,
    idempotency_key,
    read_body,
    read_id,
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
    Issue,
    IssueType,
    Priority,
    ReviewDecision,
    Status,
)
from paywright.issues.open import OpenIssue
from paywright.issues.review import review_issue
from paywright.issues.views import Filters, get_issue, list_issues
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


class ReviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """approve: take the machine's action. modify: take `action` instead. reject: do nothing."""

    decision: ReviewDecision
    action: Action | None = None
    comment: LongText | None = None


def opening(cause: Cause, body: IssueRequest, *, key: str) -> OpenIssue:
    """A request as the use-case takes it."""
    return OpenIssue(
        cause=cause,
        idempotency_key=key,
        type=IssueType(str(body.__struct_config__.tag)),
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
    return respond(opened.answer, replayed=opened.replayed)


@get("/issues", opt={"permission": Permission.READ_ISSUES})
async def get_issues(
    app: App,
    cause: Cause,
    status: Status | None = None,
    type: IssueType | None = None,
    customer_id: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_-]{1,64}" + END)] = None,
    priority: Priority | None = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> IssuePage:
    """List issues, newest first. `next_cursor` leads to the next page."""
    filters = Filters(status=status, type=type, customer_id=customer_id, priority=priority)
    page = await list_issues(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return IssuePage([ListedIssue.listed(item) for item in page.items], page.next_cursor)


@get("/issues/{issue_id:str}", opt={"permission": Permission.READ_ISSUES})
async def get_one_issue(app: App, cause: Cause, issue_id: str) -> IssueStory:
    """One issue: its decision with the evidence, its review, its action, its whole history."""
    return IssueStory.told(
        await get_issue(app.db, cause, issue_id=read_id(IssueId, issue_id, field="issue_id"))
    )


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
        issue_id=read_id(IssueId, issue_id, field="issue_id"),
        decision=body.decision,
        action=body.action,
        comment=body.comment,
    )
    return ReviewView.of(review)


ROUTES = [open_issue, get_issues, get_one_issue, create_review]
