"""Cursor paging: every list is read newest first, by id, a page at a time."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from paywright.core.errors import Invalid

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`next_cursor` is None on the last page."""

    items: Sequence[T]
    next_cursor: str | None


class BadCursor(Invalid):
    """The cursor is not one that this list handed out."""


def encode_cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The position that a cursor stands for. Raises BadCursor."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise BadCursor.field("cursor", "not a cursor of this list") from None


def page_of(rows: Sequence[T], *, limit: int, position: Callable[[T], str]) -> Page[T]:
    """Cut `limit` + 1 fetched rows to a page; the surplus row only says that there is more."""
    items = rows[:limit]
    more = len(rows) > limit
    return Page(items, encode_cursor(position(items[-1])) if more else None)
