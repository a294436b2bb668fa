"""What is known of a provider at a moment: its breaker, and how calls to it went lately."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.gateway.breaker import Breaker
from paywright.gateway.model import OrderKind


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that began in the last `seconds` and have ended.

    outcomes:           how many ended how, by the word of the record
    lost:               those without an answer, by `Why`
    median_ms, p95_ms:  latencies; None without attempts
    """

    seconds: int
    outcomes: Mapping[str, int]
    lost: Mapping[str, int]
    median_ms: int | None
    p95_ms: int | None

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """Those that brought no answer to go by. A decline is an answer."""
        return self.outcomes.get("lost", 0) + self.outcomes.get("unsent", 0)

    @property
    def failure_rate(self) -> float:
        return self.failed / self.attempts if self.attempts else 0.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """breaker: None where the provider was never called"""

    name: str
    handles: Sequence[OrderKind]
    breaker: Breaker | None
    window: Window


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary tells of."""

    at: datetime
    minutes: int
    providers: Sequence[Standing]
