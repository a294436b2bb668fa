"""Those who do not have the code, and try all the same."""

import asyncio
from datetime import datetime, timedelta

import pytest
from tests.builders import NOON, a_cause
from tests.challenges.challenging import (
    KEYS,
    MINA,
    a_binding,
    answer,
    challenged,
    event_types,
    newest_code,
    open_one,
    other_than,
    register,
)

from paywright.challenges.answer import load_for_answer, save_answers, try_code
from paywright.challenges.model import Binding, Challenge, Passed, Subject
from paywright.challenges.open import open_challenges
from paywright.challenges.rules import OtpExpired, OtpInvalid, OtpLocked, OtpUsed, OtpVoid
from paywright.db.pool import Database


@pytest.fixture
async def binding(db: Database) -> Binding:
    await register(db)
    return a_binding()


async def test_the_right_code_passes_once(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    assert isinstance(await answer(db, binding, code), Passed)
    assert isinstance(await answer(db, binding, code), OtpUsed)
    assert await event_types(db) == ["challenge.created", "challenge.passed"]


async def test_after_five_wrong_codes_the_right_one_fails(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    left = []
    for _ in range(5):
        refused = await answer(db, binding, other_than(code))
        assert isinstance(refused, OtpInvalid)
        left.append(refused.extra["tries_left"])
    assert left == [4, 3, 2, 1, 0]
    assert isinstance(await answer(db, binding, code), OtpLocked)
    assert (await event_types(db))[-2:] == ["challenge.failed", "challenge.locked"]


async def test_the_fifth_try_may_be_the_right_one(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    for _ in range(4):
        await answer(db, binding, other_than(code))
    assert isinstance(await answer(db, binding, code), Passed)


async def test_a_thousand_tries_at_once_are_five(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    wrong = other_than(code)

    async def attempt() -> list[object]:
        """Some come one by one, some in one batch."""
        async with db.transaction() as tx:
            held = await load_for_answer(tx, [binding.payment_id])
            tried: list[object] = [
                try_code(held[binding.payment_id], wrong, binding, KEYS, NOON) for _ in range(20)
            ]
            await save_answers(tx, lambda _: a_cause(), held)
        return tried

    single = [answer(db, binding, wrong) for _ in range(500)]
    batches = [attempt() for _ in range(25)]
    one, many = await asyncio.gather(asyncio.gather(*single), asyncio.gather(*batches))
    outcomes = [*one, *(it for batch in many for it in batch)]
    assert len(outcomes) == 1000
    assert sum(isinstance(it, OtpInvalid) for it in outcomes) == 5
    assert sum(isinstance(it, OtpLocked) for it in outcomes) == 995
    assert (await event_types(db)).count("challenge.failed") == 5


async def test_of_two_processes_with_the_right_code_one_passes(
    db: Database, binding: Binding, database_url: str
) -> None:
    code = await challenged(db, binding)
    other = await Database.connect(database_url, connections_max=2)
    try:
        outcomes = await asyncio.gather(
            *(answer(process, binding, code) for process in (db, other) for _ in range(4))
        )
    finally:
        await other.close()
    assert sum(isinstance(it, Passed) for it in outcomes) == 1
    assert sum(isinstance(it, OtpUsed) for it in outcomes) == 7


async def test_the_code_of_another_payment_is_wrong(db: Database, binding: Binding) -> None:
    other = a_binding()
    code_of_other = await challenged(db, other)
    code = await challenged(db, binding)
    if code != code_of_other:
        assert isinstance(await answer(db, binding, code_of_other), OtpInvalid)
    assert isinstance(await answer(db, binding, code), Passed)


async def test_a_hash_moved_to_another_payment_fits_nothing(db: Database, binding: Binding) -> None:
    """Who can write to the database, and has a code of a cheap payment, gains nothing."""
    cheap = a_binding(amount_minor=100)
    code = await challenged(db, cheap)
    await challenged(db, binding)
    async with db.pool.acquire() as connection:
        await connection.execute(
            "update challenges set code_hash = "
            "(select code_hash from challenges where payment_id = $1)",
            cheap.payment_id,
        )
    assert isinstance(await answer(db, binding, code), OtpInvalid)


@pytest.mark.parametrize(
    "change",
    [{"amount_minor": 12_346}, {"currency": "USD"}, {"payee": "acc_of_the_thief"}],
    ids=["amount", "currency", "payee"],
)
async def test_a_change_voids_the_code(db: Database, change: dict[str, object]) -> None:
    await register(db)
    binding = a_binding()
    changed = a_binding(payment_id=binding.payment_id, **change)
    code = await challenged(db, binding)
    assert isinstance(await answer(db, changed, code), OtpVoid)
    assert isinstance(await answer(db, binding, code), OtpVoid)
    assert await event_types(db) == ["challenge.created", "challenge.voided"]


async def test_a_code_ends_after_five_minutes(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    end = NOON + timedelta(minutes=5)
    assert isinstance(await answer(db, binding, code, at=end), OtpExpired)


async def test_a_code_is_good_until_the_last_moment(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    end = NOON + timedelta(minutes=5) - timedelta(microseconds=1)
    assert isinstance(await answer(db, binding, code, at=end), Passed)


@pytest.mark.parametrize("spaced", ["{0} {1}", " {0}{1} ", "{0}  {1}"])
async def test_spaces_do_not_matter(db: Database, binding: Binding, spaced: str) -> None:
    code = await challenged(db, binding)
    typed = spaced.format(code[:3], code[3:])
    assert isinstance(await answer(db, binding, typed), Passed)


def _full_width(code: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in code)


def _arabic(code: str) -> str:
    return "".join(chr(ord(char) - ord("0") + 0x660) for char in code)


@pytest.mark.parametrize(
    "disguise",
    [
        _full_width,
        _arabic,
        lambda code: f"{code}\n",
        lambda code: f"{code[:3]}\N{NO-BREAK SPACE}{code[3:]}",
        lambda code: f"{code[:3]}\N{ZERO WIDTH SPACE}{code[3:]}",
        lambda code: f"+{code}",
        lambda code: f"{code}\0",
        lambda code: code + " " * 10_000,
        lambda code: code * 2_000,
        lambda code: "",
        lambda code: code[:5],
        lambda code: "' or true --",
        lambda code: "\ud800",
    ],
)
async def test_what_is_not_six_digits_is_wrong_and_counts(
    db: Database, binding: Binding, disguise: object
) -> None:
    code = await challenged(db, binding)
    assert callable(disguise)
    refused = await answer(db, binding, disguise(code))
    assert isinstance(refused, OtpInvalid)
    assert refused.extra["tries_left"] == 4
    assert isinstance(await answer(db, binding, code), Passed)


async def test_a_refusal_does_not_say_what_was_wrong(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    malformed = await answer(db, binding, "abc")
    second = a_binding()
    code = await challenged(db, second)
    wrong = await answer(db, second, other_than(code))
    assert isinstance(malformed, OtpInvalid)
    assert isinstance(wrong, OtpInvalid)
    assert (malformed.detail, malformed.extra) == (wrong.detail, wrong.extra)


async def _waste(db: Database, tries: int, *, at: datetime) -> Binding:
    """Open a challenge and send it wrong codes."""
    binding = a_binding()
    code = await challenged(db, binding, at=at)
    for _ in range(tries):
        assert isinstance(await answer(db, binding, other_than(code), at=at), OtpInvalid)
    return binding


async def test_ten_wrong_codes_lock_all_payments_of_a_payer_for_an_hour(
    db: Database, binding: Binding
) -> None:
    code = await challenged(db, binding)
    for wasted in (4, 4, 2):
        await _waste(db, wasted, at=NOON)
    assert isinstance(await answer(db, binding, code), OtpLocked)
    refused = await open_one(db, a_binding(), at=NOON + timedelta(minutes=59))
    assert isinstance(refused, OtpLocked)
    later = NOON + timedelta(minutes=60)
    fresh = a_binding()
    code = await challenged(db, fresh, at=later)
    assert isinstance(await answer(db, fresh, code, at=later), Passed)


async def test_wrong_codes_of_more_than_an_hour_ago_are_forgotten(
    db: Database, binding: Binding
) -> None:
    for wasted in (4, 4, 1):
        await _waste(db, wasted, at=NOON)
    later = NOON + timedelta(minutes=61)
    await _waste(db, 4, at=later)
    code = await challenged(db, binding, at=later)
    assert isinstance(await answer(db, binding, code, at=later), Passed)


async def test_one_payer_does_not_lock_another(db: Database, binding: Binding) -> None:
    other = Subject("customer", "cust_olaf")
    await register(db, other)
    code = await challenged(db, binding, other)
    for wasted in (4, 4, 2):
        await _waste(db, wasted, at=NOON)
    assert isinstance(await answer(db, binding, code), Passed)


async def test_tries_on_many_payments_at_once_are_counted_together(db: Database) -> None:
    await register(db)
    bindings = [a_binding() for _ in range(12)]
    async with db.transaction() as tx:
        made = await open_challenges(tx, KEYS, [(a_cause(), it, MINA) for it in bindings])
    assert all(isinstance(it, Challenge) for it in made)
    outcomes = await asyncio.gather(
        *(answer(db, it, "nonsense") for it in bindings for _ in range(4))
    )
    assert sum(isinstance(it, OtpInvalid) for it in outcomes) == 10
    assert sum(isinstance(it, OtpLocked) for it in outcomes) == 38


async def test_a_wrong_code_beside_a_right_one_in_a_batch_is_counted(
    db: Database, binding: Binding
) -> None:
    code = await challenged(db, binding)
    other = a_binding()
    await challenged(db, other)
    async with db.transaction() as tx:
        held = await load_for_answer(tx, [binding.payment_id, other.payment_id])
        right = try_code(held[binding.payment_id], code, binding, KEYS, NOON)
        wrong = try_code(held[other.payment_id], "x", other, KEYS, NOON)
        await save_answers(tx, lambda _: a_cause(), held)
    assert isinstance(right, Passed)
    assert isinstance(wrong, OtpInvalid)
    again = await answer(db, other, await newest_code(db))
    assert isinstance(again, Passed)


async def test_a_payment_that_rolls_back_does_not_use_its_code_up(
    db: Database, binding: Binding
) -> None:
    code = await challenged(db, binding)

    async def answer_and_fail() -> None:
        async with db.transaction() as tx:
            held = await load_for_answer(tx, [binding.payment_id])
            try_code(held[binding.payment_id], code, binding, KEYS, NOON)
            await save_answers(tx, lambda _: a_cause(), held)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await answer_and_fail()
    assert isinstance(await answer(db, binding, code), Passed)


async def test_a_payment_without_a_challenge_has_nothing_to_answer(db: Database) -> None:
    async with db.transaction() as tx:
        assert await load_for_answer(tx, [a_binding().payment_id]) == {}
        assert await load_for_answer(tx, []) == {}
        await save_answers(tx, lambda _: a_cause(), {})
