"""The rules of a comparison: which day, how far around it, and what counts. Pure.

Which line goes with which is decided over all lines at once, by the SQL of `verdicts_store`:
by kind and key first, then by kind and the provider's reference.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec

from paywright.core.errors import Invalid
from paywright.core.ids import PaymentId, RefundId
from paywright.core.money import MINOR_MAX
from paywright.gateway.model import StatementLine, StatementUnavailable

# One side may book just before midnight what the other books after it.
REACH = timedelta(days=1)
# Our own lines are read so much at a time: what is held in memory is what happened in it.
SLICE = timedelta(minutes=30)
DAY_FIRST = date(2000, 1, 1)
_TEXT_MAX = 255
# Providers close their day some hours after it has ended. UTC.
_STATEMENTS_ARE_THERE = time(6)
# After an outage no days further back than that, before the last one, are asked for by themselves.
_CAUGHT_UP = timedelta(days=6)


class DayNotBegun(Invalid):
    """The day has not begun, or is before any that can be compared.

    Days are those of UTC. The day of today can be compared as far as it has gone.
    """


class Window(msgspec.Struct, frozen=True):
    """A day, [since, until), and what is read for it, with the days around it: of the statement
    [earliest, latest), of our books up to `known_until` at most."""

    since: datetime
    until: datetime
    earliest: datetime
    latest: datetime
    known_until: datetime

    def slices(self) -> Iterator[tuple[datetime, datetime]]:
        """What is read of our books, in pieces."""
        since = self.earliest
        while since < self.known_until:
            until = min(since + SLICE, self.known_until)
            yield since, until
            since = until

    def holds(self, at: datetime) -> bool:
        """Whether a line of a statement is of interest."""
        return self.earliest <= at < self.latest


def window_of(day: date, *, at: datetime) -> Window:
    """The day and what is around it. Raises DayNotBegun.

    at: when the comparison begins. Our books are read after the statement, but only up to then:
        what we know to be done before it was asked for, it must list
    """
    if not DAY_FIRST <= day <= at.astimezone(UTC).date():
        raise DayNotBegun.field("day", f"must be from {DAY_FIRST} up to today, of UTC")
    since = datetime.combine(day, time(), UTC)
    until = since + timedelta(days=1)
    latest = until + REACH
    return Window(since, until, since - REACH, latest, min(latest, at))


def days_due(last: date | None, *, at: datetime) -> list[date]:
    """The days that the schedule has still to ask for, the oldest first.

    last: for which it has asked already; None: for none
    """
    now = at.astimezone(UTC)
    newest = now.date() - timedelta(days=1 if now.time() >= _STATEMENTS_ARE_THERE else 2)
    first = newest if last is None else max(last + timedelta(days=1), newest - _CAUGHT_UP)
    return [first + timedelta(days=n) for n in range((newest - first).days + 1)]


def operation_of(key: str | None) -> UUID | None:
    """The payment or refund that a key of ours names; None for any other key."""
    for kind in (PaymentId, RefundId):
        try:
            return kind.parse(key or "")
        except ValueError:
            continue
    return None


def check_line(line: StatementLine, position: int) -> None:
    """Raise StatementUnavailable for a line that no sound statement can have."""
    if not 0 < line.amount.minor <= MINOR_MAX:
        raise StatementUnavailable(f"line {position}: the amount must be above 0")
    for name, text in (("reference", line.reference), ("key", line.key)):
        if text is not None and (len(text) > _TEXT_MAX or "\0" in text or not _is_text(text)):
            raise StatementUnavailable(f"line {position}: the {name} cannot be read")
    if not line.reference:
        raise StatementUnavailable(f"line {position}: it has no reference")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
