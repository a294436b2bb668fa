"""What opening a charge and opening a refund have in common: a key, and a call that may be due."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.gateway.calls import Waits
from paywright.idempotency import Answer, Claim, recall
from paywright.payments.operations import ProviderUnavailable
from paywright.payments.settle_begin import Call, Schedule
from paywright.payments.tasks import Target, Turn, ask_for_turns

_TRIES = 10


class Opened(msgspec.Struct, frozen=True):
    """What is told of it now, and the call that is to be made; replayed: it was opened before, and
    none is."""

    answer: Answer
    call: Call | None = None
    replayed: bool = False


class Keyed(Protocol):
    """A request under an idempotency key."""

    @property
    def claim(self) -> Claim: ...


R = TypeVar("R", bound=Keyed)
Open = Callable[[Tx, Sequence[R]], Awaitable[Sequence[Opened | Problem]]]


async def open_all(
    db: Database, requests: Sequence[R], open_fresh: Open[R]
) -> list[Opened | Problem]:
    """Open those whose key is free; those whose key is not are told what came of the first.

    open_fresh: opens requests whose keys are free and distinct, and claims the keys
    """
    answers: dict[int, Opened | Problem] = {}
    left = list(range(len(requests)))
    while left:
        now = list({requests[i].claim.key: i for i in reversed(left)}.values())
        told = await _open_distinct(db, [requests[i] for i in now], open_fresh)
        answers.update(zip(now, told, strict=True))
        left = [i for i in left if i not in answers]
    return [answers[i] for i in range(len(requests))]


async def _open_distinct(
    db: Database, requests: Sequence[R], open_fresh: Open[R]
) -> list[Opened | Problem]:
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                found = await recall(tx, [it.claim for it in requests])
                fresh = [it for it, known in zip(requests, found, strict=True) if known is None]
                made = iter(await open_fresh(tx, fresh) if fresh else ())
                return [
                    next(made)
                    if known is None
                    else Opened(known, replayed=True)
                    if isinstance(known, Answer)
                    else known
                    for known in found
                ]
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just used one of the keys: the next run finds it.
    raise AssertionError(f"keys changed under us {_TRIES} times")


async def queue_look_ups(
    tx: Tx, caused: Sequence[tuple[Cause, Target]], schedule: Schedule
) -> None:
    """Whoever makes the call may die: then somebody asks what became of it."""
    turns = [Turn(cause=it, target=target, turn=1, at=it.at + schedule[0]) for it, target in caused]
    await ask_for_turns(tx, turns)


def unavailable(waits: Waits, *, provider: str, seconds: float) -> ProviderUnavailable:
    """seconds: until it may be worth asking again"""
    return ProviderUnavailable(
        f"{provider} is not asked at the moment",
        headers={"Retry-After": str(max(1, round(seconds)))},
        provider=provider,
        retry_at=waits.retry_at,
    )
