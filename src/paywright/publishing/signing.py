"""Signatures of Standard Webhooks 1.0.0 (symmetric, `v1`). Pure."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

_PREFIX = "whsec_"
_KEY_MIN, _KEY_MAX = 24, 64  # bytes; the specification's own bounds


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError."""
    if not secret.startswith(_PREFIX):
        raise ValueError(f"must begin with {_PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("must be base64 after whsec_") from None
    if not _KEY_MIN <= len(key) <= _KEY_MAX:
        raise ValueError(f"must stand for {_KEY_MIN} to {_KEY_MAX} bytes")
    return key


def headers_of(key: bytes, *, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """What goes with a body. at: the moment of sending, which receivers compare with their clock"""
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
