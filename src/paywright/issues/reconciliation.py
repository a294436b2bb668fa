"""Open the issue of a reconciliation that a person has to look at."""

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import IssueId, ReconciliationId
from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.idempotency import Answer, Claim, claim, fingerprint
from paywright.issues import store
from paywright.issues.details import ReconciliationDetails, ReconciliationItem
from paywright.issues.model import Issue, IssueType, Priority, Status
from paywright.issues.open import file_issues
from paywright.ledger.model import HOUSE
from paywright.reconciliation.model import Item
from paywright.reconciliation.tasks import Reason
from paywright.reconciliation.views import ForReview, facts_for_review

SCOPE = "issues.reconciliation"


async def open_reconciliation_issue(
    db: Database, cause: Cause, *, reconciliation_id: ReconciliationId, reason: Reason
) -> None:
    """One issue for each run and reason, and none while that of an earlier run of the day, which
    found the same, is still open. It is about us: the customer is the house."""
    async with db.transaction() as tx:
        facts = await facts_for_review(tx, reconciliation_id)
        earlier = [str(it) for it in facts.same_as]
        if await store.open_about(tx, IssueType.RECONCILIATION, earlier):
            return
        issue = Issue(
            id=IssueId.new(cause.at),
            type=IssueType.RECONCILIATION,
            status=Status.PENDING,
            priority=Priority.CRITICAL,
            customer_id=HOUSE,
            transaction_id=str(reconciliation_id),
            details=msgspec.to_builtins(_details(facts, reason)),
            opened_by=cause.actor.id,
            created_at=cause.at,
            updated_at=cause.at,
        )
        key = f"{reconciliation_id}:{reason}"
        fields, digest = fingerprint({"reconciliation": key})
        kept = Claim(SCOPE, key, fields, digest, Answer(201, str(issue.id).encode()))
        if (await claim(tx, [kept], at=cause.at))[0] is None:
            await file_issues(tx, [(cause, issue)])


def _details(facts: ForReview, reason: Reason) -> ReconciliationDetails:
    run = facts.run
    return ReconciliationDetails(
        reason=reason,
        provider=run.provider,
        day=run.day.isoformat(),
        failure=run.failure,
        differences=run.differences,
        outcomes=dict(run.outcomes),
        items=[_item(item) for item in facts.items],
    )


def _item(item: Item) -> ReconciliationItem:
    fields = {
        "outcome": item.outcome,
        "kind": item.kind,
        "key": item.key,
        "payment_id": None if item.payment_id is None else str(item.payment_id),
        "our_status": item.our_status,
        "our_amount": _amount(item.our_amount),
        "their_reference": item.their_reference,
        "their_amount": _amount(item.their_amount),
    }
    return msgspec.convert(fields, ReconciliationItem)


def _amount(money: Money | None) -> str | None:
    return None if money is None else str(money)
