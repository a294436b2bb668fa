"""What a run may become, from what it is, and who says so first."""

from paywright.core.errors import Conflict, NotFound
from paywright.core.ids import RunId
from paywright.db.pool import Tx
from paywright.payment_runs import store
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus


class NoSuchRun(NotFound):
    """There is no such payment run."""


class RunNotCollected(Conflict):
    """The run has left, or was canceled.

    Only a run that is `collected` can be released or canceled. `run_status` says what this one is.
    """


class RunNotReleased(Conflict):
    """Nothing of the run has left.

    `run_status` says what it is: a file is answered by a bank after it was taken out.
    """


class OtherMethod(Conflict):
    """The run leaves in another way.

    A run of the method `file` is released by taking out its file; one of the method `provider` has
    no file.
    """


async def lock_run(tx: Tx, run_id: RunId) -> PaymentRun:
    """Raises NoSuchRun."""
    run = await store.lock(tx, run_id)
    if run is None:
        raise NoSuchRun(str(run_id))
    return run


def check_method(run: PaymentRun, method: RunMethod) -> None:
    """Raises OtherMethod."""
    if run.method is not method:
        raise OtherMethod(f"{run.id} is of the method {run.method}", method=run.method.value)


def check_collected(run: PaymentRun) -> None:
    """Raises RunNotCollected."""
    if run.status is not RunStatus.COLLECTED:
        raise RunNotCollected(f"{run.id} is {run.status}", run_status=run.status.value)


def check_released(run: PaymentRun) -> None:
    """Raises RunNotReleased."""
    if run.status not in (RunStatus.RELEASED, RunStatus.COMPLETED):
        raise RunNotReleased(f"{run.id} is {run.status}", run_status=run.status.value)
