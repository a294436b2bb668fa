"""Issue work that happens later. A job names a use-case; it holds no logic."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from paywright.issues.decide import decide_issues
from paywright.issues.fail import fail_issues, requeue_stuck
from paywright.issues.payment_review import open_payment_review
from paywright.issues.reconciliation import open_reconciliation_issue
from paywright.issues.tasks import DecideIssue
from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.payments.tasks import ReviewPayment
from paywright.reconciliation.tasks import ReviewReconciliation
from paywright.telemetry import metrics


@job(DecideIssue, batch_max=200, on_dead=fail_issues)
async def run_decide_issues(run: Run, tasks: Sequence[DecideIssue]) -> list[None]:
    asked = [(cause, task.issue_id) for cause, task in zip(run.causes, tasks, strict=True)]
    app = run.app
    decisions = await decide_issues(app.db, app.issue_rules, asked, defaults=app.thresholds)
    tally = Counter((made.inputs["type"], made.routing, made.engine) for made in decisions)
    for (type, routing, engine), count in tally.items():
        metrics.count_decision(type=type, routing=routing, engine=engine, count=count)
    return [None] * len(tasks)


@job(ReviewPayment)
async def run_review_payment(run: Run, task: ReviewPayment) -> None:
    await open_payment_review(run.app.db, run.cause, payment_id=task.payment_id, reason=task.reason)


@job(ReviewReconciliation)
async def run_review_reconciliation(run: Run, task: ReviewReconciliation) -> None:
    await open_reconciliation_issue(
        run.app.db, run.cause, reconciliation_id=task.reconciliation_id, reason=task.reason
    )


@schedule("requeue_stuck_issues", every=timedelta(minutes=1))
async def run_requeue_stuck(run: Run) -> None:
    await requeue_stuck(run.app.db, run.cause)
