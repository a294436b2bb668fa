"""End an exemption before its time."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import ExemptionId
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.risk import exemptions_store
from paywright.risk.model import Exemption


class NoSuchExemption(NotFound):
    """There is no such exemption."""


async def end_exemption(db: Database, cause: Cause, *, exemption_id: ExemptionId) -> Exemption:
    """From now on its rules count again. Ending twice is once.

    Raises PermissionMissing, NoSuchExemption.
    """
    cause.actor.require(Permission.MANAGE_RISK)
    async with db.transaction() as tx:
        exemption = await exemptions_store.lock(tx, exemption_id)
        if exemption is None:
            raise NoSuchExemption(str(exemption_id))
        if exemption.ended_at is None:
            by, at = cause.actor.id, cause.at
            await exemptions_store.set_ended(tx, exemption_id, by=by, at=at)
            facts = {"customer_id": exemption.customer_id}
            await emit(tx, cause, Event("risk.exemption_ended", str(exemption_id), facts))
            exemption = msgspec.structs.replace(exemption, ended_by=by, ended_at=at)
    return exemption
