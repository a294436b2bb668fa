"""Who sent a webhook: the `Stripe-Signature` header over the raw body. Pure.

Source: https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import re
from datetime import datetime

from paywright.gateway.model import SignatureInvalid

TOLERANCE_S = 300
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


def verify(header: str, body: bytes, *, secret: str, at: datetime) -> None:
    """Check `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`; while a secret is being changed there are
    several signatures, of which one will do.

    secret: the whole of it, `whsec_` included, as text
    Raises SignatureInvalid, also for what is from the future: the SDK would let that pass, and
    whoever holds one such message could send it again for as long.
    """
    pairs = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name.strip() == "t"]
    given = [value for name, _, value in pairs if name.strip() == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not given:
        raise SignatureInvalid("the signature has no time, or no part v1")
    signed = times[0].encode() + b"." + body
    wanted = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    # All are compared, each in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(wanted, value.encode(errors="replace")) for value in given]
    if not any(matches):
        raise SignatureInvalid("no signature fits the body")
    if abs(at.timestamp() - int(times[0])) > TOLERANCE_S:
        raise SignatureInvalid(f"signed more than {TOLERANCE_S} s ago, or from now")
