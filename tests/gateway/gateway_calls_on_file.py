"""Calls to providers as they would be on file, without having been made."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.builders import a_cause

from paywright.core.ids import PaymentId, RefundId
from paywright.db.pool import Database
from paywright.gateway.breaker import Policy
from paywright.gateway.calls import Begun, Ended, Intent, Try, begin, end
from paywright.gateway.model import Answer, NotFound, OrderKind

POLICY = Policy(
    failures_in_a_row=5,
    failure_rate=0.5,
    window=timedelta(seconds=60),
    window_min=20,
    cooldown=timedelta(seconds=30),
    probes=3,
    drain_per_s=50,
)


async def put_calls_on_file(
    db: Database,
    provider: str,
    *answers: Sequence[Answer | NotFound],
    at: datetime,
    kind: OrderKind = OrderKind.PAYOUT,
) -> list[PaymentId]:
    """One call for each list of answers, of a payment each; a try for each answer. Each try took
    100 ms more than the one before. An empty list: still under way."""
    made = [PaymentId.new(at) for _ in answers]
    is_refund = kind is OrderKind.REFUND
    operations = [RefundId.new(at) if is_refund else it for it in made]
    async with db.transaction() as tx:
        intents = [
            Intent(
                operation_id=operation,
                payment_id=payment,
                kind=kind,
                call="submit",
                providers=[provider],
            )
            for operation, payment in zip(operations, made, strict=True)
        ]
        begun = await begin(tx, intents, policy=POLICY, at=at)
    ended = [
        Ended(
            operation_id=intent.operation_id,
            payment_id=intent.payment_id,
            kind=kind,
            begun=one,
            tries=[
                Try(answer=it, call="submit", latency_ms=100 * (n + 1))
                for n, it in enumerate(tries)
            ],
        )
        for intent, one, tries in zip(intents, begun, answers, strict=True)
        if tries and isinstance(one, Begun)
    ]
    async with db.transaction() as tx:
        await end(tx, a_cause(at=at), ended, policy=POLICY, at=at)
    return made
