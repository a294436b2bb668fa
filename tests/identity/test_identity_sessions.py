"""Refreshing and ending sessions."""

import asyncio

import msgspec
import pytest
from tests.identity.conftest import PASSWORD, People

from paywright.core.actor import ANONYMOUS, Actor
from paywright.identity.authenticate import authenticate
from paywright.identity.change_password import change_own_password, set_password
from paywright.identity.change_user import change_user
from paywright.identity.jobs import forget_old_sessions
from paywright.identity.model import SignedIn, UserStatus
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.prove import SignInRefused
from paywright.identity.refresh import RefreshRefused, refresh
from paywright.identity.sign_out import (
    NoSession,
    NoSuchSession,
    end_session,
    end_sessions,
    list_sessions,
    sign_out,
)
from paywright.identity.tokens import TokenInvalid
from paywright.jobs.model import Run


async def refreshed(people: People, token: str, *, at: float) -> SignedIn:
    cause = people.cause(at, ANONYMOUS)
    return await refresh(people.db, people.parts, cause, token=token)


async def actor(people: People, signed_in: SignedIn, *, at: float = 0) -> Actor:
    caller = await authenticate(
        people.db, people.parts, signed_in.access_token, at=people.cause(at).at
    )
    return caller.actor


async def test_a_refresh_gives_new_tokens_of_the_same_session(people: People) -> None:
    user = await people.user(role=Role.OPERATOR)
    first = await people.sign_in()
    second = await refreshed(people, first.refresh_token, at=500)
    third = await refreshed(people, second.refresh_token, at=1000)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert first.session.id == third.session.id
    known = await actor(people, third, at=1500)
    assert known.id == str(user.id)
    assert known.permissions == PERMISSIONS[Role.OPERATOR]
    assert known.session_id == str(first.session.id)


async def test_a_lost_answer_may_be_asked_for_again(people: People) -> None:
    await people.user()
    first = await people.sign_in()
    answers = await asyncio.gather(
        *(refreshed(people, first.refresh_token, at=100 + i / 10) for i in range(5))
    )
    assert len({it.refresh_token for it in answers}) == 1
    assert await refreshed(people, answers[0].refresh_token, at=200)


@pytest.mark.parametrize("successor_was_used", [True, False])
async def test_a_token_that_comes_again_ends_the_session(
    people: People, successor_was_used: bool
) -> None:
    await people.user()
    first = await people.sign_in()
    second = await refreshed(people, first.refresh_token, at=100)
    newest = second
    if successor_was_used:
        newest = await refreshed(people, second.refresh_token, at=102)
    # Within the grace, but its successor has arrived; or after the grace.
    again = 103 if successor_was_used else 111
    with pytest.raises(RefreshRefused):
        await refreshed(people, first.refresh_token, at=again)
    with pytest.raises(RefreshRefused):
        await refreshed(people, newest.refresh_token, at=again + 1)
    with pytest.raises(TokenInvalid):
        await actor(people, newest, at=again + 1)
    (ended,) = await people.events("session.ended")
    assert "token_reused" in str(ended["data"])


@pytest.mark.parametrize(
    "token", ["", "rf_", "rf_" + "A" * 43, "pk_" + "A" * 43, "x" * 200, "rf_" + "é" * 43]
)
async def test_an_invented_token_refreshes_nothing(people: People, token: str) -> None:
    with pytest.raises(RefreshRefused):
        await refreshed(people, token, at=1)


async def test_after_thirty_days_somebody_signs_in_anew(people: People) -> None:
    await people.user()
    signed_in = await people.sign_in()
    day = 86_400
    for days in range(1, 30):
        signed_in = await refreshed(people, signed_in.refresh_token, at=days * day)
    with pytest.raises(RefreshRefused):
        await refreshed(people, signed_in.refresh_token, at=30 * day)


