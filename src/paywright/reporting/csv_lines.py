"""Reports as CSV (RFC 4180): a header row, UTF-8, and no cell that a spreadsheet would run."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import TypeVar

from paywright.core.currencies import EXPONENT
from paywright.db.pool import Database, Tx
from paywright.reporting.views import plan_anew

T = TypeVar("T")
Cell = str | int | float | date | None

_PART = 500  # rows that are written at once
_BYTES = 64 * 1024  # sent at once
_IN_MEMORY = 1024 * 1024  # bytes; what is more goes to a temporary file
# A cell that begins so is run by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def decimal(minor: int, currency: str) -> str:
    """`109900` of EUR is `1099.00`. Exact for sums of any size."""
    digits = EXPONENT[currency]
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}{f'.{part:0{digits}}' if digits else ''}"


class Number(str):
    """Digits, which are no formula, whatever sign they begin with."""

    __slots__ = ()


def amount(minor: int, currency: str) -> tuple[int, Number]:
    """The two cells of an amount."""
    return minor, Number(decimal(minor, currency))


def lines(rows: Sequence[Sequence[Cell]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Cell) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and not isinstance(value, Number) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


async def written(
    db: Database,
    found: Callable[[Tx], AsyncGenerator[T]],
    *,
    header: Sequence[str],
    row: Callable[[T], Sequence[Cell]],
) -> AsyncGenerator[bytes]:
    """A whole report, some bytes at a time; at least its header.

    All of it is read first, on one snapshot and as fast as the database goes, and kept in a
    temporary file: a slow reader keeps no connection, and a long report takes no memory.
    """
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as kept:
        kept.write(lines([header]).encode())
        async with db.snapshot() as tx, aclosing(found(tx)) as all_found:
            await plan_anew(tx)
            part: list[Sequence[Cell]] = []
            async for it in all_found:
                part.append(row(it))
                if len(part) == _PART:
                    kept.write(lines(part).encode())
                    part = []
            kept.write(lines(part).encode())
        kept.seek(0)
        while some := kept.read(_BYTES):
            yield some
