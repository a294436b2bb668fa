"""What a message is, on its way and on file."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import MessageId


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


class MessageStatus(StrEnum):
    """`sending`: somebody tries, or died trying. `failed`: every attempt did."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a slice asks to have sent.

    recipient:  an email address, or a phone number with its country code (`+49 151 …`)
    purpose:    what it is for, one word, `otp`; shown in lists
    template:   a file of `templates/`, without language and channel: `otp`
    values:     for all the template's places, and no others
    dedupe_key: a message of the same key is queued once, ever: `otp:chl_…:1`
    not_after:  when it is of no use any more; it is not sent later, and what it says is erased
    """

    channel: Channel
    recipient: str
    purpose: str
    template: str
    values: Mapping[str, str]
    dedupe_key: str
    not_after: datetime
    language: str = "en"


class Content(msgspec.Struct, frozen=True):
    """What a message says. A text message has no subject."""

    subject: str
    text: str


class Draft(msgspec.Struct, frozen=True):
    """A message that may be queued: its template is filled, its recipient checked."""

    id: MessageId
    channel: Channel
    recipient: str
    purpose: str
    content: Content
    dedupe_key: str
    not_after: datetime


class OnFile(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands. `content` is None when it was erased."""

    id: MessageId
    channel: Channel
    recipient: str
    purpose: str
    status: MessageStatus
    attempts: int
    content: Content | None
    not_after: datetime
    created_at: datetime
    sent_at: datetime | None
    provider_id: str | None
    error: str | None
