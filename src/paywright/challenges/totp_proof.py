"""Prove that one has the authenticator app that is on file: limited as for payments."""

from paywright.challenges import strikes_store, totp_store
from paywright.challenges.model import Subject
from paywright.challenges.rules import Enrolment, OtpInvalid, OtpLocked, Strikes
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.crypto import KeyRing
from paywright.db.pool import Tx


async def lock_enrolment(tx: Tx, subject: Subject) -> tuple[Enrolment | None, Strikes]:
    """The app of a subject, and its wrong codes. Two who set up an app for the same subject do it
    one after the other, also when there is none yet."""
    await strikes_store.ensure(tx, [subject])
    strikes = await strikes_store.lock(tx, [subject])
    return (await totp_store.lock(tx, [subject])).get(subject), strikes[subject]


async def prove(
    tx: Tx, keys: KeyRing, cause: Cause, enrolment: Enrolment, strikes: Strikes, code: str
) -> Problem | None:
    """None when it is a code of the app, which is used up then. A wrong one is counted: return
    the problem out of the transaction, and raise it there, or the count is lost."""
    if strikes.locked(cause.at):
        return OtpLocked()
    secret = enrolment.secret
    if secret is not None and enrolment.accepts(code, secret, keys, cause.at):
        return None
    strikes.add(cause.at)
    await strikes_store.save(tx, {enrolment.subject: strikes})
    return OtpInvalid()
