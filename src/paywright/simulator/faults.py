"""What goes wrong on purpose. Seeded: the same seed and the same requests go wrong the same way.

Each side has knobs and dice of its own: what is asked of one does not change whom they hit on
another.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from statistics import NormalDist
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Rate = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Side = Literal["bank", "stripe", "kyc"]
SIDES: tuple[Side, ...] = ("bank", "stripe", "kyc")

_NORMAL = NormalDist()


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long something takes. Of an answer, half passes before anything is applied, half after.

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
    retry_after_s:            what the 429 says in Retry-After
    decide_after_ms:          how long a KYC check stays pending where its name asks for that
    webhook_drop_rate:        of events: never sent
    webhook_duplicate_rate:   of events: sent once more after they have arrived
    webhook_delay:            how long after it is true an event is sent
    webhook_reorder_rate:     of events: held back until the next one of the same object was sent,
                              or for 2 s
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
    retry_after_s: Annotated[int, Meta(ge=0, le=3600)] = 1
    settle_after_ms: Milliseconds = 0
    decide_after_ms: Milliseconds = 2000
    webhook_drop_rate: Rate = 0
    webhook_duplicate_rate: Rate = 0
    webhook_delay: Latency = Latency()
    webhook_reorder_rate: Rate = 0


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
    retry_after_s: int


class Luck(msgspec.Struct, frozen=True):
    """What is to become of one event on its way out. Drawn when it is announced; what that means
    is for the knobs to say as they stand when it is sent."""

    drop: float
    duplicate: float
    reorder: float
    wait: float

    def is_dropped(self, faults: Faults) -> bool:
        return self.drop < faults.webhook_drop_rate

    def is_duplicated(self, faults: Faults) -> bool:
        return self.duplicate < faults.webhook_duplicate_rate

    def is_held_back(self, faults: Faults) -> bool:
        return self.reorder < faults.webhook_reorder_rate

    def delay_s(self, faults: Faults) -> float:
        return _latency_ms(faults.webhook_delay, self.wait) / 1000


_FAILURES = (500, 502, 503, 504)


class FaultSource:
    """The knobs of one side as they are set, its dice, and a count of how requests ended.

    side:      part of what the dice fall by
    monotonic: seconds, for the rate limit
    """

    def __init__(
        self,
        faults: Faults,
        *,
        seed: int,
        monotonic: Callable[[], float],
        side: Side = "bank",
    ) -> None:
        self.faults = faults
        self.tally: Counter[str] = Counter()
        self._side = side
        self._monotonic = monotonic
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin again: the dice as they fall for `seed`, nothing counted."""
        self.tally.clear()
        # To be foretold is what they are for. A text, unlike its hash, seeds the same everywhere.
        self._dice = random.Random(f"{seed}:{self._side}")  # noqa: S311
        self._webhook_dice = random.Random(f"{seed}:{self._side}:webhooks")  # noqa: S311
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
            retry_after_s=faults.retry_after_s,
        )

    def draw_luck(self) -> Luck:
        """That of the next event."""
        return Luck(*(self._webhook_dice.random() for _ in range(4)))

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


class AllFaults:
    """The knobs and dice of all sides.

    faults: those that were last set for all of them
    """

    def __init__(self, faults: Faults, *, seed: int, monotonic: Callable[[], float]) -> None:
        self.seed = seed
        self.faults = faults
        self.sides: Mapping[Side, FaultSource] = {
            side: FaultSource(faults, seed=seed, monotonic=monotonic, side=side) for side in SIDES
        }

    def set_all(self, faults: Faults) -> None:
        self.faults = faults
        for source in self.sides.values():
            source.faults = faults

    def restart(self, seed: int) -> None:
        self.seed = seed
        for source in self.sides.values():
            source.restart(seed)

    def tally(self) -> dict[str, int]:
        """How requests ended, those of all sides taken together."""
        return dict(sum((source.tally for source in self.sides.values()), Counter[str]()))


def _latency_ms(latency: Latency, draw: float) -> float:
    """draw: uniform in [0, 1)"""
    if latency.kind == "fixed":
        return latency.ms
    return latency.ms * math.exp(latency.sigma * _NORMAL.inv_cdf(max(draw, 1e-9)))
