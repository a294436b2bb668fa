"""Moments, as Stripe tells them: in whole seconds."""

from datetime import datetime


def second(at: datetime | None) -> int | None:
    """Since 1970."""
    return None if at is None else int(at.timestamp())
