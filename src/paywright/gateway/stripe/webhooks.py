"""What a webhook of Stripe's is about. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from paywright.gateway.model import Notice, SignatureInvalid
from paywright.gateway.stripe.answers import KEY
from paywright.gateway.stripe.signature import verify


class _Object(msgspec.Struct, frozen=True):
    id: str | None = None
    metadata: dict[str, str] | None = None


class _Data(msgspec.Struct, frozen=True):
    object: _Object


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int
    data: _Data


def read_notice(headers: Mapping[str, str], body: bytes, *, secret: str, at: datetime) -> Notice:
    """Verify and read. Raises SignatureInvalid, also for a body that is no event.

    headers: names in lower case
    secret:  empty: nothing is taken for genuine
    """
    if not secret:
        raise SignatureInvalid("no secret is set up for webhooks of Stripe's")
    verify(headers.get("stripe-signature", ""), body, secret=secret, at=at)
    try:
        event = msgspec.json.decode(body, type=_Event)
        occurred_at = datetime.fromtimestamp(event.created, UTC)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError, OSError):
        raise SignatureInvalid("signed, but not an event") from None
    made = event.data.object
    return Notice(
        event_id=event.id,
        type=event.type,
        key=(made.metadata or {}).get(KEY),
        reference=made.id,
        occurred_at=occurred_at,
    )
