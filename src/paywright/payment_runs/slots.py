"""At which moments runs are made by themselves. Pure."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta

# A moment at which no worker was there is made up for until then, and not later: nobody expects
# the payments of the morning to leave at night.
PATIENCE = timedelta(hours=2)


def parse_times(text: str) -> tuple[time, ...]:
    """Times of day, `06:00,14:30`; none for an empty text. Raises ValueError."""
    return tuple(sorted({time.fromisoformat(part) for part in text.split(",") if part}))


def due_slots(times: Collection[time], *, at: datetime) -> list[datetime]:
    """The moments that have come and are not too long ago, the oldest first. times: in UTC"""
    today = at.astimezone(UTC).date()
    slots = [
        datetime.combine(day, it, UTC)
        for day in (today - timedelta(days=1), today)
        for it in sorted(times)
    ]
    return [slot for slot in slots if slot <= at < slot + PATIENCE]
