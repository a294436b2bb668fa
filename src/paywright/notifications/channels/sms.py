"""Text messages, by a form that is posted to a provider's API as Twilio's wants it.

Source: Twilio documentation, "Messages resource": To, From and Body; the answer has a `sid`.
"""

from urllib.parse import urlsplit

import httpx2
import msgspec

from paywright.notifications.channels.email import is_this_machine
from paywright.notifications.channels.model import Delivered, DeliveryFailed, Outgoing
from paywright.notifications.model import Channel
from paywright.notifications.recipients import BadRecipient, checked

_TIMEOUT_S = 10.0
_ANSWER_MAX = 64 * 1024  # bytes
# Of those statuses that speak of the request, the ones that speak of the moment.
_LATER = frozenset({401, 403, 408, 409, 425, 429})


class _Answer(msgspec.Struct):
    sid: str | None = None


class Sms:
    """url: SMS_API_URL; sender: SMS_FROM, a number or up to 11 letters. Raises ValueError."""

    def __init__(self, url: str, *, user: str, secret: str, sender: str) -> None:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and is_this_machine(parts.hostname or "")
        )
        if not is_safe or not parts.hostname:
            raise ValueError("SMS_API_URL must be https://, or http:// on this machine")
        if not _is_sender(sender):
            raise ValueError("SMS_FROM must be a phone number with +, or up to 11 letters")
        self._url, self._auth, self._from = url, (user, secret), sender
        self._client: httpx2.AsyncClient | None = None

    async def send(self, message: Outgoing) -> Delivered:
        if self._client is None:  # takes a moment, which most processes never need
            self._client = httpx2.AsyncClient(auth=self._auth, timeout=_TIMEOUT_S, trust_env=False)
        try:
            answer = await self._client.post(
                self._url,
                data={"To": message.recipient, "From": self._from, "Body": message.content.text},
                # The same at each attempt: a provider that knows it sends one.
                headers={"Idempotency-Key": str(message.id)},
            )
        except httpx2.HTTPError as error:
            raise DeliveryFailed(type(error).__name__) from None
        status = answer.status_code
        if status >= 300:
            is_final = status < 500 and status not in _LATER
            raise DeliveryFailed(f"the provider answered {status}", is_final=is_final)
        return Delivered(_sid(answer.content))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _is_sender(sender: str) -> bool:
    try:
        checked(Channel.SMS, sender)
    except BadRecipient:
        return sender.isascii() and sender.isalnum() and len(sender) <= 11
    return True


def _sid(content: bytes) -> str | None:
    """The provider's own id. It has taken the message: whatever else it says changes nothing."""
    try:
        sid = msgspec.json.decode(content[:_ANSWER_MAX], type=_Answer).sid
    except (msgspec.DecodeError, UnicodeError):
        return None
    return sid if sid and sid.isascii() and sid.isprintable() and len(sid) <= 200 else None
