"""What issues allow. Pure: values in, a value or a Problem out."""

import msgspec

from paywright.core.errors import Conflict, Invalid
from paywright.issues.details import Details, MissedInstallmentDetails
from paywright.issues.model import Action, Issue, Outcome, Review, ReviewDecision, Status


class TransactionOfAnotherCustomer(Invalid):
    """The transaction belongs to another customer than the issue."""


class DetailsContradictory(Invalid):
    """The details contradict each other."""


class NotAwaitingReview(Conflict):
    """The issue is not waiting for a person's decision."""


class AlreadyReviewed(Conflict):
    """The issue has been reviewed already."""


class ReviewContradictory(Invalid):
    """The review contradicts itself."""


def check_details(details: Details) -> None:
    """Raise DetailsContradictory for details that no reality can have."""
    if (
        isinstance(details, MissedInstallmentDetails)
        and details.installment_number > details.total_installments
    ):
        raise DetailsContradictory.field(
            "details.installment_number",
            f"is above total_installments {details.total_installments}",
        )


def check_reviewable(issue: Issue, review: Review | None) -> None:
    """Raise AlreadyReviewed or NotAwaitingReview unless a person may decide now."""
    if review is not None:
        raise AlreadyReviewed(f"by {review.reviewer}", outcome=review.outcome.value)
    if issue.status is not Status.AWAITING_REVIEW:
        raise NotAwaitingReview(f"the issue is {issue.status}", issue_status=issue.status.value)


class Reviewed(msgspec.Struct, frozen=True):
    """How a review compares with the machine, and what is to be done now."""

    outcome: Outcome
    action: Action | None


def judge(
    machine: Action, *, decision: ReviewDecision, action: Action | None, comment: str | None
) -> Reviewed:
    """What a review amounts to.

    approve: the machine was right, its action is taken. modify: another action is taken.
    reject: the machine was wrong and nothing is done; says why in `comment`.
    """
    if decision is ReviewDecision.APPROVE:
        if action not in (None, machine):
            raise ReviewContradictory.field(
                "action", f"is not the machine's action {machine}; to take another, use modify"
            )
        return Reviewed(Outcome.AGREED, machine)
    if decision is ReviewDecision.MODIFY:
        if action is None:
            raise ReviewContradictory.field("action", "modify needs the action to take instead")
        if action is machine:
            raise ReviewContradictory.field("action", "is the machine's own; use approve")
        return Reviewed(Outcome.MODIFIED, action)
    if action is not None:
        raise ReviewContradictory.field("action", "reject takes no action; use modify")
    if not (comment or "").strip():
        raise ReviewContradictory.field("comment", "reject needs a reason")
    return Reviewed(Outcome.REJECTED, None)
