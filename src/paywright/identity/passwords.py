"""Passwords: which are good enough, and how they are hashed."""

import asyncio
import base64
import re
import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from paywright.core.errors import Invalid, Unavailable

T = TypeVar("T")

# NIST SP 800-63B-4, 3.1.1.2, asks for 15 where a password is all there is, 8 with a second factor.
# Sign-ins here are limited, locked and, for money, confirmed by a code.
LENGTH_MIN = 12
LENGTH_MAX = 128
# Each takes 64 MiB and four threads' worth of work: more at once would only slow each other down.
_AT_ONCE = 2
_WAITING_MAX = 50
# SP 800-63B-4 asks to refuse what everybody tries first: nothing but these words and a few other
# characters, or a walk along the keys.
_COMMON = re.compile(
    "(password|passwort|passphrase|pass|qwerty|qwertz|qwertyuiop|letmein|welcome|administrator"
    "|admin|changeme|iloveyou|abc|paywright|secret|login|test|user|monkey|dragon|payment)+"
)
_OTHERS_MAX = 8
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_WALKS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiop",
    "1q2w3e4r5t6y7u8i9o0p",
)
_REPEATED = re.compile(r"(.{1,4}?)\1+.{0,3}", re.S)


class WeakPassword(Invalid):
    """The password is too easy to guess.

    12 to 128 characters, whatever they are. Not the e-mail address, no pattern that repeats
    itself, and nothing that everybody tries first. A sentence of four or five words is good.
    """


class SignInBusy(Unavailable):
    """Too many passwords are being checked at this moment.

    Try again in a few seconds.
    """


def checked_password(password: str, *, email: str, field: str = "password") -> str:
    """The password in the form in which it is hashed. Raises WeakPassword, naming the field.

    Source: NIST SP 800-63B-4, 3.1.1.2: no rules of composition, NFKC, a list of what is common.
    """
    form = prepared(password)
    folded = form.casefold()
    address = prepared(email).casefold()
    if len(form) < LENGTH_MIN:
        raise WeakPassword.field(field, f"must have {LENGTH_MIN} characters at least")
    if len(form) > LENGTH_MAX:
        raise WeakPassword.field(field, f"must have {LENGTH_MAX} characters at most")
    if folded in (address, address.partition("@")[0]):
        raise WeakPassword.field(field, "must not be the e-mail address")
    if _REPEATED.fullmatch(folded):
        raise WeakPassword.field(field, "must not repeat itself")
    if _is_common(folded):
        raise WeakPassword.field(field, "is among those that everybody tries first")
    return form


def _is_common(folded: str) -> bool:
    letters = _NOT_LETTERS.sub("", folded)
    few_others = len(folded) - len(letters) <= _OTHERS_MAX
    if few_others and _COMMON.fullmatch(letters):
        return True
    return any(folded in walk for walk in _WALKS)


def new_password() -> str:
    """One that nobody guesses, to be kept in a file."""
    return secrets.token_urlsafe(18)


def prepared(password: str) -> str:
    """One form for what looks the same, however a keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Hashes and verifies, in threads, a few at a time.

    The default is the second recommended option of RFC 9106, section 4: argon2id with 64 MiB,
    3 passes, 4 lanes.
    """

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._decoy = _decoy(parameters)

    async def hash(self, password: str) -> str:
        """Raises SignInBusy."""
        return await self._in_thread(self._hasher.hash, prepared(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. None: nobody's, which takes as long to find out.

        Raises SignInBusy.
        """
        form = prepared(password)
        return await self._in_thread(self._verify, password_hash or self._decoy, form)

    def needs_rehash(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, function: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= _WAITING_MAX:
            raise SignInBusy("try again in a moment", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(function, *arguments)
        finally:
            self._waiting -= 1


def _decoy(parameters: Parameters) -> str:
    """A hash that costs what the others cost, and that no password has."""

    def text(size: int) -> str:
        return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")

    return (
        f"$argon2id$v={parameters.version}$m={parameters.memory_cost},t={parameters.time_cost},"
        f"p={parameters.parallelism}${text(parameters.salt_len)}${text(parameters.hash_len)}"
    )
