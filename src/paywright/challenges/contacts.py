"""Where somebody can be reached, so that a code finds them."""

from collections.abc import Iterable

import msgspec

from paywright.challenges.model import Subject
from paywright.core.ids import UserId
from paywright.crypto import KeyRing
from paywright.customers import store as customers
from paywright.db.pool import Tx
from paywright.identity import users_store as users
from paywright.identity.model import UserStatus
from paywright.notifications.model import Channel
from paywright.notifications.recipients import BadRecipient, checked, masked


class Contact(msgspec.Struct, frozen=True):
    """An address, in the clear: only ever in memory."""

    channel: Channel
    recipient: str

    @property
    def masked(self) -> str:
        return masked(self.channel, self.recipient)

    def __repr__(self) -> str:  # an address does not belong into a log
        return f"Contact({self.masked})"


async def reachable(tx: Tx, keys: KeyRing, subjects: Iterable[Subject]) -> dict[Subject, Contact]:
    """Those who can be reached. By email, unless only a phone is there."""
    found = {it: await _contact(tx, keys, it) for it in set(subjects)}
    return {subject: contact for subject, contact in found.items() if contact is not None}


async def _contact(tx: Tx, keys: KeyRing, subject: Subject) -> Contact | None:
    if subject.kind == "user":
        try:
            user = await users.find(tx, keys, UserId.parse(subject.id))
        except ValueError:  # an API key or the system
            return None
        if user is None or user.status is not UserStatus.ACTIVE:
            return None
        return _usable(Channel.EMAIL, user.email)
    customer = await customers.find(tx, keys, subject.id)
    if customer is None:
        return None
    return _usable(Channel.EMAIL, customer.email) or _usable(Channel.SMS, customer.phone)


def _usable(channel: Channel, recipient: str | None) -> Contact | None:
    """None, too, for what no channel would take: one such address must not fail its neighbours."""
    if not recipient:
        return None
    try:
        return Contact(channel, checked(channel, recipient))
    except BadRecipient:
        return None
