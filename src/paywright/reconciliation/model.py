"""The nouns of reconciliation."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from paywright.core.ids import PaymentId, ReconciliationId
from paywright.core.money import Money
from paywright.gateway.model import OrderKind, StatementLine

# What a provider did in [since, until); `Provider.statement` is one.
Statement = Callable[[datetime, datetime], AsyncIterator[StatementLine]]
# Told now and then how many lines, of both sides, have been read.
OnRead = Callable[[int], object]


class RunState(StrEnum):
    RUNNING = "running"  # asked for, or under way
    COMPLETED = "completed"  # compared as a whole, with or without differences
    FAILED = "failed"  # not compared: it says nothing about the books


class StatementSource(StrEnum):
    """Where the statement is from."""

    PROVIDER = "provider"
    FILE = "file"


class LineOutcome(StrEnum):
    """What became of a line. A pair belongs to the day on which the provider booked it."""

    MATCHED = "matched"
    OTHER_DAY = "other_day"  # ours, and the provider has it on the day before or after
    DUPLICATE_THERE = "duplicate_there"  # once more what it lists already: money moved twice
    DIFFERENT_AMOUNT = "different_amount"  # or another currency
    MISSING_HERE = "missing_here"  # the provider did it, and we have no success
    MISSING_THERE = "missing_there"  # we have a success that the provider does not list


# The gravest first: so items are numbered, and so a person sees them.
DIFFERENCES = (
    LineOutcome.DUPLICATE_THERE,
    LineOutcome.DIFFERENT_AMOUNT,
    LineOutcome.MISSING_HERE,
    LineOutcome.MISSING_THERE,
)


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Of one currency: how many lines, and their sum in minor units.

    ours, theirs: of the day, each side by its own clock
    matched:      pairs of the day, by the provider's clock
    """

    currency: str
    ours: int
    ours_minor: int
    theirs: int
    theirs_minor: int
    matched: int
    matched_minor: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison of a day, [day, day + 1) of UTC, with one provider.

    attempts:   how often it was begun
    lines_read: of both sides, the days before and after included
    failure:    why there is no result; for an operator
    digest:     the same for runs that found the same differences
    """

    id: ReconciliationId
    provider: str
    day: date
    source: StatementSource
    state: RunState
    is_scheduled: bool
    is_queued: bool
    requested_by: str
    requested_at: datetime
    attempts: int = 0
    lines_read: int = 0
    ended_at: datetime | None = None
    failure: str | None = None
    outcomes: Mapping[str, int] = {}
    totals: Sequence[Total] = ()
    differences: int = 0
    digest: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One difference.

    seq:        the gravest kinds first, then by time
    key:        our idempotency key, as either side has it
    our_status: None where our books have nothing of that key or reference
    our_at:     when we learned that it was carried out
    """

    seq: int
    outcome: LineOutcome
    kind: OrderKind
    key: str | None
    operation_id: UUID | None
    payment_id: PaymentId | None
    our_status: str | None
    our_reference: str | None
    our_amount: Money | None
    our_at: datetime | None
    their_reference: str | None
    their_amount: Money | None
    their_at: datetime | None


class Result(msgspec.Struct, frozen=True):
    """What a comparison found."""

    outcomes: Mapping[str, int]
    totals: Sequence[Total]
    digest: str

    @property
    def differences(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in DIFFERENCES)
