"""A key, the request it stands for, and the answer that it gets."""

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """A response as it was first given. `body` is replayed bit for bit."""

    status: int
    body: bytes


class Claim(msgspec.Struct, frozen=True):
    """`fields`: the request's top-level field names, in the order of `fingerprint`."""

    scope: str
    key: str
    fields: tuple[str, ...]
    fingerprint: bytes
    answer: Answer
