"""A statement that came as a file: CSV, JSON Lines, or JSON: an array, or an object whose `lines`
are one, as the partner bank's API sends them.

Columns of a CSV, fields of an object: reference, idempotency_key, type, amount_minor, currency,
booked_at. More may be there; the key may be empty, or null. What is wrong is named with its line
and column.
"""

import csv
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from paywright.core.money import MINOR_MAX, Money
from paywright.gateway.model import OrderKind, StatementLine, StatementUnavailable
from paywright.reconciliation.model import Statement

COLUMNS = ("reference", "idempotency_key", "type", "amount_minor", "currency", "booked_at")
# An array has to be read as a whole. JSON Lines and CSV may be of any size.
_ARRAY_MAX = 64 * 1024 * 1024
_LINE_MAX = 64 * 1024
_AMOUNT = re.compile(r"[0-9]{1,19}", re.ASCII)


def statement_file(path: Path) -> Statement:
    """What a file tells of any time, as a statement. What is not of that time is passed over.

    Raises StatementUnavailable while it is read.
    """

    async def lines(since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        for line in read_statement(path):
            if since <= line.booked_at < until:
                yield line

    return lines


def read_statement(path: Path) -> Iterator[StatementLine]:
    """All lines of a file, by the way in which its name ends: `.csv`, `.json`, `.jsonl`.

    Raises StatementUnavailable.
    """
    readers = {".csv": _csv, ".json": _json, ".jsonl": _json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StatementUnavailable(f"{path.name}: must end with {', '.join(readers)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for where, fields in reader(file):
                yield _line(where, fields)
    except OSError as error:
        raise StatementUnavailable(f"cannot read {path.name}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise StatementUnavailable(f"{path.name} is not a text in UTF-8") from None


def _csv(file: TextIO) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = csv.reader(file, strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if missing := [name for name in COLUMNS if name not in header]:
            raise StatementUnavailable(f"line 1: there is no column {', '.join(missing)}")
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                text = f"{len(row)} columns, where line 1 has {len(header)}"
                raise StatementUnavailable(f"line {rows.line_num}: {text}")
            yield f"line {rows.line_num}", dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise StatementUnavailable(f"line {rows.line_num}: {error}") from None


def _json(file: TextIO) -> Iterator[tuple[str, Mapping[str, Any]]]:
    text = file.read(_ARRAY_MAX + 1)
    if len(text) > _ARRAY_MAX:
        raise StatementUnavailable("the array is too long: use CSV, or JSON Lines (.jsonl)")
    try:
        items = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise StatementUnavailable(f"not JSON: {error}") from None
    if isinstance(items, dict):
        if items.get("next_cursor") is not None:
            raise StatementUnavailable("is a page, and others follow: all have to be there")
        items = items.get("lines")
    if not isinstance(items, list):
        raise StatementUnavailable("must be an array of objects, or have one as `lines`")
    for number, item in enumerate(items, 1):
        yield f"item {number}", _object(f"item {number}", item)


def _json_lines(file: TextIO) -> Iterator[tuple[str, Mapping[str, Any]]]:
    number = 0
    while text := file.readline(_LINE_MAX + 1):
        number += 1
        where = f"line {number}"
        if len(text) > _LINE_MAX:
            raise StatementUnavailable(f"{where}: is too long")
        if not text.strip():
            continue
        try:
            item = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise StatementUnavailable(f"{where}: not JSON: {error}") from None
        yield where, _object(where, item)


def _object(where: str, item: object) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise StatementUnavailable(f"{where}: must be an object")
    return item


def _line(where: str, fields: Mapping[str, Any]) -> StatementLine:
    def wrong(column: str, message: str) -> StatementUnavailable:
        return StatementUnavailable(f"{where}, column {column}: {message}")

    told = {column: fields.get(column) for column in COLUMNS}
    amount = told.pop("amount_minor")
    for column, value in told.items():
        is_empty = value is None or value == ""
        if column == "idempotency_key" and is_empty:
            continue
        if is_empty or not isinstance(value, str):
            raise wrong(column, "is empty" if is_empty else "must be a text")
    try:
        kind = OrderKind(str(told["type"]))
    except ValueError:
        raise wrong("type", f"must be {', '.join(OrderKind)}") from None
    try:
        money = Money(_minor(amount), str(told["currency"]))
    except OverflowError:
        raise wrong("amount_minor", "must be a whole number above 0, in minor units") from None
    except ValueError:
        raise wrong("currency", "is not a currency of ISO 4217") from None
    try:
        booked_at = _in_utc(msgspec.convert(told["booked_at"], datetime))
    except (msgspec.ValidationError, OverflowError):
        raise wrong("booked_at", "must be like 2026-11-20T23:59:59Z") from None
    return StatementLine(
        reference=str(told["reference"]),
        key=str(told["idempotency_key"]) if told["idempotency_key"] else None,
        kind=kind,
        amount=money,
        booked_at=booked_at,
    )


def _in_utc(at: datetime) -> datetime:
    """Raises OverflowError for what is no moment."""
    if at.tzinfo is None:
        raise OverflowError
    return at.astimezone(UTC)


def _minor(amount: object) -> int:
    """Raises OverflowError for what is no amount."""
    if isinstance(amount, str) and _AMOUNT.fullmatch(amount):
        amount = int(amount)
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount <= MINOR_MAX:
        raise OverflowError
    return amount
