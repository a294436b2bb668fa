"""How providers, what they were asked and how they are doing are told to callers."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import PaymentId, RefundId
from paywright.gateway.attempts_store import AttemptRow
from paywright.gateway.breaker import State
from paywright.gateway.figures import Figures, Standing, Window
from paywright.gateway.model import OrderKind
from paywright.gateway.summarize import Summary


class CircuitBreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """`forced`: a person keeps it so. `changed_at`: null where the provider was never called.
    `open_until`: from then on probes are let through."""

    state: State
    forced: State | None
    forced_by: str | None
    forced_why: str | None
    changed_at: datetime | None
    open_until: datetime | None
    failures_in_a_row: int

    @classmethod
    def of(cls, it: Standing) -> "CircuitBreakerView":
        breaker = it.breaker
        if breaker is None:
            return cls(
                state=State.CLOSED,
                forced=None,
                forced_by=None,
                forced_why=None,
                changed_at=None,
                open_until=None,
                failures_in_a_row=0,
            )
        return cls(
            state=breaker.state,
            forced=breaker.forced,
            forced_by=breaker.forced_by,
            forced_why=breaker.forced_why,
            changed_at=breaker.changed_at,
            open_until=breaker.open_until,
            failures_in_a_row=breaker.failures_in_a_row,
        )


class ProviderWindowView(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that began in the last `seconds` and have ended. `failed`: those without an answer;
    `lost` says why. `failure_rate`: their share, 0 to 1. Latencies are null without attempts."""

    seconds: int
    attempts: int
    failed: int
    failure_rate: float
    latency_median_ms: int | None
    latency_p95_ms: int | None
    outcomes: Mapping[str, int]
    lost: Mapping[str, int]

    @classmethod
    def of(cls, it: Window) -> "ProviderWindowView":
        return cls(
            seconds=it.seconds,
            attempts=it.attempts,
            failed=it.failed,
            failure_rate=round(it.failure_rate, 4),
            latency_median_ms=it.median_ms,
            latency_p95_ms=it.p95_ms,
            outcomes=it.outcomes,
            lost=it.lost,
        )


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    handles: Sequence[OrderKind]
    breaker: CircuitBreakerView
    window: ProviderWindowView

    @classmethod
    def of(cls, it: Standing) -> "ProviderView":
        return cls(
            name=it.name,
            handles=it.handles,
            breaker=CircuitBreakerView.of(it),
            window=ProviderWindowView.of(it.window),
        )


class ProviderList(msgspec.Struct, frozen=True):
    items: Sequence[ProviderView]


class ProviderAttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange over the network. `refund_id`: of a refund; `payment_id` is then that of the
    charge. `ended_at`: null while it is under way, or where whoever asked died before it ended.
    `code`: of the decline, or why there is no answer."""

    payment_id: str
    refund_id: str | None
    kind: OrderKind
    call: str
    seq: int
    outcome: str | None
    code: str | None
    latency_ms: int | None
    breaker: str
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, it: AttemptRow) -> "ProviderAttemptView":
        is_refund = it.kind is OrderKind.REFUND
        return cls(
            payment_id=str(PaymentId.of(it.payment_id)),
            refund_id=str(RefundId.of(it.operation_id)) if is_refund else None,
            kind=it.kind,
            call=it.call,
            seq=it.seq,
            outcome=it.outcome,
            code=it.code,
            latency_ms=it.latency_ms,
            breaker=it.breaker,
            started_at=it.started_at,
            ended_at=it.ended_at,
        )


class ProviderAttemptPage(msgspec.Struct, frozen=True):
    items: Sequence[ProviderAttemptView]
    next_cursor: str | None


class ProviderFiguresView(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    minutes: int
    providers: Sequence[ProviderView]

    @classmethod
    def of(cls, it: Figures) -> "ProviderFiguresView":
        providers = [ProviderView.of(one) for one in it.providers]
        return cls(at=it.at, minutes=it.minutes, providers=providers)


class ProviderSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: a line for all providers, then a line for each. `facts`: what it was made of.
    `reworded`: a language model chose the words; the numbers are those of `facts` in any case."""

    text: str
    facts: ProviderFiguresView
    reworded: bool

    @classmethod
    def of(cls, it: Summary) -> "ProviderSummaryView":
        return cls(text=it.text, facts=ProviderFiguresView.of(it.figures), reworded=it.is_reworded)
