"""Webhooks of the partner bank: Standard Webhooks 1.0, symmetric. Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from paywright.gateway.model import Notice, SignatureInvalid

TOLERANCE_S = 300
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


class _Payment(msgspec.Struct, frozen=True):
    id: str
    idempotency_key: str | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    created_at: datetime
    data: _Payment


def signing_key(secret: str) -> bytes:
    """What `whsec_` and base64 stand for. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("needs whsec_ and the base64 of 24 to 64 bytes")
    return key


def verify(headers: Mapping[str, str], body: bytes, *, key: bytes, at: datetime) -> str:
    """Check the signature, and return the id of the message, which stays when it is sent again.

    headers: names in lower case
    Raises SignatureInvalid.
    """
    message, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    versions = [part.partition(",") for part in headers.get("webhook-signature", "").split(" ")]
    given = [value for version, _, value in versions if version == "v1"]
    if not message or not _TIME.fullmatch(time) or not given:
        raise SignatureInvalid("webhook-id, webhook-timestamp or a signature v1 is missing")
    signed = b".".join((message.encode(errors="surrogatepass"), time.encode(), body))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # All are compared, each in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(wanted, value.encode(errors="replace")) for value in given]
    if not any(matches):
        raise SignatureInvalid("no signature fits the body")
    if abs(at.timestamp() - int(time)) > TOLERANCE_S:
        raise SignatureInvalid(f"signed more than {TOLERANCE_S} s ago, or from now")
    return message


def read(headers: Mapping[str, str], body: bytes, *, key: bytes, at: datetime) -> Notice:
    """Verify and read. Raises SignatureInvalid, also for a body that is no event."""
    message = verify(headers, body, key=key, at=at)
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise SignatureInvalid("signed, but not an event") from None
    if event.created_at.tzinfo is None:
        raise SignatureInvalid("signed, but its time has no zone")
    return Notice(
        event_id=message,
        type=event.type,
        key=event.data.idempotency_key,
        reference=event.data.id,
        occurred_at=event.created_at,
    )
