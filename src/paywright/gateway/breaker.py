"""The circuit breaker of a provider, as pure functions: a provider that fails is left alone.

Closed: everybody gets through. Open: nobody, until a cooldown is over. Half open: a few probes,
which decide. Whoever does not get through is told when to come again, each at a slot of its own,
so that those who wait come back evenly spaced and nobody spins.

Source: M. Nygard, "Release It!" (2018), "Circuit Breaker".
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

BUCKETS = 6
COOLDOWNS_MAX = 10  # the longest that a breaker stays open, in cooldowns
_HALF_OPEN_PAUSE = timedelta(seconds=1)  # probes need a moment to tell something
_DOUBLINGS_MAX = 10


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, and how it closes again.

    failures_in_a_row: so many open it
    failure_rate:      that share of the window's calls opens it, above 0, at most 1 …
    window_min:        … if there were at least so many
    cooldown:          open for so long, twice as long after each probe that failed
    probes:            under way at a time while half open; so many successes close it
    probe_lease:       after so long a probe counts as lost with its process; longer than any call
    drain_per_s:       of those that wait, so many come back in a second
    """

    failures_in_a_row: int
    failure_rate: float
    window: timedelta
    window_min: int
    cooldown: timedelta
    probes: int
    probe_lease: timedelta = timedelta(seconds=60)
    drain_per_s: int


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `provider_breakers`.

    generation:      counts changes of the state, those by a person included
    forced:          OPEN or CLOSED by a person, until it is taken back
    open_until:      while open and not forced
    openings:        in a row, without closing in between
    window_at:       when the newest bucket began
    calls, failures: of each bucket of the window, the oldest first. Closing empties it, and what
                     was let through before that does not count in it any more
    probes_until:    while half open: the leases of the probes under way
    probes_passed:   while half open: successes so far
    drain_at:        the last slot that was given to somebody who waits
    """

    provider: str
    state: State
    generation: int
    changed_at: datetime
    forced: State | None = None
    forced_by: str | None = None
    forced_why: str | None = None
    open_until: datetime | None = None
    openings: int = 0
    failures_in_a_row: int = 0
    window_at: datetime
    calls: tuple[int, ...] = ()
    failures: tuple[int, ...] = ()
    probes_until: tuple[datetime, ...] = ()
    probes_passed: int = 0
    drain_at: datetime | None = None


class Heard(msgspec.Struct, frozen=True):
    """How one exchange with a provider ended.

    generation: of the breaker, when it let the call through
    is_failure: None: it tells neither for nor against the provider
    is_last:    of its call: a call that was repeated at once has several, and one slot as a probe
    """

    generation: int
    is_failure: bool | None
    is_last: bool = True


class Window(NamedTuple):
    """What was heard of a provider lately."""

    calls: int
    failures: int


def fresh(provider: str, at: datetime) -> Breaker:
    """The breaker of a provider that was never called."""
    return Breaker(provider=provider, state=State.CLOSED, generation=0, changed_at=at, window_at=at)


def let_through(
    breaker: Breaker, policy: Policy, *, wanted: int, at: datetime
) -> tuple[Breaker, int]:
    """How many of `wanted` calls may go. Those let through by a breaker that is half open then
    are its probes."""
    if breaker.state is State.CLOSED or not wanted:
        return breaker, wanted
    if breaker.state is State.OPEN:
        if breaker.open_until is None or at < breaker.open_until:
            return breaker, 0
        breaker = _half_opened(breaker, at)
    under_way = tuple(it for it in breaker.probes_until if it > at)
    admitted = min(wanted, max(0, policy.probes - len(under_way)))
    leases = (at + policy.probe_lease,) * admitted
    return replace(breaker, probes_until=under_way + leases), admitted


def line_up(
    breaker: Breaker, policy: Policy, *, waiting: int, at: datetime
) -> tuple[Breaker, list[datetime]]:
    """A slot for each that waits, behind all that were given before."""
    if not waiting:
        return breaker, []
    start = opens_at(breaker, policy, at=at)
    if breaker.drain_at is not None:
        start = max(start, breaker.drain_at)
    slots = [start + timedelta(seconds=n / policy.drain_per_s) for n in range(1, waiting + 1)]
    return replace(breaker, drain_at=slots[-1]), slots


def opens_at(breaker: Breaker, policy: Policy, *, at: datetime) -> datetime:
    """When it makes sense to come again at the earliest."""
    if breaker.state is State.OPEN:
        return at + policy.cooldown if breaker.open_until is None else max(at, breaker.open_until)
    return at + _HALF_OPEN_PAUSE if breaker.state is State.HALF_OPEN else at


def record(breaker: Breaker, policy: Policy, outcomes: Sequence[Heard], *, at: datetime) -> Breaker:
    """Count what was heard, in order, and open or close."""
    if not outcomes:
        return breaker
    breaker = _rolled(breaker, policy, at)
    for heard in outcomes:
        is_late = heard.generation != breaker.generation
        if is_late and breaker.state is State.CLOSED and breaker.forced is None:
            continue  # of a time before this one, which must not open it again
        breaker = _counted(breaker, heard)
        if is_late:
            continue
        if breaker.state is State.HALF_OPEN:
            breaker = _probed(breaker, policy, heard, at)
        elif breaker.state is State.CLOSED:
            breaker = _judged(breaker, policy, heard, at)
    return breaker


def force(breaker: Breaker, wanted: State | None, *, by: str, why: str, at: datetime) -> Breaker:
    """Keep it open or closed, whatever happens; None: let go of it, so that it goes on as closed.

    Nothing that was let through before counts afterwards. Raises ValueError for HALF_OPEN.
    """
    if wanted is State.HALF_OPEN:
        raise ValueError("a breaker cannot be kept half open")
    if wanted is None and breaker.forced is None:
        return breaker
    changed = _changed(breaker, wanted or State.CLOSED, at)
    changed = replace(changed, openings=0, failures_in_a_row=0)
    if wanted is None:
        changed = _emptied(changed, at)
        return replace(changed, forced=None, forced_by=None, forced_why=None)
    return replace(changed, forced=wanted, forced_by=by, forced_why=why)


def in_window(breaker: Breaker, policy: Policy, *, at: datetime) -> Window:
    """What the window holds now."""
    now = _rolled(breaker, policy, at)
    return Window(sum(now.calls), sum(now.failures))


def _rolled(breaker: Breaker, policy: Policy, at: datetime) -> Breaker:
    """With a bucket for `at`. What comes from a clock that is behind goes into the newest."""
    width = policy.window / BUCKETS
    steps = max(0, (at - breaker.window_at) // width)
    if steps >= BUCKETS or not breaker.calls:
        return replace(breaker, window_at=max(at, breaker.window_at), calls=(0,), failures=(0,))
    if not steps:
        return breaker
    return replace(
        breaker,
        window_at=breaker.window_at + steps * width,
        calls=(*breaker.calls, *(0,) * steps)[-BUCKETS:],
        failures=(*breaker.failures, *(0,) * steps)[-BUCKETS:],
    )


def _counted(breaker: Breaker, heard: Heard) -> Breaker:
    failed = heard.is_failure is True
    return replace(
        breaker,
        calls=(*breaker.calls[:-1], breaker.calls[-1] + 1),
        failures=(*breaker.failures[:-1], breaker.failures[-1] + failed),
    )


def _judged(breaker: Breaker, policy: Policy, heard: Heard, at: datetime) -> Breaker:
    """Closed: one more outcome, which may be one too many."""
    if heard.is_failure:
        breaker = replace(breaker, failures_in_a_row=breaker.failures_in_a_row + 1)
    elif heard.is_failure is False and breaker.failures_in_a_row:
        breaker = replace(breaker, failures_in_a_row=0)
    if breaker.forced is not None:
        return breaker
    calls, failures = sum(breaker.calls), sum(breaker.failures)
    if breaker.failures_in_a_row >= policy.failures_in_a_row or (
        calls >= policy.window_min and failures >= policy.failure_rate * calls
    ):
        return _opened(breaker, policy, at)
    return breaker


def _probed(breaker: Breaker, policy: Policy, heard: Heard, at: datetime) -> Breaker:
    """Half open: what a probe found. A repetition that failed is as bad as a probe that did."""
    if heard.is_failure:
        failed = replace(breaker, failures_in_a_row=breaker.failures_in_a_row + 1)
        return _opened(failed, policy, at)
    if not heard.is_last:
        return breaker
    # The oldest lease: nobody can tell one probe from another.
    left = tuple(sorted(breaker.probes_until)[1:])
    passed = breaker.probes_passed + (heard.is_failure is False)
    if passed >= policy.probes:
        closed = replace(_changed(breaker, State.CLOSED, at), openings=0, failures_in_a_row=0)
        return _emptied(closed, at)
    return replace(breaker, probes_until=left, probes_passed=passed)


def _opened(breaker: Breaker, policy: Policy, at: datetime) -> Breaker:
    openings = breaker.openings + 1
    times = min(2 ** min(openings - 1, _DOUBLINGS_MAX), COOLDOWNS_MAX)
    changed = _changed(breaker, State.OPEN, at)
    return replace(changed, openings=openings, open_until=at + policy.cooldown * times)


def _half_opened(breaker: Breaker, at: datetime) -> Breaker:
    return _changed(breaker, State.HALF_OPEN, at)


def _changed(breaker: Breaker, state: State, at: datetime) -> Breaker:
    return replace(
        breaker,
        state=state,
        generation=breaker.generation + 1,
        changed_at=at,
        open_until=None,
        probes_until=(),
        probes_passed=0,
    )


def _emptied(breaker: Breaker, at: datetime) -> Breaker:
    """With a window that begins now: what it held was heard of a time that is over."""
    return replace(breaker, window_at=at, calls=(), failures=())
