"""The bank's statement: what it settled, a page of JSON at a time or as one CSV document.

It can be made to tell something else than what was done, so that a comparison has something to
find: `PUT /control/statement`.
"""

import base64
import binascii
import csv
import heapq
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from litestar import Response, get, put
from litestar.datastructures import State

from paywright.simulator.books import Books, Payment
from paywright.simulator.requests import AnyRequest, Refused, check_token, read_body

PAGE_SIZE = 1000


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A payment as the statement tells it. reference: the bank's id of it"""

    reference: str
    idempotency_key: str | None = None
    type: str = "payout"
    amount_minor: int
    currency: str
    booked_at: datetime


class Untruths(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the statement differs from what was done.

    omit:   references that it does not mention
    add:    lines about nothing that was done
    change: amounts in minor units that it tells instead, by reference
    """

    omit: Sequence[str] = ()
    add: Sequence[Line] = ()
    change: Mapping[str, int] = {}


Place = tuple[datetime, str]  # booked_at, reference: the order of a statement


@get("/statement")
async def get_statement(request: AnyRequest, state: State) -> Response[Any]:
    """What was booked in [since, until), in the order of booking.

    `?since=` and `?until=`: RFC 3339. `?format=csv`: all of it; else a page of JSON, which goes on
    with the `?cursor=` that the one before has told.
    """
    check_token(request, state.token)
    query = request.query_params
    since, until = _time(query.get("since"), "since"), _time(query.get("until"), "until")
    after = _place(query["cursor"]) if query.get("cursor") else None
    lines = told(
        state.books, state.untruths, since=since, until=min(until, state.clock()), after=after
    )
    match query.get("format", "json"):
        case "json":
            return Response(_page(lines))
        case "csv":
            return Response(_csv(lines), media_type="text/csv; charset=utf-8")
    raise Refused(400, "malformed", "format must be json or csv")


@put("/statement", status_code=200)
async def put_untruths(request: AnyRequest, state: State) -> Untruths:
    """How the bank's statement is to differ from the truth, until the books begin anew."""
    check_token(request, state.token)
    untruths, _ = await read_body(request, Untruths)
    if any(line.booked_at.tzinfo is None for line in untruths.add):
        raise Refused(400, "malformed", "booked_at must have an offset, as 2026-03-01T00:00:00Z")
    state.untruths = untruths
    return untruths


def told(
    books: Books, untruths: Untruths, *, since: datetime, until: datetime, after: Place | None
) -> Iterator[Line]:
    """The lines in [since, until) beyond `after`, in their order."""
    first = since if after is None else max(since, after[0])
    added = sorted(
        (line for line in untruths.add if first <= line.booked_at < until), key=_place_of
    )
    omitted = frozenset(untruths.omit)
    real = (
        _line(payment, untruths.change)
        for payment in books.settled(first, until)
        if payment.id not in omitted
    )
    merged = heapq.merge(real, added, key=_place_of)
    return (line for line in merged if after is None or _place_of(line) > after)


def _line(payment: Payment, changed: Mapping[str, int]) -> Line:
    return Line(
        reference=payment.id,
        idempotency_key=payment.idempotency_key,
        amount_minor=changed.get(payment.id, payment.amount_minor),
        currency=payment.currency,
        booked_at=payment.final_at,
    )


def _place_of(line: Line) -> Place:
    return line.booked_at, line.reference


def _page(lines: Iterator[Line]) -> dict[str, Any]:
    page = list(islice(lines, PAGE_SIZE))
    has_more = next(lines, None) is not None
    return {"lines": page, "next_cursor": _cursor(page[-1]) if has_more else None}


def _csv(lines: Iterator[Line]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Line.__struct_fields__)
    for line in lines:
        # A time looks as in JSON.
        writer.writerow(msgspec.to_builtins(line).values())
    return text.getvalue()


def _cursor(line: Line) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_place_of(line))).decode()


def _place(cursor: str) -> Place:
    """Raises Refused, 400."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=Place)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Refused(400, "malformed", "this cursor is not one of ours") from None


def _time(text: str | None, name: str) -> datetime:
    """Raises Refused, 400."""
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(400, "malformed", f"{name} must be a time, as 2026-03-01T00:00:00Z")
    return at


ROUTES = [get_statement]
CONTROL_ROUTES = [put_untruths]
