"""Challenges that nobody answers."""

import asyncio
from datetime import timedelta

from tests.builders import NOON, a_cause
from tests.challenges.challenging import (
    a_binding,
    answer,
    challenged,
    event_types,
    open_one,
    register,
)

from paywright.challenges.expire import expire_due, sweep
from paywright.challenges.rules import OtpExpired
from paywright.db.pool import Database

END = NOON + timedelta(minutes=5)


async def test_the_sweep_ends_what_is_over_and_nothing_else(db: Database) -> None:
    await register(db)
    old, young, passed = a_binding(), a_binding(), a_binding()
    await challenged(db, old)
    await answer(db, passed, await challenged(db, passed))
    await challenged(db, young, at=NOON + timedelta(seconds=1))
    assert await sweep(db, a_cause(at=END)) == 1
    assert (await event_types(db)).count("challenge.expired") == 1
    assert await sweep(db, a_cause(at=END)) == 0
    assert await sweep(db, a_cause(at=END + timedelta(seconds=1))) == 1


async def test_a_challenge_that_was_swept_cannot_be_answered(db: Database) -> None:
    await register(db)
    binding = a_binding()
    code = await challenged(db, binding)
    await sweep(db, a_cause(at=END))
    # By a process whose clock is late.
    assert isinstance(await answer(db, binding, code, at=NOON), OtpExpired)
    assert (await event_types(db)).count("challenge.expired") == 1


async def test_who_answers_too_late_ends_the_challenge(db: Database) -> None:
    await register(db)
    binding = a_binding()
    code = await challenged(db, binding)
    assert isinstance(await answer(db, binding, code, at=END), OtpExpired)
    assert await sweep(db, a_cause(at=END)) == 0
    assert (await event_types(db)).count("challenge.expired") == 1


async def test_payments_learn_whose_challenge_is_over_in_their_own_transaction(
    db: Database,
) -> None:
    await register(db)
    bindings = [a_binding() for _ in range(3)]
    for binding in bindings:
        await open_one(db, binding)
    async with db.transaction() as tx:
        first = await expire_due(tx, a_cause(at=END), limit=2)
        rest = await expire_due(tx, a_cause(at=END), limit=2)
    assert (len(first), len(rest)) == (2, 1)
    assert {*first, *rest} == {it.payment_id for it in bindings}


async def test_two_sweeps_at_once_end_each_challenge_once(db: Database) -> None:
    await register(db)
    for _ in range(20):
        await open_one(db, a_binding())
    swept = await asyncio.gather(*(sweep(db, a_cause(at=END)) for _ in range(4)))
    assert sum(swept) == 20
    assert (await event_types(db)).count("challenge.expired") == 20
