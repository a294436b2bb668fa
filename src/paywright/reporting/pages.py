"""Reports a page at a time: rows as they come, and where the next page begins."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

import msgspec

from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.reporting.views import plan_anew

T = TypeVar("T")
Key = TypeVar("Key", bound=msgspec.Struct)


def read_cursor(cursor: str | None, key: type[Key]) -> Key | None:
    """The key of the row that the page before ended with. Raises BadCursor."""
    if cursor is None:
        return None
    text = decode_cursor(cursor)
    try:
        found = msgspec.json.decode(text, type=key)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad() from None
    if "\\u0000" in text:  # PostgreSQL would not take it
        raise _bad()
    return found


def _bad() -> BadCursor:
    return BadCursor.field("cursor", "not a cursor of this report")


async def page(
    db: Database,
    found: Callable[[Tx], AsyncGenerator[T]],
    *,
    limit: int,
    key: Callable[[T], msgspec.Struct],
) -> Page[T]:
    """found: gives at most `limit` + 1 rows; the surplus one says that there is more"""
    async with db.snapshot() as tx:
        await plan_anew(tx)
        async with aclosing(found(tx)) as all_found:
            rows = [row async for row in all_found]
    return page_of(rows, limit=limit, position=lambda row: msgspec.json.encode(key(row)).decode())
