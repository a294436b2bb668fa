"""At which moments runs are made by themselves."""

from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from paywright.payment_runs.slots import due_slots, parse_times

MORNING, LATE = time(6), time(23, 30)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_times_of_day_are_read_in_order_and_once() -> None:
    assert parse_times("14:30,06:00,14:30") == (time(6), time(14, 30))
    assert parse_times("") == ()


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (on(5, 5, 59), []),
        (on(5, 6), [on(5, 6)]),
        (on(5, 7, 59), [on(5, 6)]),
        (on(5, 8), []),
        (on(5, 23, 29), []),
        (on(6, 0, 10), [on(5, 23, 30)]),
        (on(6, 1, 30), []),
    ],
    ids=["before", "at it", "late", "too late", "before the next", "after midnight", "over"],
)
def test_a_moment_is_due_for_two_hours(at: datetime, due: list[datetime]) -> None:
    assert due_slots((MORNING, LATE), at=at) == due


def test_several_that_were_missed_are_due_together() -> None:
    assert due_slots((time(6), time(7)), at=on(5, 7, 30)) == [on(5, 6), on(5, 7)]


def test_the_day_is_that_of_utc() -> None:
    elsewhere = timezone(timedelta(hours=-5))
    at = datetime(2026, 3, 5, 19, 30, tzinfo=elsewhere)
    assert due_slots((time(0, 15),), at=at) == [on(6, 0, 15)]


def test_without_times_nothing_is_due() -> None:
    assert due_slots((), at=on(5, 6)) == []
