"""Whom a message may go to, and how little of that is shown. Pure."""

import re

from paywright.core.errors import Invalid
from paywright.notifications.model import Channel

# Narrower than RFC 5321 allows: no quoted parts, comments or address literals, which nobody's bank
# has on file, and no control characters at all.
_EMAIL = re.compile(r'[^\s\x00-\x20\x7f-\x9f@<>()[\]\\,;:"]{1,64}@([\w-]{1,63}\.)*[\w-]{1,63}')
_EMAIL_MAX = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
# E.164: at most 15 digits, none of them a leading zero.
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION = str.maketrans("", "", " -./()\N{NO-BREAK SPACE}")


class BadRecipient(Invalid):
    """Nothing can be sent to this address or number."""


def checked(channel: Channel, recipient: str) -> str:
    """The recipient as the channel wants it. Raises BadRecipient, which does not quote it."""
    if channel is Channel.EMAIL:
        if len(recipient) > _EMAIL_MAX or _EMAIL.fullmatch(recipient) is None:
            raise BadRecipient.field("recipient", "is no email address")
        return recipient
    number = recipient.translate(_PUNCTUATION)
    if _PHONE.fullmatch(number) is None:
        raise BadRecipient.field("recipient", "is no phone number with a country code")
    return number


def masked(channel: Channel, recipient: str) -> str:
    """Enough for its owner to know it: `m***@example.com`, `+49…12`."""
    if channel is Channel.EMAIL:
        name, _, domain = recipient.rpartition("@")
        return f"{name[:1]}***@{domain}"
    return f"{recipient[:3]}…{recipient[-2:]}"
