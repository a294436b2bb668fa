"""Finish setting up an authenticator app: with its first code."""

from datetime import timedelta

from paywright.challenges import totp_store
from paywright.challenges.codes import as_typed, step_of
from paywright.challenges.model import Subject
from paywright.challenges.rules import OtpInvalid, totp_context
from paywright.challenges.totp_access import NothingToConfirm, check_access
from paywright.challenges.totp_proof import lock_enrolment
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.events import Event, emit

_PENDING_MAX = timedelta(minutes=15)


async def confirm_totp(
    db: Database, keys: KeyRing, cause: Cause, *, subject: Subject, code: str
) -> None:
    """Have the app count from now on; the code that confirms it is used up.

    Wrong codes are not counted here: who may try has been shown the secret.
    Raises NothingToConfirm, OtpInvalid.
    """
    check_access(cause.actor, subject)
    async with db.transaction() as tx:
        enrolment, _ = await lock_enrolment(tx, subject)
        if (
            enrolment is None
            or enrolment.pending is None
            or enrolment.pending_since is None
            or cause.at >= enrolment.pending_since + _PENDING_MAX
        ):
            raise NothingToConfirm
        secret = keys.decrypt(enrolment.pending, context=totp_context(subject))
        typed = as_typed(code)
        step = None if typed is None else step_of(secret, typed, at=cause.at, after=0)
        if step is None:
            raise OtpInvalid
        replaced = enrolment.secret is not None
        enrolment.secret, enrolment.confirmed_at = enrolment.pending, cause.at
        enrolment.pending = enrolment.pending_since = None
        enrolment.last_step = step
        await totp_store.put(tx, enrolment)
        facts = {"kind": subject.kind, "replaced": replaced}
        await emit(tx, cause, Event("totp.confirmed", subject.id, facts))
