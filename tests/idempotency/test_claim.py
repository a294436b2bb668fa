"""A key is claimed once, whoever else tries at the same time, also in another order."""

import asyncio
from typing import Any

import pytest
from tests.builders import NOON

from paywright.db.pool import Database
from paywright.idempotency import Answer, Claim, KeyReused, claim, fingerprint, release


def a_claim(key: str, body: bytes = b"first", **fields: Any) -> Claim:
    names, digest = fingerprint({"amount": 1, "to": "x"} | fields)
    return Claim("test", key, names, digest, Answer(201, body))


async def claim_all(db: Database, *claims: Claim) -> list[Answer | KeyReused | None]:
    async with db.transaction() as tx:
        return await claim(tx, claims, at=NOON)


async def test_the_first_answer_stays(db: Database) -> None:
    assert await claim_all(db, a_claim("a")) == [None]
    assert await claim_all(db, a_claim("a", b"second")) == [Answer(201, b"first")]


async def test_another_request_is_told_what_differs(db: Database) -> None:
    await claim_all(db, a_claim("a"))
    (reused,) = await claim_all(db, a_claim("a", amount=2))
    assert isinstance(reused, KeyReused)
    assert reused.extra["fields"] == ["amount"]


async def test_a_key_twice_in_one_list(db: Database) -> None:
    outcomes = await claim_all(db, a_claim("a"), a_claim("a", b"x"), a_claim("a", to="y"))
    assert outcomes[:2] == [None, Answer(201, b"first")]
    assert isinstance(outcomes[2], KeyReused)


async def test_a_rolled_back_claim_leaves_the_key_free(db: Database) -> None:
    async def break_off() -> None:
        async with db.transaction() as tx:
            await claim(tx, [a_claim("a")], at=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    assert await claim_all(db, a_claim("a")) == [None]


async def test_scopes_are_apart(db: Database) -> None:
    await claim_all(db, a_claim("a"))
    names, digest = fingerprint({"z": 1})
    assert await claim_all(db, Claim("other", "a", names, digest, Answer(200, b""))) == [None]


async def test_concurrent_lists_in_opposite_orders_neither_deadlock_nor_double(
    db: Database,
) -> None:
    keys = [f"k{i}" for i in range(40)]

    async def attempt(order: list[str], body: bytes) -> int:
        return (await claim_all(db, *(a_claim(key, body) for key in order))).count(None)

    orders = [keys, keys[::-1]] * 4
    won = await asyncio.gather(*(attempt(o, bytes([i])) for i, o in enumerate(orders)))
    assert sum(won) == len(keys)


async def test_a_released_key_is_free(db: Database) -> None:
    await claim_all(db, a_claim("a"))
    async with db.transaction() as tx:
        assert await release(tx, "test", ["a", "b"]) == [Answer(201, b"first")]
    assert await claim_all(db, a_claim("a")) == [None]
