"""Errors we can explain to a caller. One class is one problem type (RFC 9457).

A class's first docstring line is its public title; the rest of the docstring is what the
page at its `type` URI says. Codes are stable: clients may match on them.
"""

import re
from typing import ClassVar, Self

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request. `field` is a dotted path, `details.reason`."""

    field: str
    message: str


class Problem(Exception):
    """Base of every expected failure. Anything else that escapes is a bug."""

    status: ClassVar[int]

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None, **extra: object):
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    @classmethod
    def code(cls) -> str:
        """`RefundTooLarge` → `refund-too-large`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        return (cls.__doc__ or cls.__name__).splitlines()[0].rstrip(".")

    @classmethod
    def field(cls, field: str, message: str) -> Self:
        """This problem, about one field of the request."""
        return cls(f"{field}: {message}", errors=[FieldError(field, message)])


class Malformed(Problem):
    """The request could not be read."""

    status = 400


class Unauthenticated(Problem):
    """The request carries no valid credential."""

    status = 401


class Forbidden(Problem):
    """The caller may not do this."""

    status = 403


class NotFound(Problem):
    """There is no such thing, or the caller may not know of it."""

    status = 404


class Conflict(Problem):
    """The thing is not in a state that allows this."""

    status = 409


class Invalid(Problem):
    """The request is well formed but makes no sense."""

    status = 422


class TooMany(Problem):
    """The caller asks more often than it may."""

    status = 429


class Unavailable(Problem):
    """Something we depend on is down; trying again later may help."""

    status = 503
