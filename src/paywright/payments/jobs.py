"""Payment work that happens later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.payments.cancel import cancel_unconfirmed
from paywright.payments.keep_asking import keep_asking
from paywright.payments.tasks import SettlePayment, SettleRefund


@job(SettlePayment, lane="calls", on_dead=keep_asking)
async def run_settle_payment(run: Run, task: SettlePayment) -> None:
    await run.app.settling.settle(run.cause, task.payment_id, turn=task.turn)


@job(SettleRefund, lane="calls", on_dead=keep_asking)
async def run_settle_refund(run: Run, task: SettleRefund) -> None:
    await run.app.settling.settle(run.cause, task.refund_id, turn=task.turn)


@schedule("cancel_unconfirmed_payments", every=timedelta(minutes=1))
async def run_cancel_unconfirmed(run: Run) -> None:
    await cancel_unconfirmed(run.app.db, run.cause)
