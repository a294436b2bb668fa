"""From when until when a report tells: how callers say it. Pure."""

from datetime import UTC, date, datetime, time
from typing import Annotated

import msgspec
from msgspec import Meta

from paywright.core.errors import Invalid

_YEARS = range(1900, 3000)
_Moment = Annotated[datetime, Meta(tz=True)]


class PeriodInvalid(Invalid):
    """The period of the report makes no sense.

    `from` and `to` are dates, which begin at midnight UTC, or times with an offset from UTC:
    `2026-01-31`, `2026-01-31T12:00:00Z`. What happened at `to` itself is left out. In the query of
    a URL, a `+` is written as `%2B`.
    """


def read_period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Both in UTC; None is left open. Raises PeriodInvalid, naming the field."""
    begin = None if since is None else _moment("from", since)
    end = None if until is None else _moment("to", until)
    if begin is not None and end is not None and begin > end:
        raise PeriodInvalid.field("from", "is after `to`")
    return begin, end


def _moment(field: str, text: str) -> datetime:
    try:
        at = _read(text)
    except msgspec.ValidationError:
        raise PeriodInvalid.field(
            field, "must be a date, 2026-01-31, or a time with an offset, 2026-01-31T12:00:00Z"
        ) from None
    if at.year not in _YEARS:
        raise PeriodInvalid.field(field, f"must be of the years {_YEARS[0]} to {_YEARS[-1]}")
    return at.astimezone(UTC)


def _read(text: str) -> datetime:
    try:
        return midnight(msgspec.convert(text, date))
    except msgspec.ValidationError:
        return msgspec.convert(text, _Moment)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC))
