"""The work that KYC asks for later. `jobs` binds it to its use-cases."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.ids import CheckId
from paywright.db.pool import Tx
from paywright.jobs.model import JobRequest, Task
from paywright.jobs.queue import enqueue


class AskKycProvider(Task, frozen=True):
    """Filed with every check of a provider. Finds nothing to do when it is decided already."""

    check_id: CheckId


async def ask_soon(tx: Tx, cause: Cause, check_ids: Sequence[CheckId]) -> None:
    """Queue checks to be asked about. One that is queued stays so."""
    requests = [JobRequest(AskKycProvider(it), key=str(it)) for it in check_ids]
    await enqueue(tx, cause, *requests)
