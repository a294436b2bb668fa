"""Take an authenticator app away."""

from paywright.challenges import totp_store
from paywright.challenges.model import Subject
from paywright.challenges.totp_access import TotpNotEnrolled, check_access, check_reset
from paywright.challenges.totp_proof import lock_enrolment, prove
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit


async def remove_totp(
    db: Database, keys: KeyRing, cause: Cause, *, subject: Subject, code: str | None
) -> None:
    """Forget the app and its secret.

    code: of the app; None: an administrator resets it
    Raises TotpNotEnrolled, OtpInvalid, OtpLocked, PermissionMissing.
    """
    if code is None:
        check_reset(cause.actor, subject)
    else:
        check_access(cause.actor, subject)
    async with db.transaction() as tx:
        refusal = await _remove(tx, keys, cause, subject, code)
    if refusal is not None:
        raise refusal


async def _remove(
    tx: Tx, keys: KeyRing, cause: Cause, subject: Subject, code: str | None
) -> Problem | None:
    enrolment, strikes = await lock_enrolment(tx, subject)
    if enrolment is None or enrolment.secret is None:
        return TotpNotEnrolled()
    if code is not None:
        refusal = await prove(tx, keys, cause, enrolment, strikes, code)
        if refusal is not None:
            return refusal
    await totp_store.delete(tx, subject)
    facts = {"kind": subject.kind, "reset": code is None}
    await emit(tx, cause, Event("totp.removed", subject.id, facts))
    return None
