"""Many answers in one transaction, and many such transactions at once."""

import asyncio
import random

from tests.builders import NOON, a_cause
from tests.challenges.challenging import KEYS, a_binding, events, register

from paywright.challenges.answer import load_for_answer, save_answers, try_code
from paywright.challenges.model import Binding, Subject
from paywright.challenges.open import open_challenges
from paywright.db.pool import Database


async def _open_many(db: Database, count: int, payers: int = 1) -> list[Binding]:
    subjects = [Subject("customer", f"cust_{number}") for number in range(payers)]
    for subject in subjects:
        await register(db, subject)
    bindings = [a_binding() for _ in range(count)]
    wanted = [(a_cause(), it, subjects[i % payers]) for i, it in enumerate(bindings)]
    async with db.transaction() as tx:
        await open_challenges(tx, KEYS, wanted)
    return bindings


async def test_a_hundred_answers_are_as_many_statements_as_one(db: Database) -> None:
    bindings = await _open_many(db, 102, payers=102)
    asked: list[str] = []
    sizes: list[int] = []
    async with db.transaction() as tx:
        tx.add_query_logger(lambda query: asked.append(query.query))
        for batch in (bindings[:1], bindings[1:2], bindings[2:]):
            asked.clear()
            held = await load_for_answer(tx, [it.payment_id for it in batch])
            for it in batch:
                try_code(held[it.payment_id], "nonsense", it, KEYS, NOON)
            await save_answers(tx, lambda _: a_cause(), held)
            sizes.append(len(asked))
    assert sizes[1] == sizes[2]


async def test_batches_that_overlap_do_not_lock_each_other_out(db: Database) -> None:
    bindings = await _open_many(db, 40, payers=7)
    dice = random.Random(7)

    async def batch() -> None:
        chosen = dice.sample(bindings, 12)
        async with db.transaction() as tx:
            held = await load_for_answer(tx, [it.payment_id for it in chosen])
            for it in chosen:
                try_code(held[it.payment_id], "nonsense", it, KEYS, NOON)
            await save_answers(tx, lambda _: a_cause(), held)

    # A circle of waiting would end in DeadlockDetectedError.
    await asyncio.gather(*(batch() for _ in range(60)))
    types = [type for type, _ in await events(db)]
    # Ten wrong codes lock a payer, and there are seven of them.
    assert types.count("challenge.failed") == 70


async def test_each_event_has_the_cause_of_its_own_answer(db: Database) -> None:
    bindings = await _open_many(db, 3)
    causes = {it.payment_id: a_cause(request_id=f"req_{i}") for i, it in enumerate(bindings)}
    async with db.transaction() as tx:
        held = await load_for_answer(tx, list(causes))
        for it in bindings:
            try_code(held[it.payment_id], "nonsense", it, KEYS, NOON)
        await save_answers(tx, causes.__getitem__, held)
    async with db.pool.acquire() as connection:
        rows = await connection.fetch(
            "select request_id from events where type = 'challenge.failed'"
        )
    assert {row["request_id"] for row in rows} == {"req_0", "req_1", "req_2"}


async def test_challenges_opened_and_answered_at_once_do_not_lock_each_other_out(
    db: Database,
) -> None:
    bindings = await _open_many(db, 30, payers=5)
    dice = random.Random(11)

    async def batch() -> None:
        chosen = dice.sample(bindings, 8)
        new = [a_binding() for _ in range(5)]
        async with db.transaction() as tx:
            held = await load_for_answer(tx, [it.payment_id for it in chosen])
            for it in chosen:
                try_code(held[it.payment_id], "nonsense", it, KEYS, NOON)
            await open_challenges(
                tx,
                KEYS,
                [(a_cause(), it, Subject("customer", f"cust_{dice.randrange(5)}")) for it in new],
            )
            await save_answers(tx, lambda _: a_cause(), held)

    await asyncio.gather(*(batch() for _ in range(40)))
    types = [type for type, _ in await events(db)]
    # Ten wrong codes lock a payer, and there are five of them.
    assert types.count("challenge.failed") == 50
