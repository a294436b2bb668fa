"""Of the jobs that were under way when a worker died, only the culprit pays."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from paywright.jobs.isolation import admitted, group_max


def test_suspects_run_in_ever_smaller_groups() -> None:
    assert [group_max(left) for left in (4, 3, 2, 1)] == [64, 8, 1, 1]


def test_one_close_to_its_end_runs_alone() -> None:
    assert admitted([], [1, 4, 4]) == [True, False, False]
    assert admitted([], [4, 4, 1]) == [True, True, False]
    assert admitted([1], [4]) == [False]
    assert admitted([], [2, 2]) == [True, False]


def test_one_without_attempts_left_waits_for_nobody() -> None:
    assert admitted([1], [0, 4]) == [True, False]


@given(st.integers(2, 8), st.integers(2, 300), st.integers())
def test_the_culprit_dies_alone(attempts_max: int, count: int, seed: int) -> None:
    """However many jobs were under way, and whatever the order: one poisoned job, one death."""
    left = dict.fromkeys(range(count), attempts_max)
    culprit = count - 1
    dice = Random(seed)
    for job in left:
        left[job] -= 1  # they were all under way at the first crash
    while left[culprit] > 0:
        order = list(left)
        dice.shuffle(order)
        alive = [job for job in order if left[job] > 0]
        verdicts = admitted([], [left[job] for job in alive])
        started = [job for job, fits in zip(alive, verdicts, strict=True) if fits]
        assert started, "somebody always gets on"
        if culprit in started:
            for job in started:
                left[job] -= 1
        else:
            for job in started:
                del left[job]  # done
    assert [job for job, attempts in left.items() if attempts <= 0] == [culprit]
