"""A person confirms, changes or rejects what the machine decided."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import IssueId, ReviewId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.issues import rules, store
from paywright.issues.decide import action_requested, requested_action
from paywright.issues.model import Action, Decision, Review, ReviewDecision, Status


async def review_issue(
    db: Database,
    cause: Cause,
    *,
    issue_id: IssueId,
    decision: ReviewDecision,
    action: Action | None,
    comment: str | None,
) -> Review:
    """Settle an issue that waits for a person.

    Of two reviewers at once one wins; the other gets AlreadyReviewed. Raises NoSuchIssue,
    NotAwaitingReview and ReviewContradictory.
    """
    cause.actor.require(Permission.REVIEW_ISSUES)
    async with db.transaction() as tx:
        issue = await store.lock_issue(tx, issue_id)
        rules.check_reviewable(issue, await store.review_of(tx, issue_id))
        machine = await store.decision_of(tx, issue_id)
        assert machine is not None, "what awaits review has been decided"  # noqa: S101
        judged = rules.judge(machine.action, decision=decision, action=action, comment=comment)
        review = Review(
            id=ReviewId.new(cause.at),
            issue_id=issue_id,
            decision=decision,
            outcome=judged.outcome,
            machine_action=machine.action,
            action=judged.action,
            comment=comment,
            reviewer=cause.actor.id,
            reviewed_at=cause.at,
        )
        await store.insert_review(tx, review)
        await store.set_resolved(tx, issue_id, at=cause.at)
        told = [_reviewed(review, machine)]
        if judged.action is not None:
            todo = requested_action(cause, issue_id, judged.action, source="review")
            await store.insert_actions(tx, [todo])
            told.append(action_requested(todo))
        await emit(tx, cause, *told)
    return review


def _reviewed(review: Review, machine: Decision) -> Event:
    facts = {
        "review_id": str(review.id),
        "decision": review.decision.value,
        "outcome": review.outcome.value,
        "machine_action": machine.action.value,
        "action": None if review.action is None else review.action.value,
        "comment": review.comment,
    }
    return Event(
        "issue.reviewed",
        str(review.issue_id),
        facts,
        before={"status": Status.AWAITING_REVIEW.value},
        after={"status": Status.RESOLVED.value},
    )
