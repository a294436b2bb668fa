"""Open the issue of a payment that a person has to look at."""

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import IssueId, PaymentId
from paywright.db.pool import Database
from paywright.idempotency import Answer, Claim, claim, fingerprint
from paywright.issues.details import PaymentReviewDetails
from paywright.issues.model import Issue, IssueType, Priority, Status
from paywright.issues.open import file_issues
from paywright.payments.reviewed import facts_for_review
from paywright.payments.tasks import Reason

SCOPE = "issues.payment_review"


async def open_payment_review(
    db: Database, cause: Cause, *, payment_id: PaymentId, reason: Reason
) -> None:
    """One issue for each payment and reason, however often it is asked for."""
    async with db.transaction() as tx:
        facts = await facts_for_review(tx, payment_id)
        details = PaymentReviewDetails(reason, facts.score, list(facts.rules))
        issue = Issue(
            id=IssueId.new(cause.at),
            type=IssueType.PAYMENT_REVIEW,
            status=Status.PENDING,
            priority=Priority.CRITICAL,
            customer_id=facts.customer_id,
            transaction_id=str(payment_id),
            details=msgspec.to_builtins(details),
            opened_by=cause.actor.id,
            created_at=cause.at,
            updated_at=cause.at,
        )
        fields, digest = fingerprint({"payment_id": str(payment_id), "reason": reason})
        key = f"{payment_id}:{reason}"
        kept = Claim(SCOPE, key, fields, digest, Answer(201, str(issue.id).encode()))
        if (await claim(tx, [kept], at=cause.at))[0] is None:
            await file_issues(tx, [(cause, issue)])
