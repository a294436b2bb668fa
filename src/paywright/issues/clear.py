"""Remove sample issues, to begin anew. What happened stays in the event log."""

from collections.abc import Sequence

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import IssueId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.idempotency import release
from paywright.issues import store
from paywright.issues.open import SCOPE


async def clear_issues(db: Database, cause: Cause, *, keys: Sequence[str]) -> list[IssueId]:
    """Remove the issues that were opened with these idempotency keys; those that were there.

    A job that is still queued for one of them finds nothing to do.
    """
    async with db.transaction() as tx:
        answers = await release(tx, SCOPE, keys)
        ids = [IssueId.parse(msgspec.json.decode(answer.body)["id"]) for answer in answers]
        removed = await store.delete_issues(tx, ids)
        told = [Event("issue.cleared", str(issue_id), {}) for issue_id in removed]
        await emit(tx, cause, *told)
    return removed
