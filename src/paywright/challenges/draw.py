"""New codes and secrets: the only dice of the slice."""

import base64
import secrets

_SECRET_BYTES = 20  # RFC 4226, section 4, R6: 160 bits are recommended


def draw_code() -> str:
    """Six digits, all equally likely."""
    return f"{secrets.randbelow(1_000_000):06d}"


def draw_secret() -> str:
    """The secret of an authenticator app, in base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
