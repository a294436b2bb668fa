"""The work and the chores of messages. A job names a use-case; it holds no logic."""

from datetime import timedelta

from paywright.jobs.model import Run
from paywright.jobs.registry import job, schedule
from paywright.notifications.deliver import deliver_message
from paywright.notifications.fail import expire_messages, fail_messages
from paywright.notifications.tasks import DeliverMessage


@job(DeliverMessage, timeout=timedelta(minutes=1), on_dead=fail_messages)
async def run_deliver_message(run: Run, task: DeliverMessage) -> None:
    app = run.app
    await deliver_message(app.db, app.keys, app.channels, run.cause, message_id=task.message_id)


@schedule("expire_messages", every=timedelta(minutes=1))
async def run_expire_messages(run: Run) -> None:
    await expire_messages(run.app.db, run.cause)
