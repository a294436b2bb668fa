"""What every channel can do."""

from datetime import datetime
from typing import Protocol

import msgspec

from paywright.core.ids import MessageId
from paywright.notifications.model import Content


class Outgoing(msgspec.Struct, frozen=True):
    """A message, ready to go out. at: of this attempt; its id is the same in each"""

    id: MessageId
    recipient: str
    content: Content
    at: datetime


class Delivered(msgspec.Struct, frozen=True):
    """provider_id: what the other side calls the message, if it said so
    keeps_content: whether ours is the only copy, because nothing left this house"""

    provider_id: str | None = None
    keeps_content: bool = False


class DeliveryFailed(Exception):
    """An attempt failed. The text may be logged: it quotes neither the message, nor the recipient,
    nor the other side, which may do so itself.

    is_final: trying again would be pointless
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Sender(Protocol):
    """One channel."""

    async def send(self, message: Outgoing) -> Delivered:
        """Hand the message over. Raises DeliveryFailed; then it may have been sent all the same."""
        ...

    async def close(self) -> None: ...
