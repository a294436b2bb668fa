"""Idempotency: the same request twice has one effect and one answer.

Owns    idempotency_keys
Calls   nobody
Emits   nothing
Always  a key is claimed in the transaction of the effect itself: either both are there or neither
"""

from paywright.idempotency.claim import KeyReused, amend, claim, claim_fresh, recall, release
from paywright.idempotency.model import Answer, Claim, fingerprint

__all__ = [
    "Answer",
    "Claim",
    "KeyReused",
    "amend",
    "claim",
    "claim_fresh",
    "fingerprint",
    "recall",
    "release",
]
