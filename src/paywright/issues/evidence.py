"""Gather the evidence for a list of issues: a fixed number of queries, however many issues."""

from collections.abc import Sequence
from datetime import datetime

from paywright.customers import store as customers
from paywright.db.pool import Tx
from paywright.issues import evidence_store
from paywright.issues.facts import CustomerFacts, Facts, TransactionFacts
from paywright.issues.model import Issue
from paywright.payments import store as payments
from paywright.payments.model import Charge

_UNKNOWN = TransactionFacts(known=False, status="", amount_minor=0, currency="", age_days=0)


async def gather_facts(tx: Tx, issues: Sequence[Issue], *, at: datetime) -> list[Facts]:
    """The facts of each issue as they stand at `at`, in the order of the issues."""
    customer_ids = sorted({issue.customer_id for issue in issues})
    references = sorted({issue.transaction_id for issue in issues})
    known = await customers.known(tx, customer_ids)
    counts = await payments.customer_counts(tx, customer_ids)
    charges = await payments.charges_by_reference(tx, references)
    records = await evidence_store.customer_records(tx, customer_ids, at=at)
    facts = []
    for issue in issues:
        # A payment under review may be of somebody who is no customer on file.
        nobody = customers.Known(issue.customer_id, "", issue.created_at)
        customer = known.get(issue.customer_id, nobody)
        payment_counts = counts.get(issue.customer_id, payments.CustomerCounts(0, 0))
        record = records.get(issue.customer_id, evidence_store.CustomerRecord(0, 0, 1))
        own_dispute = 1 if issue.type == "dispute" else 0
        facts.append(
            Facts(
                type=issue.type.value,
                priority=issue.priority.value,
                details=issue.details,
                customer=CustomerFacts(
                    tenure_days=_days(customer.customer_since, at),
                    country=customer.country,
                    payments_succeeded=payment_counts.succeeded,
                    payments_failed=payment_counts.failed,
                    refunds_90d=record.refunds_90d,
                    # The issue itself is on file and open while it is being decided.
                    disputes_365d=max(record.disputes_365d - own_dispute, 0),
                    open_issues=max(record.open_issues - 1, 0),
                ),
                transaction=_transaction(issue, charges.get(issue.transaction_id), at),
            )
        )
    return facts


def _transaction(issue: Issue, charge: Charge | None, at: datetime) -> TransactionFacts:
    # It may have come on file after the issue, and be somebody else's.
    if charge is None or charge.customer_id != issue.customer_id:
        return _UNKNOWN
    return TransactionFacts(
        known=True,
        status=charge.status.value,
        amount_minor=charge.amount.minor,
        currency=charge.amount.currency,
        age_days=_days(charge.created_at, at),
    )


def _days(since: datetime, at: datetime) -> int:
    return max((at - since).days, 0)
