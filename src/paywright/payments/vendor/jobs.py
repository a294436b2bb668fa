"""Work on vendor payments that happens later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.payments.tasks import FollowUpFailure
from paywright.payments.vendor.expire import expire_unapproved
from paywright.payments.vendor.follow_up import follow_up_failure, repeat_or_tell
from paywright.payments.vendor.release import release_early, release_payment
from paywright.payments.vendor.remind import remind_approvers
from paywright.payments.vendor.tasks import ReleasePayment, RepeatPayment


@job(ReleasePayment)
async def run_release_payment(run: Run, task: ReleasePayment) -> None:
    await release_payment(run.app.db, run.app.vendor_parts, run.cause, payment_id=task.payment_id)


@job(RepeatPayment)
async def run_repeat_payment(run: Run, task: RepeatPayment) -> None:
    await repeat_or_tell(run.app.db, run.app.vendor_parts, run.cause, payment_id=task.payment_id)


@job(FollowUpFailure)
async def run_follow_up_failure(run: Run, task: FollowUpFailure) -> None:
    await follow_up_failure(run.app.db, run.app.vendor_terms, run.cause, payment_id=task.payment_id)


@schedule("expire_unapproved_payments", every=timedelta(minutes=10))
async def run_expire_unapproved(run: Run) -> None:
    await expire_unapproved(run.app.db, run.cause, after=run.app.vendor_terms.expires_after)


@schedule("remind_approvers", every=timedelta(minutes=5))
async def run_remind_approvers(run: Run) -> None:
    terms = run.app.vendor_terms
    await remind_approvers(run.app.db, run.app.keys, run.cause, after=terms.remind_after)


@schedule("release_early", every=timedelta(seconds=30))
async def run_release_early(run: Run) -> None:
    await release_early(run.app.db, run.cause)
