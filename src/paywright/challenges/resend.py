"""Send a new code for a payment that waits for one."""

from datetime import datetime

import msgspec

from paywright.challenges import store, strikes_store
from paywright.challenges.codes import hash_of
from paywright.challenges.contacts import Contact
from paywright.challenges.draw import draw_code
from paywright.challenges.model import Challenge
from paywright.challenges.open import recipient_context
from paywright.challenges.rules import (
    RESENDS,
    binding_context,
    check_resendable,
    opened_binding,
    resent,
)
from paywright.challenges.store import Written
from paywright.challenges.tell import message_of
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import PaymentId
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.notifications.model import Channel
from paywright.notifications.send import queue_messages


class NoSuchChallenge(NotFound):
    """No code was asked for by this payment."""


class Resent(msgspec.Struct, frozen=True):
    """recipient: masked"""

    channel: Channel
    recipient: str
    expires_at: datetime
    resends_left: int


async def resend_code(
    db: Database, keys: KeyRing, cause: Cause, *, payment_id: PaymentId
) -> Resent:
    """Draw a new code, which takes the place of the last one, and send it to the same address.

    Raises NoSuchChallenge, NothingToResend, ResendsUsed, ResendTooSoon, and OtpUsed, OtpExpired,
    OtpLocked or OtpVoid when no code is of any use any more.
    """
    cause.actor.require(Permission.MOVE_MONEY)
    async with db.transaction() as tx:
        found = await store.lock_newest(tx, [payment_id])
        if not found:
            raise NoSuchChallenge(str(payment_id))
        (written,) = found
        before = written.challenge
        strikes = await strikes_store.lock(tx, [before.subject])
        check_resendable(before, strikes[before.subject], sent_at=written.sent_at, at=cause.at)
        after = resent(before, created_at=written.created_at, at=cause.at)
        contact = _contact(keys, written)
        await _send(tx, keys, cause, written, after, contact)
        facts = {"payment_id": str(payment_id), "resends_left": after.resends_left}
        await emit(tx, cause, Event("challenge.resent", str(after.id), facts))
    return Resent(contact.channel, contact.masked, after.expires_at, after.resends_left)


async def _send(
    tx: Tx, keys: KeyRing, cause: Cause, written: Written, after: Challenge, contact: Contact
) -> None:
    bound = keys.decrypt(written.binding, context=binding_context(after.id))
    code = draw_code()
    await store.set_sent_again(
        tx,
        after,
        code_hash=hash_of(keys, code, challenge_id=after.id, binding=bound),
        sent_at=cause.at,
    )
    message = message_of(
        contact,
        opened_binding(keys, after.id, written.binding),
        challenge_id=after.id,
        code=code,
        sending=RESENDS - after.resends_left,
        at=cause.at,
        expires_at=after.expires_at,
    )
    await queue_messages(tx, keys, cause, [message])


def _contact(keys: KeyRing, written: Written) -> Contact:
    challenge_id, channel = written.challenge.id, written.challenge.channel
    if written.recipient is None or channel is None:
        raise AssertionError(f"{challenge_id} is open and was sent to nobody")
    context = recipient_context(challenge_id)
    return Contact(channel, keys.decrypt(written.recipient, context=context))
