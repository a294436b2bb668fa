"""What goes wrong on purpose. Seeded: the same seed and the same requests go wrong the same way."""

import math
import random
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from statistics import NormalDist
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Rate = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]

_NORMAL = NormalDist()


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long an answer takes. Half of it passes before anything is applied, half after.

    ms:    all of them (`fixed`), or the median (`lognormal`)
    sigma: spread of the logarithm; at 1 one answer in a hundred takes ten times the median
    """

    kind: Literal["fixed", "lognormal"] = "fixed"
    ms: Milliseconds = 0
    sigma: Annotated[float, Meta(ge=0, le=4)] = 0.5


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The knobs. A rate is the share of requests that it befalls; each is drawn by itself.

    failure_rate:             a 5xx, nothing applied
    drop_rate:                the connection is closed, nothing applied
    timeout_after_apply_rate: applied, and then no answer: see `lost_answer`
    lost_answer:              `hang` until the caller gives up, or `close` the connection
    error_after_apply_rate:   applied, and answered with a 500
    garbage_rate:             applied, and answered with 200 and a page of HTML
    decline_rate:             a payment rejected with MS03, a KYC check rejected
    rate_limit_per_s:         requests in a second before 429 with Retry-After; 0: no limit
    settle_after_ms:          a payment is `accepted` for so long before it is settled
    decide_after_ms:          how long a KYC check stays pending where its name asks for that
    """

    failure_rate: Rate = 0
    drop_rate: Rate = 0
    timeout_after_apply_rate: Rate = 0
    lost_answer: Literal["hang", "close"] = "hang"
    error_after_apply_rate: Rate = 0
    garbage_rate: Rate = 0
    decline_rate: Rate = 0
    latency: Latency = Latency()
    rate_limit_per_s: Annotated[int, Meta(ge=0)] = 0
    settle_after_ms: Milliseconds = 0
    decide_after_ms: Milliseconds = 2000


class Ending(StrEnum):
    """How a request ends."""

    ANSWERED = "answered"
    DROPPED = "dropped"
    FAILED = "failed"
    THROTTLED = "throttled"
    HUNG = "hung"
    CLOSED = "closed"
    ERROR_AFTER = "error_after_apply"
    GARBAGE = "garbage"


class Fate(msgspec.Struct, frozen=True):
    """What is to become of one request."""

    ending: Ending
    pause_s: float  # before applying, and once more after it
    is_declined: bool
    status: int  # of a failure


_FAILURES = (500, 502, 503, 504)


class FaultSource:
    """The knobs as they are set, the dice, and a count of how requests ended.

    monotonic: seconds, for the rate limit
    """

    def __init__(self, faults: Faults, *, seed: int, monotonic: Callable[[], float]) -> None:
        self.faults = faults
        self.tally: Counter[str] = Counter()
        self._monotonic = monotonic
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin again: the dice as they fall for `seed`, nothing counted."""
        self.seed = seed
        self.tally.clear()
        self._dice = random.Random(seed)  # noqa: S311 - to be foretold is what it is for
        self._allowance, self._asked_at = 1.0, self._monotonic()

    def draw(self) -> Fate:
        """The fate of the next request.

        As many numbers are drawn for each, whatever the knobs say: turning one does not change
        whom the others hit.
        """
        drop, fail, hang, error, garbage, decline, wait, which = (
            self._dice.random() for _ in range(8)
        )
        faults = self.faults
        lost = Ending.HUNG if faults.lost_answer == "hang" else Ending.CLOSED
        endings = (
            (self._is_throttled(), Ending.THROTTLED),
            (drop < faults.drop_rate, Ending.DROPPED),
            (fail < faults.failure_rate, Ending.FAILED),
            (hang < faults.timeout_after_apply_rate, lost),
            (error < faults.error_after_apply_rate, Ending.ERROR_AFTER),
            (garbage < faults.garbage_rate, Ending.GARBAGE),
        )
        ending = next((ending for happens, ending in endings if happens), Ending.ANSWERED)
        self.tally[ending] += 1
        return Fate(
            ending=ending,
            pause_s=_latency_ms(faults.latency, wait) / 2000,
            is_declined=decline < faults.decline_rate,
            status=_FAILURES[int(which * len(_FAILURES))],
        )

    def _is_throttled(self) -> bool:
        """A bucket that holds what one second allows."""
        limit, now = self.faults.rate_limit_per_s, self._monotonic()
        if limit == 0:
            return False
        # The allowance is a share of the limit, so that it survives a turn of the knob.
        refilled = self._allowance + (now - self._asked_at)
        self._allowance, self._asked_at = min(1.0, refilled), now
        if self._allowance * limit < 1:
            return True
        self._allowance -= 1 / limit
        return False


def _latency_ms(latency: Latency, draw: float) -> float:
    """draw: uniform in [0, 1)"""
    if latency.kind == "fixed":
        return latency.ms
    return latency.ms * math.exp(latency.sigma * _NORMAL.inv_cdf(max(draw, 1e-9)))
