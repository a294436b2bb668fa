"""A key, the request it stands for, and the answer that it gets."""

import hashlib
from collections.abc import Mapping
from struct import pack
from typing import Any
from zlib import crc32

import msgspec

WHOLE_BYTES = 16  # identify the request
FIELD_BYTES = 4  # for each field, enough to tell which one differs


class Answer(msgspec.Struct, frozen=True):
    """A response as it was first given, replayed bit for bit.

    is_recipe: `body` is what its owner makes the response of, from what never changes
    """

    status: int
    body: bytes
    is_recipe: bool = False


class Claim(msgspec.Struct, frozen=True):
    """`fields`: the request's top-level field names, in the order of `fingerprint`.

    answer: None while it is not known yet, for `recall`
    """

    scope: str
    key: str
    fields: tuple[str, ...]
    fingerprint: bytes
    answer: Answer | None = None


def fingerprint(request: Mapping[str, Any]) -> tuple[tuple[str, ...], bytes]:
    """The field names of a request and a digest by which a different request is told apart."""
    fields = tuple(sorted(request))
    digests = [
        hashlib.blake2b(msgspec.json.encode(request[field]), digest_size=FIELD_BYTES).digest()
        for field in fields
    ]
    whole = hashlib.blake2b(msgspec.json.encode(request, order="sorted"), digest_size=WHOLE_BYTES)
    return fields, whole.digest() + b"".join(digests)


def quick_fingerprint(request: Mapping[str, Any]) -> tuple[tuple[str, ...], bytes]:
    """The same in half the time, for requests whose fields stand in the same order each time; some
    may only have more of them. The part that tells fields apart is a checksum, no digest."""
    parts = [_encode(value) for value in request.values()]
    whole = hashlib.blake2b(b"\0".join(parts), digest_size=WHOLE_BYTES).digest()
    return tuple(request), whole + pack(f"!{len(parts)}I", *map(crc32, parts))


_encode = msgspec.json.Encoder().encode
