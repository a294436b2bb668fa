"""Whether a code is right, and what a wrong one costs. Pure: what is loaded is changed in memory.

Sources: PSD2 RTS (EU) 2018/389, article 4 (at most five failures in a row, and no word about which
element was wrong) and article 5 (a change of amount or payee voids the code).
"""

import math
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from paywright.challenges.codes import as_typed, is_code, step_of
from paywright.challenges.model import Binding, Challenge, Method, Passed, Status, Subject
from paywright.core.errors import Conflict, Invalid, Problem, TooMany
from paywright.core.ids import ChallengeId, PaymentId
from paywright.crypto import DecryptionFailed, KeyRing
from paywright.events.model import Event

LIFETIME = timedelta(minutes=5)
LIFETIME_MAX = timedelta(minutes=15)  # from the first code on, however often it is sent again
TRIES = 5
RESENDS = 3
RESEND_AFTER = timedelta(seconds=30)
STRIKES_MAX = 10  # wrong codes of one subject …
STRIKES_WINDOW = timedelta(hours=1)  # … within this time …
LOCKED_FOR = timedelta(hours=1)  # … lock it for this long


class OtpInvalid(Invalid):
    """The code is not right.

    `tries_left` tells how often another one may be tried. Each try counts, whatever was sent as
    the code.
    """


class OtpExpired(Conflict):
    """The time to confirm is over.

    Send the payment again, with a new idempotency key.
    """


class OtpLocked(Conflict):
    """Too many wrong codes were tried.

    No code confirms this payment any more. After ten wrong codes within an hour nothing of the
    same payer can be confirmed for another hour.
    """


class OtpVoid(Conflict):
    """The code was for something else.

    A code confirms one amount to one payee. When either changes, or a newer challenge has taken
    its place, the code is void.
    """


class OtpUsed(Conflict):
    """The payment has been confirmed already.

    A code works once.
    """


class NothingToResend(Conflict):
    """No code was sent that could be sent again.

    The payer has an authenticator app, which shows the code.
    """


class ResendsUsed(Conflict):
    """The code has been sent as often as it may be."""


class ResendTooSoon(TooMany):
    """A code has been sent a moment ago.

    Wait for the seconds in `Retry-After`.
    """


class Strikes(msgspec.Struct, eq=False):
    """The wrong codes of one subject, over all of its challenges. wrong_at: ascending."""

    wrong_at: list[datetime]
    locked_until: datetime | None = None
    changed: bool = False

    def locked(self, at: datetime) -> bool:
        return self.locked_until is not None and at < self.locked_until

    def add(self, at: datetime) -> bool:
        """Count one more; whether that was one too many."""
        recent = [it for it in self.wrong_at if it > at - STRIKES_WINDOW]
        self.wrong_at = [*recent, at][-STRIKES_MAX:]
        self.changed = True
        if len(self.wrong_at) < STRIKES_MAX:
            return False
        self.locked_until = at + LOCKED_FOR
        self.wrong_at = []
        return True


class Enrolment(msgspec.Struct, eq=False):
    """An authenticator app. `secret` counts, `pending` waits for its first code; both are tokens.

    last_step: of the last code that was accepted
    """

    subject: Subject
    secret: bytes | None = None
    confirmed_at: datetime | None = None
    pending: bytes | None = None
    pending_since: datetime | None = None
    last_step: int = 0
    changed: bool = False

    def accepts(self, code: str, token: bytes, keys: KeyRing, at: datetime) -> bool:
        """Whether it is the code of this moment; if so, it is used up."""
        typed = as_typed(code)
        if typed is None:
            return False
        secret = keys.decrypt(token, context=totp_context(self.subject))
        step = step_of(secret, typed, at=at, after=self.last_step)
        if step is None:
            return False
        self.last_step, self.changed = step, True
        return True


class Held(msgspec.Struct, eq=False):
    """A challenge that is locked for an answer. What happens to it is told in `told`.

    binding, code_hash: tokens. strikes, enrolment: shared by all challenges of one subject
    """

    id: ChallengeId
    payment_id: UUID
    subject: Subject
    method: Method
    status: Status
    binding: bytes
    code_hash: bytes | None
    expires_at: datetime
    tries_left: int
    strikes: Strikes
    enrolment: Enrolment | None
    told: list[Event]
    closed_at: datetime | None = None

    def close(self, status: Status, verb: str, at: datetime, **facts: object) -> None:
        self.status, self.closed_at = status, at
        self.tell(verb, **facts)

    def tell(self, verb: str, **facts: object) -> None:
        data = {"payment_id": str(PaymentId.of(self.payment_id)), **facts}
        self.told.append(Event(f"challenge.{verb}", str(self.id), data))


