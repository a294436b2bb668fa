"""A beneficiary as it is kept: encrypted, and only its own payment opens it."""

import msgspec

from paywright.core.beneficiary import Beneficiary
from paywright.crypto import KeyRing


def seal(keys: KeyRing, payment_id: object, payee: Beneficiary) -> bytes:
    return keys.encrypt(msgspec.json.encode(payee).decode(), context=_context(payment_id))


def unseal(keys: KeyRing, payment_id: object, token: bytes) -> Beneficiary:
    text = keys.decrypt(token, context=_context(payment_id))
    return msgspec.json.decode(text, type=Beneficiary)


def _context(payment_id: object) -> str:
    return f"payments.beneficiary:{payment_id}"
