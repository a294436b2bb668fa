"""The work that issues ask for later. `jobs` binds it to its use-cases."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.ids import IssueId
from paywright.db.pool import Tx
from paywright.issues import model
from paywright.issues.model import Issue
from paywright.jobs.model import JobRequest, Priority, Task
from paywright.jobs.queue import enqueue_all

_PRIORITY = {
    model.Priority.LOW: Priority.LOW,
    model.Priority.NORMAL: Priority.NORMAL,
    model.Priority.HIGH: Priority.HIGH,
    model.Priority.CRITICAL: Priority.CRITICAL,
}


class DecideIssue(Task, frozen=True):
    """Filed with every issue. Finds nothing to do when the issue is decided already."""

    issue_id: IssueId


async def ask_for_decisions(tx: Tx, caused: Sequence[tuple[Cause, Issue]]) -> None:
    """Queue issues for a decision, the urgent ones first. An issue that is queued stays so."""
    requests = [
        (
            cause,
            JobRequest(
                DecideIssue(issue.id), priority=_PRIORITY[issue.priority], key=str(issue.id)
            ),
        )
        for cause, issue in caused
    ]
    await enqueue_all(tx, requests)
