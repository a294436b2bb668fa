"""The channels of those who have none: the development outbox, and its absence."""

from paywright.notifications.channels.model import Delivered, DeliveryFailed, Outgoing


class Outbox:
    """Delivered means kept: `GET /api/v1/messages` and `paywright messages` show it."""

    async def send(self, message: Outgoing) -> Delivered:
        return Delivered(keeps_content=True)

    async def close(self) -> None: ...


class Unset:
    """In production nobody looks into an outbox: what cannot be sent, fails.

    setting: the one that would help
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting

    async def send(self, message: Outgoing) -> Delivered:
        raise DeliveryFailed(f"{self._setting} is not set")

    async def close(self) -> None: ...
