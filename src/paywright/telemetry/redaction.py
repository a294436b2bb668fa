"""What must not reach a log: secrets and personal data, found by key and by pattern. Pure.

Whatever goes in, a plain JSON tree comes out (None, bool, int, float, str, list, dict), so that
no serializer downstream can meet an object whose fields were never looked at.
"""

import dataclasses
from collections.abc import Mapping, Set
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from paywright.telemetry.patterns import scrub

MASK = "[redacted]"
DEPTH_MAX = 12  # an exception inside an exception group's frames is 8 deep
ITEMS_MAX = 5000  # in one call; a log line is no place for more
TEXT_MAX = 32_768  # characters of one string

# Compared without case, `_`, `-`, space and dot: `X-API-Key`, `x_api_key` and `xApiKey` are one
# key. Not here, because operators need them: code, error_code, name, reference, key_id.
_SENSITIVE = """
    authorization proxyauthorization apikey xapikey password passwd passphrase pwd secret token
    otp totp pin cookie setcookie session sessionid xcsrftoken
    encryptionkey privatekey signingkey masterkey
    cardnumber pan cvc cvv cvv2 cvc2 cid securitycode track1 track2 trackdata
    iban accountnumber routingnumber sortcode
    email emailaddress phone phonenumber mobile mobilenumber
    customername firstname lastname fullname middlename maidenname givenname familyname surname
    holdername cardholder cardholdername accountholder accountholdername
    payername payeename billingname shippingname recipientname
    paymentmethod address1 address2 streetaddress billingaddress shippingaddress
    dateofbirth birthdate dob ssn taxid nationalid passportnumber
    """
_KEYS = frozenset(_SENSITIVE.split())
# Only endings that no harmless word has: `pan` would take `timespan`, `otp` too much else.
_ENDINGS = (
    *("password", "passphrase", "secret", "token", "apikey", "privatekey", "encryptionkey"),
    *("cardnumber", "iban", "email", "emailaddress", "phone", "phonenumber", "customername"),
)
_SEPARATORS = str.maketrans("", "", "_-. ")


def redact(value: object) -> Any:
    """`value` as a plain JSON tree without secrets and personal data. Never raises.

    Containers are copied, never changed. Cycles, too deep and too many items are cut, each with
    a mark in square brackets.
    """
    try:
        return _Walk().value(value, DEPTH_MAX)
    except Exception:  # a log line lost is better than a payment lost
        return "[unredactable]"


def is_sensitive_key(key: str) -> bool:
    """Whether what is stored under `key` must not be logged."""
    squashed = key.lower().translate(_SEPARATORS)
    return squashed in _KEYS or squashed.endswith(_ENDINGS)


@lru_cache(maxsize=2048)
def _key(key: str) -> tuple[str, bool]:
    """The key as it may be logged, since maps are keyed by addresses too; is it sensitive."""
    return scrub(key[:256]), is_sensitive_key(key)


class _Walk:
    """One call of `redact`: what is left of the budget, and which containers we are inside."""

    __slots__ = ("items_left", "open")

    def __init__(self) -> None:
        self.items_left = ITEMS_MAX
        self.open: set[int] = set()

    def value(self, value: object, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return _text(value)  # ty: ignore[invalid-argument-type] - `kind` is its type
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            # A number may be a card number too; from 13 digits up it is read as text.
            return _number(value) if abs(value) >= 10**12 else value  # ty: ignore
        if isinstance(value, Mapping):
            return self._container(value, depth, self._mapping)
        if isinstance(value, (list, tuple, Set)):
            return self._container(value, depth, self._sequence)
        return self._other(value, depth)

    def _container(self, value: Any, depth: int, walk: Any) -> Any:
        if depth == 0:
            return "[too deep]"
        if id(value) in self.open:
            return "[circular]"
        self.items_left -= len(value)
        if self.items_left < 0:
            return f"[{len(value)} items]"
        self.open.add(id(value))
        result = walk(value, depth - 1)
        self.open.discard(id(value))
        return result

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for key, item in mapping.items():
            name, sensitive = _key(key if type(key) is str else _as_text(key))
            clean[name] = _masked(item) if sensitive else self.value(item, depth)
        return clean

    def _sequence(self, sequence: Any, depth: int) -> list[Any]:
        items = list(sequence)
        # Headers come as pairs: ("authorization", "Bearer …"), often in bytes.
        if len(items) == 2 and isinstance(items[0], (str, bytes)):
            name, sensitive = _key(_as_text(items[0]))
            if sensitive:
                return [name, _masked(items[1])]
        return [self.value(item, depth) for item in items]

    def _other(self, value: object, depth: int) -> Any:
        if isinstance(value, msgspec.Struct):
            return self._container(msgspec.structs.asdict(value), depth, self._mapping)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return self._container(fields, depth, self._mapping)
        if isinstance(value, date):  # a datetime is one too
            return value.isoformat()
        return _text(_as_text(value))


def _masked(item: object) -> Any:
    """That there is a value is no secret; whether a flag is set is none either."""
    return item if item is None or isinstance(item, bool) or item == "" else MASK


def _as_text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return f"[{len(data)} bytes]"
    try:
        return str(value)
    except Exception:  # somebody else's __str__
        return f"[{type(value).__name__}]"


def _number(value: int) -> int | str:
    text = str(value) if abs(value) < 10**40 else "[large number]"
    clean = scrub(text)
    # JSON readers keep 64 bits; a longer number is safer as text.
    return value if clean == text and abs(value) < 2**63 else clean


def _text(text: str) -> str:
    if len(text) <= TEXT_MAX:
        return scrub(text)
    # The cut may go through the middle of a secret, so the end of what is left goes as well.
    return f"{scrub(text[:TEXT_MAX])[:-256]}[{len(text)} characters]"
