"""Payment work that happens later. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.payments.cancel import cancel_unconfirmed
from paywright.payments.settle import settle_payment
from paywright.payments.tasks import SettlePayment


@job(SettlePayment)
async def run_settle_payment(run: Run, task: SettlePayment) -> None:
    app = run.app
    await settle_payment(
        app.db, app.keys, app.banks, run.cause, payment_id=task.payment_id, turn=task.turn
    )


@schedule("cancel_unconfirmed_payments", every=timedelta(minutes=1))
async def run_cancel_unconfirmed(run: Run) -> None:
    await cancel_unconfirmed(run.app.db, run.cause)
