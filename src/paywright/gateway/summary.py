"""How the providers are doing, in plain English. Every word comes from the figures."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from paywright.gateway.breaker import Breaker, State
from paywright.gateway.figures import Figures, Standing, Window
from paywright.gateway.model import Why

# What an attempt failed with.
REASONS = {
    Why.UNREACHABLE: "no connection",
    Why.TIMEOUT: "timeout",
    Why.CONNECTION_LOST: "a lost connection",
    Why.SERVER_ERROR: "a server error",
    Why.THROTTLED: "throttling",
    Why.UNAUTHORIZED: "a rejected token",
    Why.CONFLICT: "a conflict",
    Why.REFUSED: "a refusal",
    Why.UNREADABLE: "an unreadable answer",
    Why.CONTRADICTION: "a contradictory answer",
}
_STATES = {State.CLOSED: "closed", State.OPEN: "open", State.HALF_OPEN: "half-open"}


def summary(figures: Figures) -> list[str]:
    """The lines of a summary. The first is about all providers; each further one is about one
    provider and names no other, so that no figure can be taken for another's."""
    period = _period(figures.minutes)
    called = [it for it in figures.providers if it.window.attempts]
    if not called and not any(_is_worth_telling(it.breaker) for it in figures.providers):
        return [f"{period} no provider was called."]
    if len(figures.providers) == 1:
        [it] = figures.providers
        told = _attempts(it.window, f" with {it.name}") or f"{it.name} was not called"
        return [f"{period} {told}. {_breaker('The', it.breaker, figures.at)}"]
    lines = [f"{period} {_overall(called)}."]
    for it in figures.providers:
        told = _attempts(it.window, "") or "not called"
        lines.append(f"{it.name}: {told}. {_breaker('Its', it.breaker, figures.at)}")
    return lines


def _period(minutes: int) -> str:
    return "In the last minute" if minutes == 1 else f"In the last {minutes:,} minutes"


def _overall(called: Sequence[Standing]) -> str:
    if not called:
        return "no provider was called"
    attempts = sum(it.window.attempts for it in called)
    failed = sum(it.window.failed for it in called)
    whom = f" with {_count(len(called), 'provider')}"
    return _share(attempts, failed, whom)


def _share(attempts: int, failed: int, whom: str) -> str:
    if failed == 0:
        which = {1: "the only attempt", 2: "both attempts"}.get(
            attempts, f"all {attempts:,} attempts"
        )
        return f"{which}{whom} got an answer"
    if attempts == 1:
        return f"the only attempt{whom} failed"
    of = f"{failed:,} of {_count(attempts, 'attempt')} ({_percent(failed, attempts)})"
    return f"{of}{whom} failed"


def _attempts(window: Window, whom: str) -> str:
    if not window.attempts:
        return ""
    told = _share(window.attempts, window.failed, whom)
    if window.failed:
        told += _most(window)
    if declined := window.outcomes.get("declined", 0):
        told += f"; {declined:,} {'was' if declined == 1 else 'were'} declined"
    if window.median_ms is not None:
        told += f"; the median latency was {window.median_ms:,} ms"
    return told


def _most(window: Window) -> str:
    """The most frequent reason; of two that are as frequent, the first in the order of `Why`."""
    counts = {why: window.lost.get(why.value, 0) for why in Why}
    why = max(counts, key=lambda it: counts[it])
    if not counts[why]:
        return ""
    if counts[why] == window.failed:
        return f", {'all ' if window.failed > 1 else ''}with {REASONS[why]}"
    often = "most" if counts[why] * 2 > window.failed else "most often"
    return f", {often} with {REASONS[why]}"


def _breaker(whose: str, breaker: Breaker | None, at: datetime) -> str:
    if breaker is None:
        return f"{whose} circuit breaker is closed."
    since = _since(breaker.changed_at, at)
    if breaker.forced is not None:
        by = breaker.forced_by or "somebody"
        return f"{whose} circuit breaker has been forced {_STATES[breaker.forced]} by {by} {since}."
    told = f"{whose} circuit breaker has been {_STATES[breaker.state]} {since}"
    if breaker.state is State.CLOSED:
        return f"{told}."
    if breaker.state is State.HALF_OPEN:
        return f"{told} and lets only probes through."
    left_s = 0 if breaker.open_until is None else (breaker.open_until - at).total_seconds()
    if left_s <= 0:
        return f"{told}; the next call is a probe."
    return f"{told}; the next probe is in {math.ceil(left_s):,} s."


def _is_worth_telling(breaker: Breaker | None) -> bool:
    return breaker is not None and (breaker.state is not State.CLOSED or breaker.forced is not None)


def _since(moment: datetime, at: datetime) -> str:
    moment, at = moment.astimezone(UTC), at.astimezone(UTC)
    day = "" if moment.date() == at.date() else f"{moment:%Y-%m-%d} "
    return f"since {day}{moment:%H:%M} UTC"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _percent(part: int, whole: int) -> str:
    """Never 0 % of something, never 100 % of less than all; one decimal where it tells something.
    Reckoned in integers, so that a half is always rounded up."""
    if part == whole:
        return "100 %"
    tenths = (part * 2000 + whole) // (2 * whole)
    if tenths == 0:
        return "under 0.1 %"
    if tenths >= 1000:
        return "over 99.9 %"
    if 100 <= tenths < 990:
        return f"{(part * 200 + whole) // (2 * whole)} %"
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"
