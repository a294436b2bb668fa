"""Two API processes move the same money at once: nothing is spent twice, nobody waits in a
circle."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from tests.faults.ledger_stage import (
    Crowd,
    Tellers,
    a_move,
    agree,
    complaints,
    no_deadlock,
    verified,
)
from tests.faults.stage import Stage
from tests.processes import Process

from paywright.db.pool import Database

pytestmark = pytest.mark.faults


@pytest.fixture
async def apis(stage: Stage) -> AsyncIterator[list[Process]]:
    both = await asyncio.gather(stage.api(), stage.api())
    yield list(both)
    assert all(api.is_running() for api in both)
    assert complaints(*both) == []


@pytest.fixture
async def tellers(stage: Stage, db: Database, apis: list[Process]) -> AsyncIterator[Tellers]:
    async with Tellers(stage, [int(api.port) for api in apis]) as tellers:
        yield tellers
    await agree(db, tellers)
    await no_deadlock(db)
    await verified(stage)


async def test_of_an_account_that_all_drain_exactly_what_is_there_is_paid(
    tellers: Tellers,
) -> None:
    crowd = await Crowd.of(tellers, purses=6, each=1000)
    source, *others = crowd.purses
    asks = [
        tellers.move("/api/v1/transfers", a_move(source, others[i % 5], 30)) for i in range(150)
    ] + [tellers.move("/api/v1/holds", a_move(source, others[i % 5], 30)) for i in range(150)]
    tellers.dice.shuffle(asks)
    told = Counter(answer.status for answer in await asyncio.gather(*asks))
    assert told == {201: 33, 422: 267}
    assert tellers.unavailable == []


async def test_movements_in_all_directions_never_wait_in_a_circle(tellers: Tellers) -> None:
    crowd = await Crowd.of(tellers, purses=5, each=2000)
    async with crowd.at_work(callers=40):
        await tellers.count_beyond(2500)
    assert tellers.unavailable == []
    assert {answer.status for answer in tellers.answers.values()} >= {200, 201, 409, 422}


async def test_one_key_at_both_doors_at_once_has_one_effect(tellers: Tellers) -> None:
    crowd = await Crowd.of(tellers, purses=3, each=1000)
    dice = tellers.dice
    keys = [
        tellers.plan("/api/v1/transfers", a_move(*dice.sample(crowd.purses, 2), 200))
        for _ in range(120)
    ]
    asks = [tellers.insist(key, doors=[door]) for key in keys for door in (0, 1, 0, 1)]
    dice.shuffle(asks)
    await asyncio.gather(*asks)
    assert all(tellers.fresh[key] == 1 for key in keys)
    assert {answer.status for answer in tellers.answers.values()} == {201, 422}
    assert tellers.unavailable == []


async def test_a_batch_that_meets_itself_in_the_other_process_is_done_once(
    tellers: Tellers,
) -> None:
    crowd = await Crowd.of(tellers, purses=4, each=1000)
    dice = tellers.dice
    keys = [
        tellers.plan(
            "/api/v1/transfers/batch",
            {
                "transfers": [
                    a_move(*dice.sample(crowd.purses, 2), 5) | {"linked": index % 3 == 0}
                    for index in range(50)
                ]
            },
        )
        for _ in range(20)
    ]
    await asyncio.gather(*(tellers.insist(key, doors=[door]) for key in keys for door in (0, 1)))
    assert all(tellers.fresh[key] == 1 for key in keys)
    assert tellers.unavailable == []