async def test_signing_out_ends_this_session_and_no_other(people: People) -> None:
    await people.user()
    here, there = await people.sign_in(), await people.sign_in(at=1)
    who = await actor(people, here, at=2)
    await sign_out(people.db, people.cause(2, who))
    with pytest.raises(TokenInvalid):
        await actor(people, here, at=2)
    with pytest.raises(RefreshRefused):
        await refreshed(people, here.refresh_token, at=2)
    assert await actor(people, there, at=3)
    with pytest.raises(NoSession):
        await sign_out(people.db, people.cause(3))  # the system signs out of nothing


async def test_one_sees_and_ends_only_ones_own_sessions(people: People) -> None:
    ada, bob = await people.user(), await people.user("bob@example.com")
    hers, his = await people.sign_in(), await people.sign_in("bob@example.com")
    she = people.cause(1, await actor(people, hers))
    listed = await list_sessions(people.db, she, user_id=ada.id)
    assert [it.id for it in listed] == [hers.session.id]
    with pytest.raises(NoSuchSession):
        await end_session(people.db, she, session_id=his.session.id)
    assert await actor(people, his, at=1)
    await end_session(people.db, people.cause(2), session_id=his.session.id)  # an administrator
    with pytest.raises(TokenInvalid):
        await actor(people, his, at=2)
    await people.sign_in("bob@example.com", at=3)
    assert len(await end_sessions(people.db, people.cause(4), user_id=bob.id)) == 1
    assert not await list_sessions(people.db, people.cause(4), user_id=bob.id)


async def test_disabling_a_user_ends_everything(people: People) -> None:
    user = await people.user()
    signed_in = await people.sign_in()
    await change_user(
        people.db, people.parts, people.cause(1), user_id=user.id, status=UserStatus.DISABLED
    )
    with pytest.raises(TokenInvalid):
        await actor(people, signed_in, at=1)
    with pytest.raises(RefreshRefused):
        await refreshed(people, signed_in.refresh_token, at=1)
    with pytest.raises(SignInRefused):
        await people.sign_in(at=2)
    await change_user(
        people.db, people.parts, people.cause(3), user_id=user.id, status=UserStatus.ACTIVE
    )
    with pytest.raises(TokenInvalid):
        await actor(people, signed_in, at=3)  # what was ended stays so
    assert await people.sign_in(at=3)


@pytest.mark.parametrize("by", ["oneself", "administrator"])
async def test_another_password_ends_all_sessions(people: People, by: str) -> None:
    user = await people.user()
    signed_in = [await people.sign_in(at=i) for i in range(3)]
    new = "four red foxes sleep"
    if by == "oneself":
        she = people.cause(5, await actor(people, signed_in[0], at=5))
        with pytest.raises(SignInRefused):
            await change_own_password(people.db, people.parts, she, current="wrong", new=new)
        assert await actor(people, signed_in[0], at=5)
        await change_own_password(people.db, people.parts, she, current=PASSWORD, new=new)
    else:
        cause = people.cause(5)
        await set_password(people.db, people.parts, cause, user_id=user.id, password=new)
    for one in signed_in:
        with pytest.raises(TokenInvalid):
            await actor(people, one, at=5)
    with pytest.raises(SignInRefused):
        await people.sign_in(at=6)
    assert await people.sign_in(password=new, at=6)


async def test_a_stolen_token_cannot_guess_the_password_for_ever(people: People) -> None:
    await people.user()
    she = await actor(people, await people.sign_in())
    for i in range(10):
        with pytest.raises(SignInRefused):
            await change_own_password(
                people.db,
                people.parts,
                people.cause(i, she),
                current=f"guess {i}",
                new="x" * 3 + "four red foxes",
            )
    assert len(await people.events("user.locked")) == 1
    with pytest.raises(SignInRefused):
        await people.sign_in(at=20)


async def test_what_is_long_over_is_forgotten(people: People) -> None:
    await people.user()
    await people.sign_in()
    kept = await people.sign_in(at=86_400 * 20)

    class App(msgspec.Struct):
        db: object

    cause = people.cause(86_400 * 61)
    await forget_old_sessions(Run(App(people.db), cause, 1, 1, [cause]))
    async with people.db.snapshot() as tx:
        left = await tx.fetch("select session_id from refresh_tokens")
        assert [row["session_id"] for row in left] == [kept.session.id]
