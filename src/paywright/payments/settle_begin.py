"""The first half of settling: put on file what is about to be asked, and of whom.

With it, in one commit, stands the next turn. So a process that dies at any point leaves a turn
behind that finds out.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import AccountId, RefundId
from paywright.db.pool import Tx
from paywright.gateway import calls
from paywright.gateway.calling import Gateway
from paywright.gateway.calls import Begun, History, Intent, Waits
from paywright.gateway.model import OrderKind
from paywright.ledger import accounts_store
from paywright.payments import operations_store
from paywright.payments.operations import Operation, account_code
from paywright.payments.tasks import Target, Turn, ask_for_reviews, ask_for_turns


class Asked(msgspec.Struct, frozen=True):
    """A turn that has come. turn: 0 for the first"""

    cause: Cause
    target: Target
    turn: int


class Call(msgspec.Struct, frozen=True):
    """An operation that a provider may be asked about now. next_turn: the one that is queued, in
    case nobody comes back from this one"""

    operation: Operation
    begun: Begun
    next_turn: int


# How long after each turn the next one asks what became of it. After the last a person has to.
Schedule = Sequence[timedelta]
_NEVER_CALLED = History(calls=0, may_have_been_sent=False)


async def begin_turns(
    tx: Tx, gateway: Gateway, asked: Sequence[Asked], schedule: Schedule
) -> list[Call | None]:
    """For each turn, the call that is due; None where there is nothing to be done, or nobody to be
    asked at the moment: then the turn comes again, and none is used up."""
    operations = await lock_targets(tx, [it.target for it in asked])
    open_now = [(it, op) for it in asked if (op := operations.get(it.target)) and op.is_open]
    due = [(it, op) for it, op in open_now if op.provider in gateway.providers]
    gone = [(it, op) for it, op in open_now if op.provider not in gateway.providers]
    await _queue_next(tx, [(pair, None) for pair in gone], schedule)
    if not due:
        return [None] * len(asked)
    past = await calls.history(tx, [op.id for _, op in due])
    accounts = await _accounts(tx, gateway, [op for _, op in due])
    intents = [_intent(gateway, op, past.get(op.id, _NEVER_CALLED), accounts) for _, op in due]
    at = max(it.cause.at for it, _ in due)
    results = await calls.begin(tx, intents, policy=gateway.policy, at=at)
    begun = list(zip(due, results, strict=True))
    await _queue_next(tx, begun, schedule)
    made: dict[Target, Call] = {}
    for (it, op), result in begun:
        if isinstance(result, Begun):
            asked_of = msgspec.structs.replace(op, provider=result.provider)
            made[it.target] = Call(asked_of, result, it.turn + 1)
    await _reroute(tx, [(op, made[it.target]) for it, op in due if it.target in made])
    return [made.get(it.target) for it in asked]


async def lock_targets(tx: Tx, targets: Sequence[Target]) -> dict[Target, Operation]:
    """The operations, which nobody else settles now."""
    refunds = [it for it in targets if isinstance(it, RefundId)]
    wanted: set[UUID] = {it for it in targets if not isinstance(it, RefundId)}
    # All payments in one statement, those of refunds too: everybody locks in one order.
    charges = await operations_store.payments_of(tx, refunds) if refunds else []
    locked = await operations_store.lock_payments(tx, list(wanted.union(charges)))
    found = [it for it in locked if it.id in wanted]
    if refunds:
        found += await operations_store.lock_refunds(tx, refunds)
    return {it.target: it for it in found}


def _intent(
    gateway: Gateway, op: Operation, past: History, accounts: Mapping[str, AccountId]
) -> Intent:
    return Intent(
        operation_id=op.id,
        payment_id=op.payment_id,
        kind=op.kind,
        call="look_up" if past.may_have_been_sent else "submit",
        # What may have reached one provider must not be asked of another.
        providers=[op.provider] if past.may_have_been_sent else _in_turn(gateway, op, accounts),
    )


def _in_turn(gateway: Gateway, op: Operation, accounts: Mapping[str, AccountId]) -> list[str]:
    """Who may carry it out: the one that was chosen, else whoever can and has an account here."""
    if op.kind is not OrderKind.PAYOUT or gateway.providers[op.provider].pays_own_accounts:
        # A card's token and a charge are known to one provider only.
        return [op.provider]
    others = [name for name in _routes(gateway, op) if _code(gateway, name, op) in accounts]
    return [op.provider, *others]


def _routes(gateway: Gateway, op: Operation) -> list[str]:
    known = gateway.routes.of(op.kind, op.amount.currency, gateway.providers)
    return [
        name
        for name in known
        if name != op.provider and not gateway.providers[name].pays_own_accounts
    ]


async def _accounts(
    tx: Tx, gateway: Gateway, operations: Sequence[Operation]
) -> dict[str, AccountId]:
    payouts = [it for it in operations if it.kind is OrderKind.PAYOUT]
    codes = {_code(gateway, name, it) for it in payouts for name in _routes(gateway, it)}
    return await accounts_store.ids_by_code(tx, sorted(codes)) if codes else {}


def _code(gateway: Gateway, name: str, op: Operation) -> str:
    return account_code(gateway.providers[name], name, op.kind, op.amount.currency)


async def _queue_next(
    tx: Tx,
    begun: Sequence[tuple[tuple[Asked, Operation], Begun | Waits | None]],
    schedule: Schedule,
) -> None:
    """None instead of an outcome: the provider is not set up any more."""
    turns: list[Turn] = []
    unsettled = []
    for (it, op), result in begun:
        if isinstance(result, Waits):
            again = result.retry_at
            turns.append(
                Turn(cause=it.cause, target=it.target, turn=it.turn, at=again, again=again)
            )
        elif it.turn < len(schedule):
            at = it.cause.at + schedule[it.turn]
            turns.append(Turn(cause=it.cause, target=it.target, turn=it.turn + 1, at=at))
        else:
            unsettled.append((it.cause, op.payment_id))
    if turns:
        await ask_for_turns(tx, turns)
    if unsettled:
        await ask_for_reviews(tx, unsettled, reason="unsettled")


async def _reroute(tx: Tx, called: Sequence[tuple[Operation, Call]]) -> None:
    """Keep who carries it out, where that is another than was chosen."""
    moved = [(op.id, it.begun.provider) for op, it in called if op.provider != it.begun.provider]
    if moved:
        ids: list[UUID] = [op_id for op_id, _ in moved]
        await operations_store.reroute(tx, ids, [name for _, name in moved])
