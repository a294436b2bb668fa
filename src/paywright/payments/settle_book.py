"""Move the money of what providers have answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId
from paywright.db.pool import Tx
from paywright.events.emit import emit_all
from paywright.gateway.calling import Called
from paywright.gateway.model import OrderKind
from paywright.ledger import batch as ledger
from paywright.ledger import rules
from paywright.ledger.model import Instruction, Transfer
from paywright.payments.operations import Operation, Verdict, movements
from paywright.payments.settle_begin import Call
from paywright.payments.tasks import ask_for_reviews

log = structlog.get_logger()


class Done(msgspec.Struct, frozen=True):
    """A call that has been made, and what came of it."""

    cause: Cause
    call: Call
    called: Called


class Judged(msgspec.Struct, frozen=True):
    """What an answer means for its operation, as that stands on file. cause: of the answer;
    contradicts: what had been settled otherwise"""

    cause: Cause
    operation: Operation
    verdict: Verdict
    contradicts: bool = False


async def book(
    tx: Tx,
    judged: Sequence[Judged],
    paid_through: Mapping[tuple[str, str], AccountId],
    *,
    at: datetime,
) -> list[Judged]:
    """Post or release what is on hold, post what was charged.

    Returns the same, where what the ledger refuses stays as it is: an account may be frozen while
    the provider is asked. Its turns go on asking, and a person is told at once.
    """
    asked: list[tuple[int, Instruction]] = []
    for number, it in enumerate(judged):
        op = it.operation
        through = paid_through.get((op.provider, op.amount.currency))
        is_other = op.kind is OrderKind.PAYOUT and through not in (None, op.credit_account_id)
        wanted = movements(op, it.verdict, at=at, paid_through=through if is_other else None)
        asked += [(number, each) for each in wanted]
    if not asked:
        return list(judged)
    known = await ledger.load(tx, [each for _, each in asked])
    moved: list[tuple[Cause, Transfer]] = []
    refused: dict[int, Problem] = {}
    outcomes = rules.apply(known, [each for _, each in asked])
    for (number, _), outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Problem):
            refused[number] = outcome
        else:
            moved.append((judged[number].cause, outcome))
    await ledger.save(tx, known, [it for _, it in moved])
    await emit_all(tx, [(cause, ledger.posted(it)) for cause, it in moved])
    await _tell_of(tx, [(judged[number], problem) for number, problem in refused.items()])
    return [
        msgspec.structs.replace(it, verdict=Verdict(status=None)) if number in refused else it
        for number, it in enumerate(judged)
    ]


async def _tell_of(tx: Tx, refused: Sequence[tuple[Judged, Problem]]) -> None:
    for it, problem in refused:
        log.error(
            "payment.not_booked",
            payment_id=str(it.operation.payment_id),
            provider=it.operation.provider,
            problem=problem.code(),
        )
    if refused:
        asked = [(it.cause, it.operation.payment_id) for it, _ in refused]
        await ask_for_reviews(tx, asked, reason="unsettled")
