"""The record of calls to providers: written before a call, completed after it.

Both ends work on lists, inside the transactions of whoever calls: `begin`, then the call with no
transaction open, then `end`. Both lock breakers of providers, which all processes share, so they
belong at the end of a transaction: after every other lock, and shortly before the commit.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.gateway import attempts_store, breakers_store, endings_store
from paywright.gateway.attempts_store import History, Opening
from paywright.gateway.breaker import (
    Breaker,
    Heard,
    Policy,
    State,
    fresh,
    let_through,
    line_up,
    opens_at,
    record,
)
from paywright.gateway.breakers import lock_breakers, save_breakers
from paywright.gateway.endings_store import Ending
from paywright.gateway.model import PROVIDER_FAILURES, Answer, Lost, NotFound, OrderKind
from paywright.gateway.outcomes import outcome_of


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A call that somebody wants to make.

    operation_id: the uuid of what is carried out: of the payment, or of the refund
    providers:    at least one, in the order in which they may be asked. Only one for what has been
                  sent somewhere already
    comes_back:   whether it is put off where nobody lets it through, and so lines up with those
                  that wait; one that is refused must not make them wait longer
    """

    operation_id: UUID
    payment_id: UUID
    kind: OrderKind
    call: Literal["submit", "look_up"]
    providers: Sequence[str]
    comes_back: bool = True


class Begun(msgspec.Struct, frozen=True):
    """A call that may be made now, and is on file. breaker, generation: as they were then"""

    provider: str
    seq: int
    call: Literal["submit", "look_up"]
    breaker: Literal["closed", "half_open"]
    generation: int


class Waits(msgspec.Struct, frozen=True):
    """No breaker lets it through. retry_at: when to come again; nobody else that comes back has
    this moment"""

    retry_at: datetime


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange over the network."""

    answer: Answer | NotFound
    call: Literal["submit", "look_up"]
    latency_ms: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was made. tries: at least one; the last is the answer"""

    operation_id: UUID
    payment_id: UUID
    kind: OrderKind
    begun: Begun
    tries: Sequence[Try]


async def begin(
    tx: Tx,
    intents: Sequence[Intent],
    *,
    policy: Policy,
    at: datetime,
    before_locks: Callable[[], Awaitable[None]] | None = None,
) -> list[Begun | Waits]:
    """For each, in order: it may be made now, and is on file; or when to come again.

    The caller has locked the operations, and names none twice.

    before_locks: awaited before breakers are locked, where that has to be. A caller that may have
                  to wait for somebody else's transaction after this does its waiting there
    """
    if not intents:
        return []
    begun = await _begin_at_first_choice(tx, intents, at)
    return begun or await _begin_one_by_one(tx, intents, policy, at, before_locks)


async def _begin_at_first_choice(
    tx: Tx, intents: Sequence[Intent], at: datetime
) -> list[Begun | Waits]:
    """Where all breakers are closed, which let everybody through: one statement. Else nothing."""
    openings = [_opening(intent, intent.providers[0], "closed") for intent in intents]
    names = sorted({it.provider for it in openings})
    opened = await attempts_store.insert(tx, openings, if_closed=names, at=at)
    return [_begun(it, *opened[it.operation_id]) for it in openings if opened]


async def _begin_one_by_one(
    tx: Tx,
    intents: Sequence[Intent],
    policy: Policy,
    at: datetime,
    before_locks: Callable[[], Awaitable[None]] | None,
) -> list[Begun | Waits]:
    """Where breakers let only some through, or send some to others."""
    names = sorted({name for intent in intents for name in intent.providers})
    breakers = {name: fresh(name, at) for name in names} | await breakers_store.read(tx, names)
    after = dict(breakers)
    places = _places(intents, after, policy, at)
    if after == breakers and not any(isinstance(place, str) for place in places):
        return [Waits(place) for place in places if not isinstance(place, str)]
    shut = [name for name in names if breakers[name].state is not State.CLOSED]
    if shut:  # who lets only some through, or lines them up, has to count with the others
        if before_locks is not None:
            await before_locks()
        breakers |= await breakers_store.lock(tx, shut)
    after = dict(breakers)
    places = _places(intents, after, policy, at)
    await save_breakers(
        tx, Cause(SYSTEM, at, request_id="breaker"), [(breakers[it], after[it]) for it in shut]
    )
    found = [
        _opening(intent, place, _word(after[place])) if isinstance(place, str) else Waits(place)
        for intent, place in zip(intents, places, strict=True)
    ]
    openings = [it for it in found if isinstance(it, Opening)]
    opened = await attempts_store.insert(tx, openings, at=at) if openings else {}
    return [
        it
        if isinstance(it, Waits)
        # The breaker as it was looked at: another may have changed it since.
        else _begun(it, opened[it.operation_id][0], after[it.provider].generation)
        for it in found
    ]


