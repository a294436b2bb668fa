"""Let a run leave by its providers: each payment is handed over by a job."""

from collections.abc import Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict
from paywright.core.ids import RunId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx
from paywright.events import emit
from paywright.payment_runs import store
from paywright.payment_runs.collect import event_of
from paywright.payment_runs.model import HeldBack, PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.state import check_collected, check_method, lock_run
from paywright.payments.vendor import leaving
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.leaving import Released


class NothingLeft(Conflict):
    """Nothing of the run may leave any more.

    All its payments were canceled meanwhile, or the bank details of their vendors have changed. The
    run is canceled; what may leave later waits for another one.
    """


class Departure(msgspec.Struct, frozen=True):
    """A run as it is after its release, and what could not leave with it."""

    run: PaymentRun
    held_back: Sequence[HeldBack]


async def release_run(
    db: Database, parts: ApproveParts, cause: Cause, *, run_id: RunId
) -> Departure:
    """Hand the payments of a run to their providers, once.

    Raises NoSuchRun, OtherMethod, RunNotCollected, and NothingLeft, with the run canceled.
    """
    cause.actor.require(Permission.MANAGE_RUNS)
    async with db.transaction() as tx:
        run = await lock_run(tx, run_id)
        check_method(run, RunMethod.PROVIDER)
        check_collected(run)
        departure = await release(tx, parts, cause, run)
    check_left(departure)
    return departure


async def release(tx: Tx, parts: ApproveParts, cause: Cause, run: PaymentRun) -> Departure:
    """The same for a run that the caller has locked, or has just made."""
    return await depart(tx, cause, run, await leaving.release(tx, parts, cause, run.id))


async def depart(tx: Tx, cause: Cause, run: PaymentRun, released: Released) -> Departure:
    """Save which payments of a run have left. Without any, the run is canceled."""
    held_back = [HeldBack(*it) for it in released.held_back]
    gone = set(released.ids)
    if not gone:
        run = msgspec.structs.replace(run, status=RunStatus.CANCELED)
        await store.set_canceled(tx, run.id)
        await emit(tx, cause, event_of(run, "payment_run.canceled", reason="nothing_left"))
        return Departure(run, held_back)
    amounts = [it.amount.minor for it in await leaving.of_run(tx, run.id) if it.id in gone]
    run = msgspec.structs.replace(
        run,
        status=RunStatus.RELEASED,
        released_at=cause.at,
        payments=len(amounts),
        amount=Money(sum(amounts), run.currency),
    )
    await store.set_released(tx, run, at=cause.at)
    await emit(tx, cause, event_of(run, "payment_run.released", held_back=len(held_back)))
    return Departure(run, held_back)


def check_left(departure: Departure) -> None:
    """Raises NothingLeft. For after the transaction: what was found is kept."""
    if departure.run.status is RunStatus.CANCELED:
        raise NothingLeft(
            f"{departure.run.id} is canceled",
            held_back=[
                {"payment_id": str(it.payment_id), "reason": it.reason}
                for it in departure.held_back
            ],
        )
