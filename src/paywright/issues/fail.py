"""Give an issue up whose every attempt failed, and find the ones that nobody works on."""

from collections.abc import Sequence
from datetime import timedelta

from paywright.core.cause import Cause
from paywright.core.ids import IssueId
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.issues import store
from paywright.issues.model import Status
from paywright.issues.tasks import DecideIssue, ask_for_decisions
from paywright.jobs.queue import missing

# Longer than any job may rest between two attempts, or a live job's lease.
STUCK_AFTER = timedelta(minutes=10)
_PAGE = 1000


async def fail_issues(
    tx: Tx, cause: Cause, tasks: Sequence[DecideIssue], reasons: Sequence[str]
) -> None:
    """Mark issues as failed, together with the death of their jobs."""
    reason_of = {task.issue_id: reason for task, reason in zip(tasks, reasons, strict=True)}
    failed = await store.set_failed(tx, reason_of, at=cause.at)
    told = [
        Event(
            "issue.failed",
            str(issue_id),
            {"reason": reason_of[issue_id]},
            after={"status": Status.FAILED.value},
        )
        for issue_id in failed
    ]
    await emit(tx, cause, *told)


async def requeue_stuck(db: Database, cause: Cause) -> list[IssueId]:
    """Queue undecided issues once more that no job stands for; those that were.

    Issue and job are committed together and a job outlives its worker, so there should never be
    one. Should a job be removed by hand, its issue is found here.
    """
    found: list[IssueId] = []
    after: IssueId | None = None
    while True:
        page, after = await _requeue_page(db, cause, after)
        found += page
        if after is None:
            return found


async def _requeue_page(
    db: Database, cause: Cause, after: IssueId | None
) -> tuple[list[IssueId], IssueId | None]:
    """One page of old undecided issues; those that had no job, and where the next page begins."""
    async with db.transaction() as tx:
        old = await store.undecided_since(
            tx, before=cause.at - STUCK_AFTER, after=after, limit=_PAGE
        )
        orphaned = set(await missing(tx, [str(issue.id) for issue in old]))
        stuck = [issue for issue in old if str(issue.id) in orphaned]
        await ask_for_decisions(tx, [(cause, issue) for issue in stuck])
        told = [Event("issue.requeued", str(issue.id), {"reason": "no job"}) for issue in stuck]
        await emit(tx, cause, *told)
    return [issue.id for issue in stuck], old[-1].id if len(old) == _PAGE else None
