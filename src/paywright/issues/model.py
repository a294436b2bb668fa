"""The nouns of issues. Frozen: a change is a new value, saved by `store`."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from paywright.core.ids import ActionId, DecisionId, IssueId, ReviewId


class IssueType(StrEnum):
    DECLINE = "decline"
    MISSED_INSTALLMENT = "missed_installment"
    DISPUTE = "dispute"
    REFUND_REQUEST = "refund_request"
    PAYMENT_REVIEW = "payment_review"  # opened by the system: never decided by a machine
    RECONCILIATION = "reconciliation"  # the same: our books and a provider's differ


class Status(StrEnum):
    PENDING = "pending"  # waits for a worker
    PROCESSING = "processing"  # a worker has claimed it
    AWAITING_REVIEW = "awaiting_review"  # a person is to decide
    RESOLVED = "resolved"  # it is settled what is to be done
    FAILED = "failed"  # every attempt to decide failed: see the dead letters


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Action(StrEnum):
    APPROVE_RETRY = "approve_retry"
    APPROVE_REFUND = "approve_refund"
    SEND_REMINDER = "send_reminder"
    REJECT = "reject"
    ESCALATE = "escalate"


class Routing(StrEnum):
    """What follows from how sure the machine is."""

    AUTO_RESOLVE = "auto_resolve"
    HUMAN_REVIEW = "human_review"
    ESCALATE = "escalate"


class Engine(StrEnum):
    RULES = "rules"
    AI = "ai"


class ReviewDecision(StrEnum):
    """What a reviewer says of the machine's decision."""

    APPROVE = "approve"
    MODIFY = "modify"
    REJECT = "reject"


class Outcome(StrEnum):
    """How machine and person compare, for the analytics."""

    AGREED = "agreed"
    MODIFIED = "modified"
    REJECTED = "rejected"


class ActionStatus(StrEnum):
    REQUESTED = "requested"  # promised, nobody has done it yet
    DONE = "done"
    FAILED = "failed"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    id: IssueId
    type: IssueType
    status: Status
    priority: Priority
    customer_id: str
    transaction_id: str
    details: dict[str, Any]
    opened_by: str
    created_at: datetime
    updated_at: datetime
    attempts: int = 0
    failure_reason: str | None = None
    resolved_at: datetime | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says of one issue, before it is routed. `confidence` is 0 to 100."""

    action: Action
    confidence: int
    reasoning: str
    policy_applied: str
    policy_version: str
    engine: Engine


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as it was stored, with everything that went into it."""

    id: DecisionId
    issue_id: IssueId
    action: Action
    confidence: int
    reasoning: str
    policy_applied: str
    policy_version: str
    engine: Engine
    routing: Routing
    inputs: dict[str, Any]
    decided_at: datetime


class Review(msgspec.Struct, frozen=True, kw_only=True):
    id: ReviewId
    issue_id: IssueId
    decision: ReviewDecision
    outcome: Outcome
    machine_action: Action
    action: Action | None  # None: nothing is to be done
    comment: str | None
    reviewer: str
    reviewed_at: datetime


class RequestedAction(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to be done about an issue, and how far it got."""

    id: ActionId
    issue_id: IssueId
    action: Action
    source: str  # `machine` or `review`
    status: ActionStatus
    parameters: dict[str, Any]
    requested_by: str
    requested_at: datetime
    updated_at: datetime
