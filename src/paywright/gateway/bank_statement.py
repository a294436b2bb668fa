"""The partner bank's statement: pages of JSON, the oldest first."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from paywright.core.money import Money
from paywright.gateway.connections import Connections
from paywright.gateway.heard import Heard
from paywright.gateway.model import Lost, OrderKind, StatementLine, StatementUnavailable

_BODY_MAX = 4 * 1024 * 1024  # bytes; a page of the bank's has 1,000 lines of some 200 bytes


class _Line(msgspec.Struct, frozen=True):
    reference: str
    type: Literal["payout"]
    amount_minor: Annotated[int, msgspec.Meta(gt=0)]
    currency: str
    booked_at: datetime
    idempotency_key: str | None = None


class _Page(msgspec.Struct, frozen=True):
    lines: list[_Line]
    next_cursor: str | None


async def lines(
    connections: Connections, since: datetime, until: datetime
) -> AsyncIterator[StatementLine]:
    """What was booked in [since, until). Raises StatementUnavailable."""
    span = {"since": since.isoformat(), "until": until.isoformat(), "format": "json"}
    cursor: str | None = ""
    while cursor is not None:
        heard = await connections.exchange(
            "GET",
            "/statement",
            body_max=_BODY_MAX,
            params=span | ({"cursor": cursor} if cursor else {}),
        )
        page = _read(heard)
        for line in page.lines:
            yield _told(line, since, until)
        if page.next_cursor == cursor or (page.next_cursor is not None and not page.lines):
            raise StatementUnavailable("the bank's statement has no end")
        cursor = page.next_cursor


def _read(heard: Heard | Lost) -> _Page:
    if isinstance(heard, Lost):
        raise StatementUnavailable(f"the bank: {heard.why.value} {heard.detail}".rstrip())
    if heard.status != 200:
        raise StatementUnavailable(f"the bank: status {heard.status}")
    try:
        return msgspec.json.decode(heard.body, type=_Page)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise StatementUnavailable("the bank: not a page of a statement") from None


def _told(line: _Line, since: datetime, until: datetime) -> StatementLine:
    try:
        amount = Money(line.amount_minor, line.currency)
    except ValueError:
        raise StatementUnavailable(f"the bank: {line.reference} has no amount to go by") from None
    if line.booked_at.tzinfo is None or not since <= line.booked_at < until:
        raise StatementUnavailable(f"the bank: {line.reference} was booked at another time")
    return StatementLine(
        reference=line.reference,
        key=line.idempotency_key,
        kind=OrderKind.PAYOUT,
        amount=amount,
        booked_at=line.booked_at,
    )
