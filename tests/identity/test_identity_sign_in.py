"""Signing in: who is let in, who is locked, and what may be told."""

import asyncio

import pytest
from tests.identity.conftest import PASSWORD, People

from paywright.core.actor import ANONYMOUS
from paywright.identity import users_store
from paywright.identity.change_user import change_user
from paywright.identity.model import UserStatus
from paywright.identity.parts import Parts
from paywright.identity.passwords import Passwords
from paywright.identity.prove import SignInRefused, TooManySignIns, lock_after
from paywright.identity.sign_in import sign_in


async def refusal(people: People, email: str, password: str, *, at: float = 0) -> str:
    with pytest.raises(SignInRefused) as refused:
        await people.sign_in(email, password, at=at)
    return f"{refused.value.detail} {refused.value.extra} {refused.value.headers}"


async def test_the_right_password_begins_a_session(people: People) -> None:
    user = await people.user()
    signed_in = await people.sign_in(" ADA@example.com ", at=5)
    assert signed_in.session.user_id == user.id
    (started,) = await people.events("session.started")
    assert started["subject"] == str(signed_in.session.id)
    assert started["ip"] == "198.51.100.5"
    assert "ada" not in str(started)


async def test_nothing_that_opens_is_on_file(people: People) -> None:
    await people.user()
    signed_in = await people.sign_in()
    async with people.db.snapshot() as tx:
        stored = ""
        for table in ("users", "sessions", "refresh_tokens", "signing_keys", "events"):
            stored += str(await tx.fetch(f"select t::text from {table} as t"))
    for secret in (signed_in.refresh_token, signed_in.access_token, PASSWORD, "PRIVATE KEY"):
        assert secret not in stored
    assert "ada@example.com" not in stored.lower()
    assert "Ada Test" not in stored
    assert signed_in.access_token not in repr(signed_in)
    assert "ada" not in repr(await people.user("ada2@example.com")).lower()


async def test_nobody_learns_who_has_an_account(people: People) -> None:
    await people.user("known@example.com")
    off = await people.user("off@example.com")
    await change_user(
        people.db, people.parts, people.cause(), user_id=off.id, status=UserStatus.DISABLED
    )
    answers = {
        await refusal(people, "known@example.com", "not the password"),
        await refusal(people, "unknown@example.com", "not the password"),
        await refusal(people, "off@example.com", PASSWORD),
        await refusal(people, "known@example.com", "x"),
        await refusal(people, "x" * 10_000, "y" * 10_000),
        await refusal(people, "\u202eknown@ex\u0430mple.com", "\U0001f9a6" * 300),
    }
    assert len(answers) == 1
    refused = await people.events("session.refused")
    assert len(refused) == 6
    assert "known@" not in str(refused)


async def test_ten_wrong_passwords_lock_and_the_answer_does_not_tell(people: People) -> None:
    await people.user()
    answers = {await refusal(people, "ada@example.com", "wrong", at=i) for i in range(10)}
    # The right one, while it is locked: the same answer.
    answers.add(await refusal(people, "ada@example.com", PASSWORD, at=11))
    answers.add(await refusal(people, "ada@example.com", PASSWORD, at=9 + 15 * 60 - 1))
    assert len(answers) == 1
    (locked,) = await people.events("user.locked")
    assert "ada" not in str(locked["data"])
    assert await people.sign_in(at=9 + 15 * 60)
    # It counts from the beginning again.
    await refusal(people, "ada@example.com", "wrong", at=2000)
    assert await people.sign_in(at=2001)


async def test_a_lock_grows_and_guesses_do_not_prolong_it(people: People) -> None:
    user = await people.user()
    for i in range(10):
        await refusal(people, "ada@example.com", "wrong", at=i)
    for i in range(20):
        await refusal(people, "ada@example.com", "wrong", at=100 + i)
    for i in range(10):
        await refusal(people, "ada@example.com", "wrong", at=2000 + i)
    async with people.db.snapshot() as tx:
        now = await users_store.find(tx, people.parts.keys, user.id)
    assert now is not None
    assert now.failed_count == 20
    assert now.locked_until == people.cause(2009 + 30 * 60).at
    at = people.cause().at
    assert lock_after(9, at) is None
    assert lock_after(10_000, at) == people.cause(24 * 3600).at


async def test_guesses_that_come_together_count_one_by_one(people: People) -> None:
    user = await people.user()
    tries = [refusal(people, "ada@example.com", f"wrong {i}", at=i / 100) for i in range(25)]
    await asyncio.gather(*tries)
    async with people.db.snapshot() as tx:
        now = await users_store.find(tx, people.parts.keys, user.id)
    assert now is not None
    assert now.failed_count == 10


@pytest.mark.parametrize("by", ["address", "user"])
async def test_the_sixth_attempt_in_a_minute_has_to_wait(people: People, by: str) -> None:
    await people.user()
    parts = Parts(people.parts.keys, sign_ins_max=5, passwords=people.parts.passwords)

    async def attempt(i: int) -> None:
        ip = "192.0.2.9" if by == "address" else f"192.0.2.{i}"
        email = "ada@example.com" if by == "user" else f"nobody{i}@example.com"
        await sign_in(
            people.db, parts, people.cause(0, ANONYMOUS, ip), email=email, password="wrong"
        )

    for i in range(5):
        with pytest.raises(SignInRefused):
            await attempt(i)
    with pytest.raises(TooManySignIns) as waiting:
        await attempt(5)
    assert 1 <= int(waiting.value.headers["Retry-After"]) <= 13


async def test_an_old_hash_is_made_anew_when_its_password_comes(people: People) -> None:
    user = await people.user()
    strong = Parts(people.parts.keys, sign_ins_max=1000, passwords=Passwords())
    cause = people.cause(0, ANONYMOUS)
    await sign_in(people.db, strong, cause, email=user.email, password=PASSWORD)
    async with people.db.snapshot() as tx:
        now = await users_store.find(tx, strong.keys, user.id)
    assert now is not None
    assert now.password_hash != user.password_hash
    assert now.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await sign_in(people.db, strong, cause, email=user.email, password=PASSWORD)
