"""The rate limit, as arithmetic, and as one process counts."""

from hypothesis import given
from hypothesis import strategies as st

from paywright.throttle.limiter import Limiter
from paywright.throttle.local import LocalCounts
from paywright.throttle.model import spend


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
        assert 0 <= allowance.remaining < limit
        if allowance.retry_after_s == 0:
            allowed.append(now)
    for start in allowed:
        assert sum(start <= at < start + window_s for at in allowed) <= 2 * limit


@given(limit=st.integers(1, 100), window_s=st.floats(1, 100))
def test_the_whole_limit_may_be_used_at_once(limit: int, window_s: float) -> None:
    counts = LocalCounts()

    def take(now: float) -> tuple[int, float]:
        allowance = counts.take("k", limit=limit, window_s=window_s, now=now)
        return allowance.remaining, allowance.retry_after_s

    answers = [take(5.0) for _ in range(limit + 1)]
    assert [remaining for remaining, _ in answers] == [*range(limit - 1, -1, -1), 0]
    wait = answers[-1][1]
    assert 0 < wait <= window_s + 1e-6
    assert take(5.0 + wait + 1e-6)[1] == 0


def test_names_do_not_share_and_neither_do_limits() -> None:
    counts = LocalCounts()
    for name, limit in (("a", 1), ("b", 1), ("a", 2)):
        assert counts.take(name, limit=limit, window_s=60, now=1.0).retry_after_s == 0
    assert counts.take("a", limit=1, window_s=60, now=1.0).retry_after_s > 0


def test_a_crowd_that_comes_once_leaves_no_trace() -> None:
    counts = LocalCounts()
    for n in range(25_000):
        counts.take(f"ip:{n}", limit=10, window_s=1, now=n * 0.001)
    assert len(counts) <= 10_000


def test_a_crowd_that_stays_is_not_counted_anew_each_time() -> None:
    """Where nobody has recovered, looking through all of them for each newcomer would be what an
    attacker wants."""
    counts = LocalCounts()
    for n in range(40_000):
        counts.take(f"ip:{n}", limit=1, window_s=1000, now=1.0)
    assert len(counts) == 40_000
    assert counts.take("ip:7", limit=1, window_s=1000, now=1.0).retry_after_s > 0


async def test_without_a_server_a_process_counts_for_itself() -> None:
    limiter = Limiter()
    answers = [await limiter.take("k", limit=3, window_s=60, now=1.0) for _ in range(5)]
    assert [answer.retry_after_s > 0 for answer in answers] == [False] * 3 + [True] * 2
    await limiter.close()
