"""Have a day compared by a job: because somebody asks, or because it is time."""

from collections.abc import Collection
from datetime import date, timedelta

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.ids import ReconciliationId
from paywright.db.pool import Database
from paywright.reconciliation import store
from paywright.reconciliation.compare import days_due, window_of
from paywright.reconciliation.fail import fail
from paywright.reconciliation.model import Reconciliation, RunState, StatementSource
from paywright.reconciliation.tasks import ask_to_reconcile

# No comparison that a person waits for takes that long.
_ABANDONED_AFTER = timedelta(days=1)


class NotAProvider(Invalid):
    """There is no provider of this name here.

    Those that are set up are listed by `GET /api/v1/providers/status`.
    """


def new_run(
    cause: Cause,
    *,
    provider: str,
    day: date,
    source: StatementSource = StatementSource.PROVIDER,
    is_scheduled: bool = False,
    is_queued: bool = True,
) -> Reconciliation:
    return Reconciliation(
        id=ReconciliationId.new(cause.at),
        provider=provider,
        day=day,
        source=source,
        state=RunState.RUNNING,
        is_scheduled=is_scheduled,
        is_queued=is_queued,
        requested_by=cause.actor.id,
        requested_at=cause.at,
    )


async def ask_for_reconciliation(
    db: Database, cause: Cause, *, provider: str, day: date, providers: Collection[str]
) -> Reconciliation:
    """The one that will be done. While one of the day is waiting or under way, that one.

    providers: the names of those that are set up
    Raises NotAProvider, DayNotBegun.
    """
    cause.actor.require(Permission.MANAGE_PROVIDERS)
    if provider not in providers:
        raise NotAProvider.field("provider", "is not set up here")
    window_of(day, at=cause.at)
    run = new_run(cause, provider=provider, day=day)
    async with db.transaction() as tx:
        while not await store.insert(tx, run):
            if (other := await store.queued(tx, provider, day)) is not None:
                return other
        await ask_to_reconcile(tx, cause, [run.id])
    return run


async def ask_for_daily(db: Database, cause: Cause, *, providers: Collection[str]) -> None:
    """Ask for the days that have not been asked for yet, once for each provider and day.

    Also gives up what a process left behind that must have ended.
    """
    cause.actor.require(Permission.MANAGE_PROVIDERS)
    async with db.transaction() as tx:
        last = await store.last_scheduled(tx, sorted(providers))
        due = [
            new_run(cause, provider=provider, day=day, is_scheduled=True)
            for provider in sorted(providers)
            for day in days_due(last.get(provider), at=cause.at)
        ]
        filed = [run.id for run in due if await store.insert(tx, run)]
        await ask_to_reconcile(tx, cause, filed)
        left = await store.abandoned(tx, before=cause.at - _ABANDONED_AFTER)
        await fail(tx, cause, left, ["its process ended before it was done"] * len(left))
