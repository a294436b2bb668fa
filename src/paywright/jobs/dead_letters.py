"""Jobs that were given up: see them, and put them back when their cause is mended."""

from collections.abc import Sequence

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.jobs import store
from paywright.jobs.model import DeadLetter, Depth


class JobNotDead(NotFound):
    """There is no dead job of this id.

    It may have been put back and finished already. None of the jobs that were named together was
    put back.
    """


async def list_dead(
    tx: Tx, *, limit: int, cursor: str | None = None, task: str | None = None
) -> Page[DeadLetter]:
    """Dead jobs, newest first. Raises BadCursor."""
    rows = await store.list_dead(
        tx, before_id=_position(cursor) if cursor else None, task=task, limit=limit + 1
    )
    return page_of(rows, limit=limit, position=lambda letter: str(letter.id))


async def requeue(
    db: Database, cause: Cause, *, ids: Sequence[int] | None = None, limit: int = 1000
) -> list[int]:
    """Put dead jobs back into the queue, with all their attempts; the ids of those that were.

    ids:   None for all, oldest first, at most `limit`
    Raises PermissionMissing, and JobNotDead when one of `ids` is not dead: then nothing changes.
    """
    cause.actor.require(Permission.MANAGE_JOBS)
    async with db.transaction() as tx:
        wanted = None if ids is None else sorted(set(ids))
        dead = await store.lock_dead(tx, wanted, limit=limit if wanted is None else len(wanted))
        if wanted is not None and (unknown := sorted(set(wanted) - set(dead))):
            named = ", ".join(map(str, unknown[:20]))
            raise JobNotDead(f"not dead: {named}", ids=unknown)
        requeued = await store.requeue(tx, dead)
        await emit(
            tx,
            cause,
            *(Event("job.requeued", f"job_{id}", {"task": task}) for id, task in requeued),
        )
    return [id for id, _ in requeued]


async def depth(tx: Tx) -> list[Depth]:
    """How much work there is, by task."""
    return await store.depth(tx)


def _position(cursor: str) -> int:
    position = decode_cursor(cursor)
    if not (position.isascii() and position.isdigit() and len(position) < 19):
        raise BadCursor.field("cursor", "not a cursor of this list")
    return int(position)
