"""Chores of identity."""

from datetime import timedelta

from paywright.identity.sessions_store import forget_sessions
from paywright.jobs.model import Run
from paywright.jobs.registry import schedule

_CHUNK = 2_000  # sessions in one transaction, so that no sweep holds locks for long
_KEPT = timedelta(days=30)  # after their end, for who looks into a break-in; the log has the rest


@schedule("forget_sessions", every=timedelta(hours=6))
async def forget_old_sessions(run: Run) -> None:
    gone = _CHUNK
    while gone == _CHUNK:
        async with run.app.db.transaction() as tx:
            gone = await forget_sessions(tx, before=run.cause.at - _KEPT, limit=_CHUNK)
