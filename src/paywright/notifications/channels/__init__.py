"""How messages leave the house. Chosen once, from settings."""

import msgspec

from paywright.notifications.channels.email import Email
from paywright.notifications.channels.model import Sender
from paywright.notifications.channels.outbox import Outbox, Unset
from paywright.notifications.channels.sms import Sms
from paywright.notifications.model import Channel


class Channels(msgspec.Struct, frozen=True):
    email: Sender
    sms: Sender

    def of(self, channel: Channel) -> Sender:
        return self.email if channel is Channel.EMAIL else self.sms

    async def close(self) -> None:
        await self.email.close()
        await self.sms.close()


def open_channels(
    *,
    smtp_url: str,
    smtp_from: str,
    sms_api_url: str,
    sms_api_user: str,
    sms_api_secret: str,
    sms_from: str,
    is_development: bool,
) -> Channels:
    """Where a URL is empty: the outbox in development, and failure elsewhere.

    Connects to nothing. Raises ValueError, naming the setting.
    """
    email: Sender = Outbox() if is_development else Unset("SMTP_URL")
    sms: Sender = Outbox() if is_development else Unset("SMS_API_URL")
    if smtp_url:
        email = Email(smtp_url, sender=smtp_from)
    if sms_api_url:
        sms = Sms(sms_api_url, user=sms_api_user, secret=sms_api_secret, sender=sms_from)
    return Channels(email, sms)
