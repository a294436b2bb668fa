"""The circuit breaker as pure functions: every rule, and any order of things."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.builders import NOON

from paywright.gateway.breaker import (
    Breaker,
    Heard,
    Policy,
    State,
    force,
    fresh,
    in_window,
    let_through,
    line_up,
    record,
)

SECOND = timedelta(seconds=1)
POLICY = Policy(
    failures_in_a_row=3,
    failure_rate=0.5,
    window=60 * SECOND,
    window_min=10,
    cooldown=10 * SECOND,
    probes=2,
    drain_per_s=10,
)


def hear(breaker: Breaker, *outcomes: bool | None, at: datetime = NOON) -> Breaker:
    """After outcomes of calls that it let through as it is now. False: the call went well."""
    return record(breaker, POLICY, [Heard(breaker.generation, it) for it in outcomes], at=at)


def opened(at: datetime = NOON) -> Breaker:
    return hear(fresh("bank", at), True, True, True, at=at)


class Admission(NamedTuple):
    """retry_at: a slot for each that was not admitted, in order."""

    breaker: Breaker
    admitted: int
    retry_at: Sequence[datetime]


def admit(breaker: Breaker, policy: Policy, *, wanted: int, at: datetime) -> Admission:
    """As a batch of calls is begun: as many as may go, and the others line up."""
    breaker, admitted = let_through(breaker, policy, wanted=wanted, at=at)
    breaker, slots = line_up(breaker, policy, waiting=wanted - admitted, at=at)
    return Admission(breaker, admitted, slots)


def half_opened(wanted: int = 1) -> Breaker:
    """Ten seconds after noon, with so many probes under way."""
    breaker, admitted = let_through(opened(), POLICY, wanted=wanted, at=NOON + 10 * SECOND)
    assert admitted == wanted
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = hear(fresh("bank", NOON), True, True)
    assert breaker.state is State.CLOSED
    breaker = hear(breaker, True)
    assert (breaker.state, breaker.open_until) == (State.OPEN, NOON + 10 * SECOND)
    assert breaker.generation == 1


def test_a_success_ends_the_row_and_what_tells_nothing_does_not() -> None:
    assert hear(fresh("bank", NOON), True, True, False, True, True).state is State.CLOSED
    assert hear(fresh("bank", NOON), True, True, None, True).state is State.OPEN


def test_a_share_of_failures_in_the_window_opens_it() -> None:
    mixed = [True, False] * 4
    assert hear(fresh("bank", NOON), *mixed).state is State.CLOSED  # too few to tell
    assert hear(fresh("bank", NOON), *mixed, False, True).state is State.OPEN
    assert hear(fresh("bank", NOON), *mixed, False, False, True).state is State.CLOSED


def test_what_tells_nothing_counts_as_a_call_of_the_window() -> None:
    breaker = hear(fresh("bank", NOON), *[True, False] * 4, None, None, None, True)
    assert in_window(breaker, POLICY, at=NOON) == (12, 5)
    assert breaker.state is State.CLOSED


def test_the_window_forgets() -> None:
    breaker = hear(fresh("bank", NOON), True, False, True, False)
    for seconds, left in ((0, 4), (49, 4), (59, 4), (60, 0), (10_000, 0)):
        assert in_window(breaker, POLICY, at=NOON + seconds * SECOND).calls == left
    later = hear(breaker, True, False, at=NOON + 45 * SECOND)
    assert in_window(later, POLICY, at=NOON + 59 * SECOND) == (6, 3)
    assert in_window(later, POLICY, at=NOON + 65 * SECOND) == (2, 1)


def test_a_clock_that_is_behind_counts_into_the_newest_bucket() -> None:
    breaker = hear(fresh("bank", NOON), False, at=NOON + 30 * SECOND)
    breaker = hear(breaker, True, at=NOON)
    assert in_window(breaker, POLICY, at=NOON + 30 * SECOND) == (2, 1)


def test_nobody_gets_through_before_the_cooldown_is_over() -> None:
    breaker, admitted, slots = admit(opened(), POLICY, wanted=3, at=NOON + 9 * SECOND)
    assert admitted == 0
    assert breaker.state is State.OPEN
    assert slots == [NOON + timedelta(seconds=it) for it in (10.1, 10.2, 10.3)]


def test_probes_get_through_after_it_and_the_others_wait() -> None:
    breaker, admitted, slots = admit(opened(), POLICY, wanted=5, at=NOON + 10 * SECOND)
    assert (breaker.state, admitted, len(slots)) == (State.HALF_OPEN, 2, 3)
    assert let_through(breaker, POLICY, wanted=5, at=NOON + 11 * SECOND)[1] == 0


def test_a_probe_whose_process_died_blocks_no_longer_than_its_lease() -> None:
    breaker = half_opened(2)
    assert let_through(breaker, POLICY, wanted=2, at=NOON + 69 * SECOND)[1] == 0
    assert let_through(breaker, POLICY, wanted=2, at=NOON + 70 * SECOND)[1] == 2


def test_probes_that_go_well_close_it_with_counters_at_zero() -> None:
    breaker = hear(half_opened(2), False, at=NOON + 11 * SECOND)
    assert breaker.state is State.HALF_OPEN
    breaker = hear(breaker, False, at=NOON + 12 * SECOND)
    assert (breaker.state, breaker.openings, breaker.failures_in_a_row) == (State.CLOSED, 0, 0)
    assert in_window(breaker, POLICY, at=NOON + 12 * SECOND) == (0, 0)


def test_one_probe_that_fails_opens_it_for_twice_as_long() -> None:
    breaker, at = opened(), NOON
    for cooldowns in (2, 4, 8, 10, 10):
        assert breaker.open_until is not None
        at = breaker.open_until
        breaker, _ = let_through(breaker, POLICY, wanted=1, at=at)
        breaker = hear(breaker, True, at=at)
        assert breaker.open_until == at + cooldowns * POLICY.cooldown
    assert breaker.openings == 6


def test_a_probe_that_tells_nothing_gives_its_place_back_and_does_not_count() -> None:
    breaker = hear(half_opened(2), None)
    assert (breaker.state, breaker.probes_passed) == (State.HALF_OPEN, 0)
    assert let_through(breaker, POLICY, wanted=5, at=NOON + 11 * SECOND)[1] == 1


def test_a_probe_with_repetitions_has_one_place_and_one_success() -> None:
    breaker = half_opened(2)
    tries = [
        Heard(breaker.generation, None, is_last=False),
        Heard(breaker.generation, False, is_last=False),
        Heard(breaker.generation, False),
    ]
    breaker = record(breaker, POLICY, tries, at=NOON + 11 * SECOND)
    assert (breaker.state, breaker.probes_passed) == (State.HALF_OPEN, 1)
    assert len(breaker.probes_until) == 1


def test_a_repetition_of_a_probe_that_fails_opens_it() -> None:
    breaker = half_opened()
    tries = [Heard(breaker.generation, True, is_last=False), Heard(breaker.generation, False)]
    assert record(breaker, POLICY, tries, at=NOON + 11 * SECOND).state is State.OPEN


@pytest.mark.parametrize("breaker", [opened(), half_opened()], ids=["open", "half open"])
def test_a_late_outcome_counts_in_the_window_and_changes_no_state(breaker: Breaker) -> None:
    for outcome in (True, False, None):
        after = record(breaker, POLICY, [Heard(0, outcome)] * 20, at=NOON + 11 * SECOND)
        assert (after.state, after.generation) == (breaker.state, breaker.generation)
        assert after.probes_until == breaker.probes_until
        assert sum(after.calls) == sum(breaker.calls) + 20


def test_late_failures_do_not_open_what_has_closed() -> None:
    closed = hear(half_opened(2), False, False, at=NOON + 11 * SECOND)
    late = [Heard(0, True)] * 50 + [Heard(1, True)] * 50 + [Heard(2, True)] * 50
    after = record(closed, POLICY, late, at=NOON + 12 * SECOND)
    assert hear(after, True, False, True, at=NOON + 12 * SECOND).state is State.CLOSED


def test_the_rest_of_a_list_that_opened_it_is_late() -> None:
    breaker = hear(fresh("bank", NOON), *[True] * 3, *[False] * 5)
    assert (breaker.state, breaker.generation, sum(breaker.calls)) == (State.OPEN, 1, 8)


def test_forced_open_lets_nobody_through_and_lines_them_up_behind_a_cooldown() -> None:
    breaker = force(fresh("bank", NOON), State.OPEN, by="usr_1", why="they move", at=NOON)
    breaker, admitted, slots = admit(breaker, POLICY, wanted=2, at=NOON + 3600 * SECOND)
    assert admitted == 0
    assert slots == [NOON + timedelta(seconds=it) for it in (3610.1, 3610.2)]
    assert hear(breaker, False, False, False, at=NOON + 3600 * SECOND).state is State.OPEN


def test_forced_closed_lets_everybody_through_and_still_counts() -> None:
    breaker = force(opened(), State.CLOSED, by="usr_1", why="we know better", at=NOON)
    breaker = hear(breaker, *[True] * 30)
    assert admit(breaker, POLICY, wanted=100, at=NOON).admitted == 100
    assert breaker.failures_in_a_row == 30
    assert in_window(breaker, POLICY, at=NOON).failures == 33


@pytest.mark.parametrize("wanted", [State.OPEN, State.CLOSED])
def test_let_go_of_it_goes_on_as_closed_with_counters_at_zero(wanted: State) -> None:
    breaker = force(opened(), wanted, by="usr_1", why="a test", at=NOON)
    kept = hear(breaker, *[True] * 30)
    free = force(kept, None, by="usr_1", why="", at=NOON + SECOND)
    assert (free.state, free.forced, free.forced_by, free.forced_why) == (
        *(State.CLOSED, None),
        *(None, None),
    )
    assert in_window(free, POLICY, at=NOON + SECOND) == (0, 0)
    late = record(free, POLICY, [Heard(breaker.generation, True)] * 9, at=NOON + SECOND)
    assert hear(late, True, True, at=NOON + SECOND).state is State.CLOSED


def test_what_nobody_keeps_cannot_be_let_go_of_and_nothing_is_kept_half_open() -> None:
    assert force(opened(), None, by="usr_1", why="", at=NOON) == opened()
    with pytest.raises(ValueError, match="half open"):
        force(opened(), State.HALF_OPEN, by="usr_1", why="a test", at=NOON)


def test_those_that_wait_come_back_evenly_and_an_old_line_begins_anew() -> None:
    breaker, first = line_up(opened(), POLICY, waiting=100, at=NOON)
    breaker, second = line_up(breaker, POLICY, waiting=100, at=NOON + SECOND)
    slots = [*first, *second]
    gaps = {later - earlier for earlier, later in pairwise(slots)}
    assert gaps == {timedelta(milliseconds=100)}
    _, later = line_up(breaker, POLICY, waiting=1, at=NOON + 3600 * SECOND)
    assert later == [NOON + timedelta(seconds=3600.1)]


class Traffic(RuleBasedStateMachine):
    """Any order of arrivals, answers, deaths, waits and people who interfere."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self.breaker = fresh("bank", NOON)
        self.under_way: list[tuple[int, bool, datetime]] = []  # generation, is a probe, since
        self.slots: list[datetime] = []
        self.heard_at: list[datetime] = []

    def change(self, after: Breaker) -> None:
        before, self.breaker = self.breaker, after
        assert after.generation >= before.generation
        if after.state is not before.state:
            assert after.generation > before.generation

    @rule(seconds=st.sampled_from([0, 0.3, 1, 5, 10, 20, 61, 200]))
    def time_passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        # No call takes longer than a lease: what has no answer by then died with its process.
        oldest = self.at - POLICY.probe_lease
        self.under_way = [it for it in self.under_way if it[2] > oldest]

    @rule(wanted=st.integers(1, 20))
    def some_arrive(self, wanted: int) -> None:
        before = self.breaker
        after, admitted, slots = admit(before, POLICY, wanted=wanted, at=self.at)
        assert admitted + len(slots) == wanted
        if before.state is State.CLOSED:
            assert admitted == wanted
        elif before.open_until is None or self.at < before.open_until:
            assert admitted == 0 or before.state is State.HALF_OPEN
        assert all(slot > self.at for slot in slots)
        self.slots += slots
        is_probe = after.state is State.HALF_OPEN
        self.under_way += [(after.generation, is_probe, self.at)] * admitted
        self.change(after)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcomes=st.lists(st.sampled_from([True, True, False, None]), min_size=1))
    def answers_come(self, data: st.DataObject, outcomes: list[bool | None]) -> None:
        heard = []
        before = self.breaker
        for outcome in outcomes[: len(self.under_way)]:
            place = data.draw(st.integers(0, len(self.under_way) - 1))
            generation, _, _ = self.under_way.pop(place)
            heard.append(Heard(generation, outcome))
        after = record(before, POLICY, heard, at=self.at)
        self.heard_at += [self.at] * len(heard)
        if before.forced or all(it.generation != before.generation for it in heard):
            assert after.state is before.state
        self.change(after)

    @rule(wanted=st.sampled_from([State.OPEN, State.CLOSED, None]))
    def somebody_interferes(self, wanted: State | None) -> None:
        was_kept = self.breaker.forced is not None
        self.change(force(self.breaker, wanted, by="usr_1", why="a test", at=self.at))
        if wanted is not None or was_kept:
            assert self.breaker.state is (wanted or State.CLOSED)

    @invariant()
    def few_probes_are_under_way(self) -> None:
        current = [it for it in self.under_way if it[1] and it[0] == self.breaker.generation]
        assert len(current) <= POLICY.probes

    @invariant()
    def slots_are_spaced(self) -> None:
        gaps = [b - a for a, b in pairwise(self.slots)]
        assert all(it >= timedelta(milliseconds=99) for it in gaps)

    @invariant()
    def what_is_on_file_holds_together(self) -> None:
        it = self.breaker
        assert it.forced is None or it.state is it.forced
        assert (it.open_until is None) == (it.state is not State.OPEN or it.forced is State.OPEN)
        if it.open_until is not None:
            assert it.open_until <= it.changed_at + 10 * POLICY.cooldown
        if it.state is not State.HALF_OPEN:
            assert (it.probes_until, it.probes_passed) == ((), 0)

    @invariant()
    def the_window_holds_no_more_than_was_heard(self) -> None:
        window = in_window(self.breaker, POLICY, at=self.at)
        lately = [it for it in self.heard_at if it > self.at - POLICY.window]
        assert 0 <= window.failures <= window.calls <= len(lately)

    @invariant()
    def nothing_stays_open_for_ever(self) -> None:
        if self.breaker.forced is None:
            later = max(self.at, self.breaker.open_until or self.at) + POLICY.probe_lease
            assert let_through(self.breaker, POLICY, wanted=1, at=later)[1] == 1


Traffic.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTraffic: Any = Traffic.TestCase