def try_code(
    held: Held, code: str, binding: Binding, keys: KeyRing, at: datetime
) -> Passed | Problem:
    """Answer a challenge: changes `held`, which is then to be saved whatever came of it.

    Every refusal is one of OtpInvalid, OtpExpired, OtpLocked, OtpVoid, OtpUsed.
    """
    if (refusal := _refusal(held, binding, keys, at)) is not None:
        return refusal
    if _is_right(held, code, keys, at):
        held.close(Status.PASSED, "passed", at, method=held.method.value)
        return Passed(held.id, held.method)
    held.tries_left -= 1
    held.tell("failed", tries_left=held.tries_left)
    too_many = held.strikes.add(at)
    if held.tries_left == 0 or too_many:
        facts = {"subject_locked_until": held.strikes.locked_until} if too_many else {}
        held.close(Status.LOCKED, "locked", at, **facts)
        held.tries_left = 0
    return OtpInvalid(
        f"{held.tries_left} tries left" if held.tries_left else "no try is left",
        tries_left=held.tries_left,
    )


_CLOSED: dict[Status, type[Problem]] = {
    Status.PASSED: OtpUsed,
    Status.LOCKED: OtpLocked,
    Status.EXPIRED: OtpExpired,
    Status.VOID: OtpVoid,
}


def check_resendable(
    challenge: Challenge, strikes: Strikes, *, sent_at: datetime, at: datetime
) -> None:
    """Whether a new code may take the place of the last one. Raises what says why not."""
    if challenge.status is not Status.OPEN:
        raise _CLOSED[challenge.status]
    if at >= challenge.expires_at:
        raise OtpExpired
    if strikes.locked(at):
        raise OtpLocked
    if challenge.method is Method.TOTP:
        raise NothingToResend
    if challenge.resends_left == 0:
        raise ResendsUsed
    wait = sent_at + RESEND_AFTER - at
    if wait > timedelta(0):
        seconds = math.ceil(wait.total_seconds())
        raise ResendTooSoon(f"wait {seconds} s", headers={"Retry-After": str(seconds)})


def resent(challenge: Challenge, *, created_at: datetime, at: datetime) -> Challenge:
    """The challenge after one more code. Its tries stay what they are."""
    return msgspec.structs.replace(
        challenge,
        resends_left=challenge.resends_left - 1,
        expires_at=min(at + LIFETIME, created_at + LIFETIME_MAX),
    )


def _refusal(held: Held, binding: Binding, keys: KeyRing, at: datetime) -> Problem | None:
    """Why no code can be right, if so."""
    if held.status is not Status.OPEN:
        return _CLOSED[held.status]()
    if at >= held.expires_at:
        held.close(Status.EXPIRED, "expired", at)
        return OtpExpired()
    if held.strikes.locked(at):
        return OtpLocked()
    if not _is_bound_to(held, binding, keys) or (held.method is Method.TOTP and not held.enrolment):
        held.close(Status.VOID, "voided", at)
        return OtpVoid()
    return None


def _is_bound_to(held: Held, binding: Binding, keys: KeyRing) -> bool:
    try:
        return binding.confirms(opened_binding(keys, held.id, held.binding))
    except DecryptionFailed:  # its key has left the ring: nobody can say any more
        return False


def _is_right(held: Held, code: str, keys: KeyRing, at: datetime) -> bool:
    if (enrolment := held.enrolment) is not None and held.method is Method.TOTP:
        secret = enrolment.secret
        return secret is not None and enrolment.accepts(code, secret, keys, at)
    typed = as_typed(code)
    if typed is None or held.code_hash is None:
        return False
    bound = keys.decrypt(held.binding, context=binding_context(held.id))
    return is_code(keys, held.code_hash, typed, challenge_id=held.id, binding=bound)


def opened_binding(keys: KeyRing, challenge_id: ChallengeId, token: bytes) -> Binding:
    """Raises DecryptionFailed."""
    text = keys.decrypt(token, context=binding_context(challenge_id))
    return msgspec.json.decode(text, type=Binding)


def binding_context(challenge_id: ChallengeId) -> str:
    return f"challenges.binding:{challenge_id}"


def totp_context(subject: Subject) -> str:
    return f"totp_enrolments.secret:{subject.kind}:{subject.id}"
