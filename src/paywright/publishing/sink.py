"""One receiver of events, over HTTP."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import httpx2
import msgspec

from paywright.publishing.cloud_event import CloudEvent
from paywright.publishing.signing import headers_of, key_of

_TIMEOUT_S = 10.0
_CONNECTIONS_MAX = 16
_IDLE_S = 4.0  # less than the 5 s after which many servers close


class NotAccepted(Exception):
    """The receiver did not take an event. The text says why, in a few words of ours."""


class Sink:
    """Events are posted one at a time, as CloudEvents in structured mode, and signed.

    url:    `https://…`; secret: `whsec_…`, empty: they are not signed
    types:  public types, `PaymentCreated`; empty: all
    Raises ValueError for what is no URL or no secret.
    """

    def __init__(
        self, *, url: str, secret: str, types: frozenset[str], clock: Callable[[], datetime]
    ) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError("must look like https://receiver.example.com/events")
        self.types = types
        self._url = url
        self._key = key_of(secret) if secret else None
        self._clock = clock
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=_CONNECTIONS_MAX, keepalive_expiry=_IDLE_S),
            # Where events are sent to is said by our settings alone, not by the receiver.
            follow_redirects=False,
            trust_env=False,
        )

    def wants(self, it: CloudEvent) -> bool:
        return not self.types or it.type in self.types

    async def send(self, it: CloudEvent) -> None:
        """Raises NotAccepted for anything but a 2xx."""
        body = msgspec.json.encode(it)
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if self._key is not None:
            headers |= headers_of(self._key, message_id=it.id, at=self._clock(), body=body)
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as answer:
                status = answer.status_code  # what else it says is of no interest
        except httpx2.TimeoutException:
            raise NotAccepted("no answer in time") from None
        except httpx2.HTTPError as error:
            raise NotAccepted(f"not reached: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise NotAccepted(f"answered {status}")

    async def close(self) -> None:
        await self._client.aclose()
