"""Codes: read as they are typed, written down as hashes, recognised. See `draw` for new ones."""

import re
from datetime import datetime

import pyotp
from pyotp.exceptions import OTPVerificationError

from paywright.core.ids import ChallengeId
from paywright.crypto import KeyRing

_STEPS_AROUND = 1  # RFC 6238, section 5.2: at most one step for the delay of the network
_TYPED_MAX = 32
_CODE = re.compile(r"[0-9]{6}")  # no other digits than these ten: `\d` would take full-width ones


def as_typed(text: str) -> str | None:
    """The code that somebody typed, without its spaces; None for what is no code."""
    if len(text) > _TYPED_MAX:
        return None
    code = text.replace(" ", "")
    return code if _CODE.fullmatch(code) else None


def hash_of(keys: KeyRing, code: str, *, challenge_id: ChallengeId, binding: str) -> bytes:
    """What is kept of a code. It says nothing without the key, and fits one binding only."""
    return keys.keyed_hash(code, context=_context(challenge_id, binding))


def is_code(
    keys: KeyRing, token: bytes, code: str, *, challenge_id: ChallengeId, binding: str
) -> bool:
    """Whether it is the code of this hash. Takes as long for any code."""
    return keys.is_hash_of(token, code, context=_context(challenge_id, binding))


def step_of(secret: str, code: str, *, at: datetime, after: int) -> int | None:
    """The time step whose code this is: that of `at`, the one before or the one after.

    after: the last step that was used. A step is used once, and none before it any more
           (RFC 6238, section 5.2)
    """
    try:
        step = pyotp.TOTP(secret).verify_and_get_timecode(
            code, for_time=at, valid_window=_STEPS_AROUND
        )
    except OTPVerificationError:
        return None
    return step if step > after else None


def _context(challenge_id: ChallengeId, binding: str) -> str:
    return f"challenges.code:{challenge_id}:{binding}"
