"""Which passwords are good enough, and what it costs to try one."""

import asyncio
import time
from contextlib import suppress

import pytest

from paywright.identity.passwords import (
    Passwords,
    SignInBusy,
    WeakPassword,
    checked_password,
    new_password,
)

EMAIL = "grace.hopper.test@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "x" * 129,
        EMAIL,
        EMAIL.upper(),
        "grace.hopper.test",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123412341234",
        "123456789012",
        "qwertyuiop12",
        "Password1234",
        "passwordpassword!",
        "Welcome-Admin-2026",
        "1234567890qwerty",
        "\ufb01" * 5,  # a ligature of two letters: ten characters in the form that counts
    ],
)
def test_what_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        checked_password(password, email=EMAIL, field="new_password")
    assert refused.value.extra["errors"][0].field == "new_password"
    assert password not in refused.value.detail or password == EMAIL


@pytest.mark.parametrize(
    "password",
    [
        "three grey herons",
        "zwölf müde Dachse",
        "四頭の青い象が歩く夜明け前に",
        "🦔🦊🐝🐍🦉🦇🐢🐙🦀🐌🐞🦋",
        "    leading and trailing    ",
        "839201748392",
        "x1" + "anything between here and there" * 4,
    ],
)
def test_any_characters_will_do_if_there_are_enough(password: str) -> None:
    assert len(checked_password(password, email=EMAIL)) >= 12


def test_a_password_that_is_made_up_will_do() -> None:
    assert checked_password(new_password(), email=EMAIL)


def test_a_hostile_length_is_judged_quickly() -> None:
    started = time.process_time()
    for piece in ("a", "1", "pass", "qwert", "!", "ab12", "test1"):
        for tail in ("", "x", "é", "\n"):
            password = (piece * 200)[:127] + tail
            with suppress(WeakPassword):
                checked_password(password, email=EMAIL)
    assert time.process_time() - started < 2


async def test_one_password_is_one_however_it_is_typed() -> None:
    passwords = Passwords()
    composed, decomposed = "caf\u00e9 caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301 cafe\u0301"
    kept = await passwords.hash(composed)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.verify(kept, decomposed)
    assert not await passwords.verify(kept, composed.upper())
    assert composed not in kept


async def test_nobodys_password_takes_as_long_as_somebodys() -> None:
    passwords = Passwords()
    kept = await passwords.hash("three grey herons")

    async def cost(password_hash: str | None) -> float:
        started = time.process_time()  # of all threads, whatever else the machine does
        assert not await passwords.verify(password_hash, "another password")
        return time.process_time() - started

    of_nobody = sorted([await cost(None) for _ in range(5)])[2]
    of_somebody = sorted([await cost(kept) for _ in range(5)])[2]
    assert 0.5 < of_nobody / of_somebody < 2


async def test_too_many_at_once_are_told_to_come_again() -> None:
    passwords = Passwords()
    tried = [passwords.verify(None, f"guess {i}") for i in range(60)]
    answers = await asyncio.gather(*tried, return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, SignInBusy)]
    assert len(busy) == 10
    assert all(answer is False for answer in answers if answer not in busy)
