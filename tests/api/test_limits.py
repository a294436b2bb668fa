"""The rate limit, as arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from paywright.api.limits import RateLimiter, spend


@given(
    limit=st.integers(1, 50),
    window_s=st.floats(0.5, 100),
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=200),
)
def test_never_more_than_twice_the_limit_in_a_window(
    limit: int, window_s: float, pauses: list[float]
) -> None:
    """A full bucket, and what trickles in during the window: the bound of the algorithm."""
    now, empty_at, allowed = 1000.0, 0.0, []
    for pause in pauses:
        now += pause
        empty_at, allowance = spend(empty_at, now=now, limit=limit, window_s=window_s)
        assert 0 <= allowance.remaining < limit or limit == 0
        if allowance.retry_after_s == 0:
            allowed.append(now)
    for start in allowed:
        assert sum(start <= at < start + window_s for at in allowed) <= 2 * limit


@given(limit=st.integers(1, 100), window_s=st.floats(1, 100))
def test_the_whole_limit_may_be_used_at_once(limit: int, window_s: float) -> None:
    limiter = RateLimiter(limit=limit, window_s=window_s)
    answers = [limiter.take("k", now=5.0) for _ in range(limit + 1)]
    assert [a.remaining for a in answers if a] == [*range(limit - 1, -1, -1), 0]
    assert answers[-1] is not None
    assert 0 < answers[-1].retry_after_s <= window_s + 1e-6
    later = limiter.take("k", now=5.0 + answers[-1].retry_after_s + 1e-6)
    assert later is not None
    assert later.retry_after_s == 0


def test_no_limit_lets_everything_pass() -> None:
    assert RateLimiter(limit=0, window_s=60).take("k", now=0.0) is None