async def end(
    tx: Tx, cause: Cause, ended: Sequence[Ended], *, policy: Policy, at: datetime
) -> None:
    """Record what came back, with the breakers of those who were asked.

    A call that has ended already stays as it is, and counts once. The caller has locked the
    operations.
    """
    if not ended:
        return
    firsts = [_ending(it, it.tries[0]) for it in ended]
    finished = await endings_store.finish(tx, firsts, at=at)
    new = [it for it in ended if (it.operation_id, it.begun.seq) in finished.began]
    repeated = [_ending(it, one) for it in new for one in it.tries[1:]]
    if repeated:
        started_at = [finished.began[it.asked.operation_id, it.seq] for it in repeated]
        await endings_store.insert_repetitions(tx, repeated, started_at, at=at)
    heard: dict[str, list[Heard]] = {}
    for it in new:
        heard.setdefault(it.begun.provider, []).extend(_heard(it))
    missing = sorted(heard.keys() - finished.breakers.keys())  # of providers never asked before
    before = finished.breakers | await lock_breakers(tx, missing, at=at)
    changes = [(before[it], record(before[it], policy, heard[it], at=at)) for it in sorted(heard)]
    await save_breakers(tx, cause, changes)


async def history(tx: Tx, operation_ids: Sequence[UUID]) -> dict[UUID, History]:
    """What was asked so far, of each."""
    return await attempts_store.history(tx, operation_ids)


def _places(
    intents: Sequence[Intent], breakers: dict[str, Breaker], policy: Policy, at: datetime
) -> list[str | datetime]:
    """The provider that each may ask, or when it may come again. Changes `breakers`."""
    places: dict[int, str | datetime] = {}
    for rank in range(max(len(intent.providers) for intent in intents)):
        asking: dict[str, list[int]] = {}
        for number, intent in enumerate(intents):
            if number not in places and rank < len(intent.providers):
                asking.setdefault(intent.providers[rank], []).append(number)
        for name, numbers in asking.items():
            breakers[name], admitted = let_through(
                breakers[name], policy, wanted=len(numbers), at=at
            )
            places |= dict.fromkeys(numbers[:admitted], name)
    waiting: dict[str, list[int]] = {}
    for number, intent in enumerate(intents):
        if number not in places:
            first = min(intent.providers, key=lambda it: opens_at(breakers[it], policy, at=at))
            if intent.comes_back:
                waiting.setdefault(first, []).append(number)
            else:
                places[number] = opens_at(breakers[first], policy, at=at)
    for name, numbers in waiting.items():
        breakers[name], slots = line_up(breakers[name], policy, waiting=len(numbers), at=at)
        places |= dict(zip(numbers, slots, strict=True))
    return [places[number] for number in range(len(intents))]


def _opening(intent: Intent, provider: str, breaker: Literal["closed", "half_open"]) -> Opening:
    return Opening(
        operation_id=intent.operation_id,
        payment_id=intent.payment_id,
        kind=intent.kind,
        provider=provider,
        call=intent.call,
        breaker=breaker,
    )


def _begun(it: Opening, seq: int, generation: int) -> Begun:
    return Begun(it.provider, seq, it.call, it.breaker, generation)


def _word(breaker: Breaker) -> Literal["closed", "half_open"]:
    return "half_open" if breaker.state is State.HALF_OPEN else "closed"


def _ending(it: Ended, one: Try) -> Ending:
    outcome, code = outcome_of(one.answer)
    asked = Opening(
        operation_id=it.operation_id,
        payment_id=it.payment_id,
        kind=it.kind,
        provider=it.begun.provider,
        call=one.call,
        breaker=it.begun.breaker,
    )
    return Ending(
        asked=asked, seq=it.begun.seq, outcome=outcome, code=code, latency_ms=one.latency_ms
    )


def _heard(it: Ended) -> Iterable[Heard]:
    """What each exchange says about the provider."""
    last = len(it.tries) - 1
    for number, one in enumerate(it.tries):
        is_failure: bool | None = False
        if isinstance(one.answer, Lost):
            is_failure = True if one.answer.why in PROVIDER_FAILURES else None
        yield Heard(it.begun.generation, is_failure, is_last=number == last)
