"""Challenge those whose payments are risky: send them a code, or ask for one of their app."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.challenges import store, strikes_store, totp_store
from paywright.challenges.codes import hash_of
from paywright.challenges.contacts import Contact, reachable
from paywright.challenges.draw import draw_code
from paywright.challenges.model import Binding, Challenge, Method, Status, Subject
from paywright.challenges.rules import LIFETIME, RESENDS, TRIES, OtpLocked, binding_context
from paywright.challenges.store import Written
from paywright.challenges.tell import message_of
from paywright.core.cause import Cause
from paywright.core.errors import Invalid, Problem
from paywright.core.ids import ChallengeId, PaymentId
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.events.emit import Event, emit_all
from paywright.notifications.model import Message
from paywright.notifications.send import queue_messages

Wanted = tuple[Cause, Binding, Subject]


class ChallengeImpossible(Invalid):
    """The payment must be confirmed with a code, and there is nobody to send one to.

    The payer has neither an email address, nor a phone, nor an authenticator app on file.
    """


async def open_challenges(
    tx: Tx, keys: KeyRing, wanted: Sequence[Wanted]
) -> list[Challenge | Problem]:
    """Challenge each subject for its payment, or say why not: ChallengeImpossible, and OtpLocked
    when the subject has tried too many wrong codes.

    What is open for the same payment is void from then on. Emits challenge.created for each.
    """
    if not wanted:
        return []
    subjects = {subject for _, _, subject in wanted}
    locked = await strikes_store.ensure(tx, subjects)
    enrolled = await totp_store.confirmed(tx, subjects)
    contacts = await reachable(tx, keys, subjects - enrolled)
    outcomes: list[Challenge | Problem] = []
    made: list[tuple[Cause, Written]] = []
    messages: list[Message] = []
    for cause, binding, subject in wanted:
        refusal = _refusal(subject, locked[subject], enrolled, contacts, at=cause.at)
        if refusal is not None:
            outcomes.append(refusal)
            continue
        written, message = _opened(keys, cause, binding, subject, contacts.get(subject))
        outcomes.append(written.challenge)
        made.append((cause, written))
        messages += [] if message is None else [message]
    await _save(tx, keys, made, messages)
    return outcomes


def _refusal(
    subject: Subject,
    locked_until: datetime | None,
    enrolled: set[Subject],
    contacts: Mapping[Subject, Contact],
    *,
    at: datetime,
) -> Problem | None:
    if locked_until is not None and at < locked_until:
        return OtpLocked()
    if subject not in enrolled and subject not in contacts:
        return ChallengeImpossible()
    return None


def _opened(
    keys: KeyRing, cause: Cause, binding: Binding, subject: Subject, contact: Contact | None
) -> tuple[Written, Message | None]:
    """contact: None for who has an authenticator app"""
    challenge_id = ChallengeId.new(cause.at)
    bound = msgspec.json.encode(binding).decode()
    challenge = Challenge(
        id=challenge_id,
        payment_id=binding.payment_id,
        subject=subject,
        method=Method.TOTP if contact is None else Method.OTP,
        channel=None if contact is None else contact.channel,
        status=Status.OPEN,
        expires_at=cause.at + LIFETIME,
        tries_left=TRIES,
        resends_left=0 if contact is None else RESENDS,
    )
    code_hash = recipient = message = None
    if contact is not None:
        code = draw_code()
        code_hash = hash_of(keys, code, challenge_id=challenge_id, binding=bound)
        recipient = keys.encrypt(contact.recipient, context=recipient_context(challenge_id))
        message = message_of(
            contact,
            binding,
            challenge_id=challenge_id,
            code=code,
            sending=0,
            at=cause.at,
            expires_at=challenge.expires_at,
        )
    return Written(
        challenge=challenge,
        binding=keys.encrypt(bound, context=binding_context(challenge_id)),
        code_hash=code_hash,
        recipient=recipient,
        created_at=cause.at,
        sent_at=cause.at,
    ), message


async def _save(
    tx: Tx, keys: KeyRing, made: Sequence[tuple[Cause, Written]], messages: Sequence[Message]
) -> None:
    if not made:
        return
    latest = max((cause for cause, _ in made), key=lambda cause: cause.at)
    cause_of = {written.challenge.payment_id: cause for cause, written in made}
    voided = await store.void_open(tx, list(cause_of), at=latest.at)
    await store.insert(tx, [written for _, written in made])
    if messages:
        await queue_messages(tx, keys, latest, messages)
    told = [(cause_of[payment_id], _voided(payment_id, it)) for payment_id, it in voided]
    await emit_all(tx, told + [(cause, _created(written.challenge)) for cause, written in made])


def _voided(payment_id: UUID, challenge_id: ChallengeId) -> Event:
    facts = {"payment_id": str(PaymentId.of(payment_id))}
    return Event("challenge.voided", str(challenge_id), facts)


def _created(it: Challenge) -> Event:
    facts = {
        "payment_id": str(PaymentId.of(it.payment_id)),
        "method": it.method.value,
        "channel": None if it.channel is None else it.channel.value,
        "expires_at": it.expires_at,
    }
    return Event("challenge.created", str(it.id), facts)


def recipient_context(challenge_id: ChallengeId) -> str:
    return f"challenges.recipient:{challenge_id}"
