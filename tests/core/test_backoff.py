"""When to try again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.core.backoff import RetryPolicy, next_attempt_at, retry_delay

POLICY = RetryPolicy(
    attempts_max=5, delay_first=timedelta(seconds=2), delay_max=timedelta(seconds=10)
)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 10)])
def test_delay_doubles_up_to_the_cap(attempt: int, seconds: int) -> None:
    at = next_attempt_at(POLICY, attempt=attempt, failed_at=NOON, jitter=1.0)
    assert at == NOON + timedelta(seconds=seconds)


def test_gives_up_after_the_last_attempt() -> None:
    assert retry_delay(POLICY, attempt=5, jitter=0.5) is None
    assert next_attempt_at(POLICY, attempt=6, failed_at=NOON, jitter=0.5) is None


@given(attempt=st.integers(1, 10**6), jitter=st.floats(0, 1, exclude_max=True))
def test_never_at_once_and_never_past_the_cap(attempt: int, jitter: float) -> None:
    endless = RetryPolicy(
        attempts_max=2**31, delay_first=timedelta(seconds=2), delay_max=timedelta(minutes=10)
    )
    delay = retry_delay(endless, attempt=attempt, jitter=jitter)
    assert delay is not None
    assert timedelta(seconds=1) <= delay <= timedelta(minutes=10)
