"""When to try again: one schedule for jobs, provider calls and webhooks.

Pure: the caller supplies the clock and the dice.
"""

from datetime import datetime, timedelta

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts_max` counts the first attempt too."""

    attempts_max: int
    delay_first: timedelta
    delay_max: timedelta


def retry_delay(policy: RetryPolicy, *, attempt: int, jitter: float) -> timedelta | None:
    """How long to wait before the next attempt, or None when the attempts are used up.

    Exponential backoff with equal jitter: half of the capped delay is certain, half is a
    uniform share, so that a fleet of workers does not come back in step and yet never at once.

    attempt: attempts made so far, 1 or more
    jitter:  uniform in [0, 1)
    source:  AWS Architecture Blog, "Exponential Backoff And Jitter" (2015)
    """
    if attempt >= policy.attempts_max:
        return None
    # 2**63 s is past any cap; the bound keeps the shift small for absurd attempt counts.
    delay = min(policy.delay_max, policy.delay_first * 2 ** min(attempt - 1, 40))
    return delay * (0.5 + 0.5 * jitter)


def next_attempt_at(
    policy: RetryPolicy, *, attempt: int, failed_at: datetime, jitter: float
) -> datetime | None:
    """`retry_delay`, as a moment in time."""
    delay = retry_delay(policy, attempt=attempt, jitter=jitter)
    return None if delay is None else failed_at + delay
