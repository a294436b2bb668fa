"""Delegations: granted, used, ended, and what becomes of them when the delegator changes."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from argon2.profiles import CHEAPEST
from tests.approvals.approvals_building import a_subject, a_vote, asks
from tests.builders import NOON, TEST_KEY, a_cause, eur

from paywright.approvals import store
from paywright.approvals.decide import FourEyes, cast
from paywright.approvals.delegate import (
    DelegationInvalid,
    NewDelegation,
    NotInPerson,
    delegate,
)
from paywright.approvals.delegations import list_delegations
from paywright.approvals.end_delegation import NoSuchDelegation, end_delegation
from paywright.approvals.model import Delegation, Vote, Voter
from paywright.approvals.voters import voter_of
from paywright.core.actor import SYSTEM, Actor, Permission, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import DelegationId, UserId
from paywright.core.money import Money
from paywright.crypto import KeyRing
from paywright.db.pool import Database, is_duplicate
from paywright.events import history
from paywright.idempotency import KeyReused
from paywright.identity.change_user import change_user
from paywright.identity.model import User, UserStatus
from paywright.identity.parts import Parts
from paywright.identity.passwords import Passwords
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.users import create_user

DAY = timedelta(days=1)


@pytest.fixture
def parts() -> Parts:
    return Parts(KeyRing.from_hex(TEST_KEY, "k1"), passwords=Passwords(CHEAPEST))


@pytest.fixture
def user(db: Database, parts: Parts) -> Callable[..., Any]:
    async def user(name: str, role: Role = Role.APPROVER) -> Actor:
        made: User = await create_user(
            db,
            parts,
            a_cause(),
            email=f"{name}@example.com",
            name=name.title(),
            role=role,
            password="four brown owls blink",
        )
        return signed_in(str(made.id), role)

    return user


def signed_in(person: str, role: Role) -> Actor:
    return Actor(person, PERMISSIONS[role], role=role.value, person_id=person)


def by(actor: Actor, at: datetime = NOON) -> Cause:
    return a_cause(actor=actor, at=at)


async def granted(
    db: Database, giver: Actor, receiver: str, *, key: str = "k-1", at: datetime = NOON, **more: Any
) -> Delegation:
    kept: list[Delegation] = []

    def render(it: Delegation) -> bytes:
        kept.append(it)
        return b"{}"

    wanted = NewDelegation(
        **{"delegate": receiver, "reason": "On leave.", "expires_at": at + 7 * DAY} | more
    )
    await delegate(db, by(giver, at), wanted=wanted, key=key, render=render)
    return kept[0]


async def voter(db: Database, actor: Actor, at: datetime = NOON) -> Voter:
    async with db.snapshot() as tx:
        return await voter_of(tx, actor, at=at)


async def test_a_delegate_approves_in_the_delegators_stead_and_role(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob = await user("ada", Role.ADMIN), await user("bob", Role.VIEWER)
    assert (await voter(db, bob)).rights == ()
    made = await granted(db, ada, bob.id)
    found = await voter(db, bob)
    (right,) = found.rights
    assert (right.principal, right.role, right.delegation_id) == (ada.id, "admin", made.id)
    vote = cast(found, a_subject(), [asks(1, "admin")], [], policy_version="v1", at=NOON)
    assert isinstance(vote, Vote)
    assert (vote.person, vote.principal) == (bob.id, ada.id)
    of_adas = a_subject(makers=(ada.id,))
    refusal = cast(found, of_adas, [asks(1)], [], policy_version="v1", at=NOON)
    assert isinstance(refusal, FourEyes)
    async with db.snapshot() as tx:
        (event,) = await history(tx, str(made.id))
    assert (event.type, event.actor) == ("delegation.granted", ada.id)
    assert event.data["delegate"] == bob.id
    assert "reason" not in event.data


async def test_the_own_right_comes_first_and_the_system_has_none(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob = await user("ada"), await user("bob")
    await granted(db, ada, bob.id, limit=eur(5_000))
    rights = (await voter(db, bob)).rights
    assert [(it.principal, it.limit) for it in rights] == [(bob.id, None), (ada.id, eur(5_000))]
    assert (await voter(db, SYSTEM)).rights == ()


async def test_a_delegation_counts_from_its_start_until_its_end(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob = await user("ada"), await user("bob", Role.VIEWER)
    await granted(db, ada, bob.id, starts_at=NOON + DAY, expires_at=NOON + 3 * DAY)
    last = NOON + 3 * DAY - timedelta(microseconds=1)
    counts = [bool((await voter(db, bob, at)).rights) for at in (NOON, NOON + DAY, last)]
    assert counts == [False, True, True]
    assert not (await voter(db, bob, NOON + 3 * DAY)).rights


async def test_what_the_delegator_has_no_more_counts_no_more(
    db: Database, parts: Parts, user: Callable[..., Any]
) -> None:
    bob = await user("bob", Role.VIEWER)
    await user("root", Role.ADMIN)
    for name, change, brings_it_back in (
        ("ada", {"role": Role.REVIEWER}, {"role": Role.APPROVER}),
        ("cleo", {"status": UserStatus.DISABLED}, {"status": UserStatus.ACTIVE}),
        ("dora", {"role": Role.ADMIN}, {"role": Role.APPROVER}),  # another role than delegated
    ):
        giver = await user(name)
        made = await granted(db, giver, bob.id, key=name)
        (right,) = (await voter(db, bob)).rights
        assert right.principal == giver.id
        giver_id = UserId.parse(giver.id)
        await change_user(db, parts, a_cause(), user_id=giver_id, **change)
        assert (await voter(db, bob)).rights == (), name
        await change_user(db, parts, a_cause(), user_id=giver_id, **brings_it_back)
        assert len((await voter(db, bob)).rights) == 1
        await end_delegation(db, by(giver), delegation_id=made.id)


async def test_one_whom_another_issuer_knows_delegates_and_receives(
    db: Database, user: Callable[..., Any]
) -> None:
    eve, bob = signed_in("oidc:eve", Role.ADMIN), await user("bob", Role.VIEWER)
    await granted(db, eve, bob.id)
    assert [it.principal for it in (await voter(db, bob)).rights] == ["oidc:eve"]
    dan = signed_in("oidc:dan", Role.VIEWER)
    await granted(db, eve, "oidc:dan", key="k-2")
    assert [it.principal for it in (await voter(db, dan)).rights] == ["oidc:eve"]


async def test_a_key_uses_what_was_delegated_to_its_person_only_if_it_may_approve(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob = await user("ada", Role.ADMIN), await user("bob")
    await granted(db, ada, bob.id)
    narrow = Actor(
        "key_1", frozenset({Permission.READ_PAYMENTS}), role="approver", person_id=bob.id
    )
    assert (await voter(db, narrow)).rights == ()
    wide = Actor("key_2", PERMISSIONS[Role.APPROVER], role="approver", person_id=bob.id)
    assert [it.principal for it in (await voter(db, wide)).rights] == [bob.id, ada.id]


async def test_only_ones_own_right_is_delegated_and_only_in_person(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob, cleo = await user("ada"), await user("bob", Role.VIEWER), await user("cleo")
    await granted(db, ada, bob.id)
    with pytest.raises(PermissionMissing):
        await granted(db, bob, cleo.id, key="k-2")  # what he was given he cannot hand on
    for key in (
        Actor("key_1", PERMISSIONS[Role.APPROVER], role="approver", person_id=ada.id),
        Actor("key_2", PERMISSIONS[Role.APPROVER], role="approver"),
        SYSTEM,
    ):
        with pytest.raises(NotInPerson):
            await granted(db, key, bob.id, key="k-3")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON + 90 * DAY + timedelta(seconds=1)}, "expires_at"),
        ({"starts_at": NOON - timedelta(seconds=1)}, "starts_at"),
        ({"starts_at": NOON + 366 * DAY, "expires_at": NOON + 367 * DAY}, "starts_at"),
        ({"limit": Money(0, "EUR")}, "amount_max_minor"),
        ({"limit": Money(-1, "EUR")}, "amount_max_minor"),
    ],
    ids=str,
)
async def test_a_delegation_that_makes_no_sense_is_refused(
    db: Database, user: Callable[..., Any], changes: dict[str, Any], field: str
) -> None:
    ada, bob = await user("ada"), await user("bob")
    with pytest.raises(DelegationInvalid, match=f"^{field}: "):
        await granted(db, ada, bob.id, **changes)
    # The key is free: a corrected request may use it.
    assert (await granted(db, ada, bob.id)).delegate == bob.id


async def test_the_delegate_is_somebody_else_who_can_sign_in(
    db: Database, parts: Parts, user: Callable[..., Any]
) -> None:
    ada, bob = await user("ada"), await user("bob")
    await change_user(
        db, parts, a_cause(), user_id=UserId.parse(bob.id), status=UserStatus.DISABLED
    )
    nobody = "usr_01jf0000000000000000000000"
    for receiver in (
        ada.id,
        bob.id,
        nobody,
        "key_1",
        "system",
        "oidc:",
        "oidc:é",
        "oidc:" + 256 * "x",
    ):
        with pytest.raises(DelegationInvalid, match=r"^delegate: "):
            await granted(db, ada, receiver)


async def test_the_same_key_again_grants_once(db: Database, user: Callable[..., Any]) -> None:
    ada, bob = await user("ada"), await user("bob")
    wanted = NewDelegation(delegate=bob.id, reason="On leave.", expires_at=NOON + DAY)

    def render(it: Delegation) -> bytes:
        return str(it.id).encode()

    async def once(giver: Actor = ada, wanted: NewDelegation = wanted) -> Any:
        return await delegate(db, by(giver), wanted=wanted, key="same", render=render)

    outcomes = await asyncio.gather(*(once() for _ in range(4)))
    assert sorted(it.replayed for it in outcomes) == [False, True, True, True]
    assert len({it.answer.body for it in outcomes}) == 1
    other = msgspec.structs.replace(wanted, reason="Ill.")
    with pytest.raises(KeyReused) as refusal:
        await once(wanted=other)
    assert refusal.value.extra["fields"] == ["reason"]
    with pytest.raises(KeyReused):
        await once(await user("cleo"))
    assert len((await voter(db, bob)).rights) == 2


async def test_giver_receiver_and_who_manages_users_end_it_and_nobody_else(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob, cleo = await user("ada"), await user("bob"), await user("cleo")
    root = await user("root", Role.ADMIN)
    for number, ender in enumerate((ada, bob, root)):
        made = await granted(db, ada, bob.id, key=f"k-{number}")
        with pytest.raises(NoSuchDelegation):
            await end_delegation(db, by(cleo), delegation_id=made.id)
        ended = await end_delegation(db, by(ender, NOON + DAY), delegation_id=made.id)
        assert (ended.ended_by, ended.ended_at) == (ender.id, NOON + DAY)
        again = await end_delegation(db, by(ada, NOON + 2 * DAY), delegation_id=made.id)
        assert again == ended
        assert len((await voter(db, bob, NOON + DAY)).rights) == 1
        async with db.snapshot() as tx:
            told = await history(tx, str(made.id))
        assert [it.type for it in told] == ["delegation.granted", "delegation.ended"]
    with pytest.raises(NotFound):
        await end_delegation(db, by(root), delegation_id=DelegationId.new(NOON))


async def test_everybody_sees_theirs_and_who_manages_users_all(
    db: Database, user: Callable[..., Any]
) -> None:
    ada, bob, cleo = await user("ada"), await user("bob"), await user("cleo")
    root = await user("root", Role.ADMIN)
    first = await granted(db, ada, bob.id, key="k-1")
    second = await granted(db, bob, cleo.id, key="k-2", at=NOON + DAY)
    third = await granted(db, cleo, ada.id, key="k-3", at=NOON + 2 * DAY)
    later = NOON + 7 * DAY + timedelta(hours=1)  # the first is over

    async def listed(actor: Actor, only_open: bool = False) -> list[DelegationId]:
        found: list[DelegationId] = []
        cursor: str | None = None
        while True:
            page = await list_delegations(
                db, by(actor, later), only_open=only_open, cursor=cursor, limit=1
            )
            found += [it.id for it in page.items]
            if (cursor := page.next_cursor) is None:
                return found

    assert await listed(ada) == [third.id, first.id]
    assert await listed(bob) == [second.id, first.id]
    assert await listed(root) == [third.id, second.id, first.id]
    assert await listed(root, only_open=True) == [third.id, second.id]


async def test_votes_come_back_as_they_were(db: Database) -> None:
    plain = a_vote("usr_ada")
    delegated = a_vote(
        "usr_bob", "admin", "usr_cleo", delegation_id=DelegationId.new(NOON), comment="Seen.",
        carried_from=a_subject().id, at=NOON + DAY,
    )  # fmt: skip
    async with db.transaction() as tx:
        await store.insert_votes(tx, [])
        await store.insert_votes(tx, [delegated, plain])
    async with db.snapshot() as tx:
        found = await store.votes_of(tx, [a_subject().id, DelegationId.new(NOON)])
    assert found == {a_subject().id: [plain, delegated]}


@pytest.mark.parametrize(
    "second", [a_vote("usr_ada", principal="usr_x"), a_vote("usr_y", principal="usr_ada")],
    ids=["person", "principal"],
)  # fmt: skip
async def test_of_two_at_once_for_one_right_or_person_the_database_keeps_one(
    db: Database, second: Vote
) -> None:
    async def insert(vote: Vote) -> bool:
        async with db.transaction() as tx:
            await store.insert_votes(tx, [vote])
        return True

    outcomes = await asyncio.gather(
        insert(a_vote("usr_ada")), insert(second), return_exceptions=True
    )
    (refused,) = [it for it in outcomes if it is not True]
    assert isinstance(refused, Exception)
    assert is_duplicate(refused)
