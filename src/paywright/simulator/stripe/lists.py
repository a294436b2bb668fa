"""What can be looked at: one thing, pages of things, balances."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paywright.simulator.stripe.edge import Call, Look, found
from paywright.simulator.stripe.entries import Entry
from paywright.simulator.stripe.errors import StripeError, no_such
from paywright.simulator.stripe.forms import Form, parse
from paywright.simulator.stripe.objects import (
    check_paths,
    event_view,
    expanded,
    transaction_view,
    view,
)
from paywright.simulator.stripe.shelf import Made, Shelf

View = dict[str, Any]

_SECOND = timedelta(seconds=1)
_LATEST = 253_402_300_798  # the last second but one of the year 9999


class Created(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


class PageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    created: Created | int | None = None
    ending_before: str | None = None
    expand: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    starting_after: str | None = None


class Looked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    expand: list[str] = []


def one(prefix: str, what: str, *, param: str = "id") -> Look:
    """A look at the thing that the path names."""

    def look(call: Call) -> View:
        body = parse(call.form, Looked)
        check_paths(body.expand)
        entry = found(call, call.account.shelves[prefix], what, param=param)
        return expanded(call.account, view(call.account, entry, call.at), body.expand, call.at)

    return look


def many(prefix: str, url: str, *, by: tuple[str, ...]) -> Look:
    """A look at a page of entries. by: the labels by which they can be asked for"""

    def look(call: Call) -> View:
        def render(entry: Entry) -> View:
            return view(call.account, entry, call.at)

        return _page(call, call.account.shelves[prefix], render, url=url, by=by)

    return look


def transactions(call: Call) -> View:
    shelf = call.account.transactions
    by = ("type", "source", "currency")
    return _page(call, shelf, transaction_view, url="/v1/balance_transactions", by=by)


def events(call: Call) -> View:
    def render(happening: Any) -> View:
        return event_view(call.account, happening)

    return _page(call, call.account.happenings, render, url="/v1/events", by=("type",))


def balance(call: Call) -> View:
    parse(call.form, Looked)
    sums = call.account.balance(call.at) or {"usd": 0}
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(sums.items())
    ]
    pending = [
        {"amount": 0, "currency": currency, "source_types": {"card": 0}}
        for currency in sorted(sums)
    ]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def _page(
    call: Call,
    shelf: Shelf[Any],
    render: Callable[[Any], View],
    *,
    url: str,
    by: Iterable[str],
) -> View:
    labels, rest = _labels(call.form, by)
    wanted = parse(rest, PageRequest)
    check_paths(wanted.expand)
    for name, id in (
        ("starting_after", wanted.starting_after),
        ("ending_before", wanted.ending_before),
    ):
        if id is not None and shelf.get(id) is None:
            raise no_such("object", id, param=name, status=400)
    since, until = _range(wanted.created, call.at)
    things: list[Made] = list(
        islice(
            shelf.newest(
                labels,
                since=since,
                until=until,
                older_than=wanted.starting_after,
                newer_than=wanted.ending_before,
            ),
            wanted.limit + 1,
        )
    )
    shown = things[: wanted.limit]
    if wanted.ending_before is not None:
        shown.reverse()
    body = {
        "object": "list",
        "data": [render(thing) for thing in shown],
        "has_more": len(things) > wanted.limit,
        "url": url,
    }
    return expanded(call.account, body, wanted.expand, call.at)


def _labels(form: Form, by: Iterable[str]) -> tuple[Mapping[str, str], Form]:
    labels = {name: form[name] for name in by if form.get(name)}
    for name, value in labels.items():
        if not isinstance(value, str):
            raise StripeError(400, f"Invalid string: {name}", param=name)
    return labels, {name: value for name, value in form.items() if name not in labels}


def _range(created: Created | int | None, at: datetime) -> tuple[datetime, datetime]:
    """[since, until), and nothing of the future: what is due is not there yet."""
    if isinstance(created, int):
        created = Created(gte=created, lte=created)
    created = created or Created()
    sinces = [_moment(created.gte, 0), _moment(created.gt, 1)]
    untils = [_moment(created.lt, 0), _moment(created.lte, 1)]
    earliest = datetime(1970, 1, 1, tzinfo=UTC)
    since = max([it for it in sinces if it is not None], default=earliest)
    until = min([it for it in untils if it is not None], default=at + _SECOND)
    return since, min(until, at + timedelta(microseconds=1))


def _moment(second: int | None, later: int) -> datetime | None:
    if second is None:
        return None
    return datetime.fromtimestamp(min(max(second + later, 0), _LATEST), UTC)
