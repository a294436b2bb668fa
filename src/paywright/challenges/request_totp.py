"""Start to set up an authenticator app: hand out a secret."""

import msgspec
import pyotp

from paywright.challenges import totp_store
from paywright.challenges.draw import draw_secret
from paywright.challenges.model import Subject
from paywright.challenges.rules import Enrolment, totp_context
from paywright.challenges.totp_access import TotpEnrolled, check_access
from paywright.challenges.totp_proof import lock_enrolment, prove
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit

_ISSUER = "Paywright"


class NewTotp(msgspec.Struct, frozen=True):
    """What is shown once. `otpauth_url` is for a QR code (the Key Uri Format of authenticator
    apps)."""

    secret: str
    otpauth_url: str

    def __repr__(self) -> str:
        return "NewTotp(…)"


async def request_totp(
    db: Database, keys: KeyRing, cause: Cause, *, subject: Subject, code: str | None = None
) -> NewTotp:
    """A secret for an app, which counts once it is confirmed: until then, the one before does.

    code: of the app that is there, which is to be replaced
    Raises TotpEnrolled when it is missing, OtpInvalid, OtpLocked, NoSuchCustomer.
    """
    check_access(cause.actor, subject)
    secret = draw_secret()
    async with db.transaction() as tx:
        refusal = await _request(tx, keys, cause, subject, code, secret)
    if refusal is not None:
        raise refusal
    url = pyotp.TOTP(secret).provisioning_uri(name=subject.id, issuer_name=_ISSUER)
    return NewTotp(secret, url)


async def _request(
    tx: Tx, keys: KeyRing, cause: Cause, subject: Subject, code: str | None, secret: str
) -> Problem | None:
    if subject.kind == "customer" and not await customers.known(tx, [subject.id]):
        return NoSuchCustomer(subject.id)
    found, strikes = await lock_enrolment(tx, subject)
    enrolment = found or Enrolment(subject)
    if enrolment.secret is not None:
        if code is None:
            return TotpEnrolled()
        if (refusal := await prove(tx, keys, cause, enrolment, strikes, code)) is not None:
            return refusal
    enrolment.pending = keys.encrypt(secret, context=totp_context(subject))
    enrolment.pending_since = cause.at
    await totp_store.put(tx, enrolment)
    await emit(tx, cause, Event("totp.requested", subject.id, {"kind": subject.kind}))
    return None
