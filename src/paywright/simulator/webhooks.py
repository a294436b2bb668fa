"""What the simulated providers tell of their own accord, and how they sign it. Pure.

Whoever has something to tell, right after it is in the books:

    state.webhooks.announce(OutgoingEvent(side="stripe", id="evt_…", type="charge.succeeded",
                                          object=charge_id, created_at=at, data={…}))

`delivery.py` sees to the rest.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Teller = Literal["bank", "stripe"]

# The version of Stripe's API in whose shapes its objects are told.
STRIPE_API_VERSION = "2026-10-28.endive"

# With which they sign where nobody says otherwise.
SECRETS: dict[str, str] = {
    "bank": "whsec_" + base64.b64encode(b"of a bank that has no money, yet").decode(),
    "stripe": "whsec_of_a_stripe_that_has_no_money",
}


class OutgoingEvent(msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="kind"):
    """Something that a provider tells, once it is true.

    id:              the same one each time that this is told, also after a restart
    type:            in the provider's words, `payment.settled`
    object:          the provider's name for what it is about: events of one object have an order
    created_at:      when it is true; nothing is sent before
    data:            the object as it stands then: the bank's payment, `data.object` with Stripe
    idempotency_key: of the request that led to it; Stripe tells it
    account:         the connected account that it befell; Stripe tells it
    """

    side: Teller
    id: str
    type: str
    object: str
    created_at: datetime
    data: dict[str, Any]
    idempotency_key: str | None = None
    account: str | None = None


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one side tells its events. secret: with which it signs; the bank's is `whsec_` and
    base64, of Stripe's every byte counts as it is."""

    url: Annotated[str, Meta(pattern=r"^https?://[^/?#\s]+\S*$", max_length=2000)]
    secret: Annotated[str, Meta(min_length=1, max_length=500)]


class Hooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """None: this side tells nobody."""

    bank: Hook | None = None
    stripe: Hook | None = None

    def of(self, side: Teller) -> Hook | None:
        return self.bank if side == "bank" else self.stripe


class SecretUnusable(Exception):
    """The secret is not of the kind that this side signs with."""


def check_hooks(hooks: Hooks) -> None:
    """Raises SecretUnusable: found out when it is set, rather than when something is sent."""
    if hooks.bank is not None:
        _bank_key(hooks.bank.secret)


def event_id(*parts: str) -> str:
    """An id that follows from what it is about, so that it is the same after a restart."""
    return "evt_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def body_of(event: OutgoingEvent) -> bytes:
    """The body, byte for byte the same each time that the event is sent."""
    return msgspec.json.encode(_bank_body(event) if event.side == "bank" else _stripe_body(event))


def signed(side: Teller, id: str, body: bytes, *, secret: str, at: datetime) -> Mapping[str, str]:
    """The headers that prove who sent `body` at `at`. id: of the event"""
    sent_at = int(at.timestamp())
    if side == "stripe":
        # https://docs.stripe.com/webhooks#verify-manually: the whole secret is the key, as text.
        mac = hmac.new(secret.encode(), b"%d.%b" % (sent_at, body), hashlib.sha256)
        return {"Stripe-Signature": f"t={sent_at},v1={mac.hexdigest()}"}
    # Standard Webhooks 1.0, symmetric: https://www.standardwebhooks.com
    content = b"%b.%d.%b" % (id.encode(), sent_at, body)
    mac = hmac.new(_bank_key(secret), content, hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode(),
    }


def _bank_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise SecretUnusable("the bank's secret must be whsec_ and the base64 of 24 to 64 bytes")
    return key


def _bank_body(event: OutgoingEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "created_at": event.created_at,
        "data": event.data,
    }


def _stripe_body(event: OutgoingEvent) -> dict[str, Any]:
    account = {} if event.account is None else {"account": event.account}
    return {
        "id": event.id,
        "object": "event",
        "api_version": STRIPE_API_VERSION,
        "created": int(event.created_at.timestamp()),
        "data": {"object": event.data},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": event.idempotency_key},
        "type": event.type,
        **account,
    }
