"""Users and keys: nobody hands out what they do not have, and an administrator is always left."""

import asyncio

import pytest
from tests.identity.conftest import NOW, PASSWORD, People

from paywright.core.actor import Actor, Permission, PermissionMissing
from paywright.identity.authenticate import authenticate
from paywright.identity.change_password import NotAUser, change_own_password, set_password
from paywright.identity.change_user import (
    LastAdmin,
    OwnRole,
    change_user,
    disable_development_users,
)
from paywright.identity.grant import RoleTooPowerful, ScopesTooWide
from paywright.identity.manage import create_key
from paywright.identity.model import User, UserStatus
from paywright.identity.passwords import WeakPassword
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.users import DEVELOPMENT, EmailTaken, create_user, list_users

# What an administrator narrowed a key to: it may manage users, and no more.
CLERK = Actor("key_clerk", frozenset({Permission.MANAGE_USERS, Permission.MANAGE_KEYS}))


def acting(user: User) -> Actor:
    return Actor(id=str(user.id), permissions=PERMISSIONS[user.role])


async def test_an_address_is_one_users_however_it_is_written(people: People) -> None:
    await people.user("Ada@Example.com")
    for same in ("ada@example.com", " ADA@EXAMPLE.COM", "\uff41da@example.com"):
        with pytest.raises(EmailTaken):
            await people.user(same)
    made = await asyncio.gather(
        *(people.user("bob@example.com") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(it, EmailTaken) for it in made) == 3


async def test_a_weak_password_makes_no_user(people: People) -> None:
    cause = people.cause()
    with pytest.raises(WeakPassword):
        await create_user(
            people.db,
            people.parts,
            cause,
            email="ada@example.com",
            name="Ada",
            role=Role.VIEWER,
            password="ada@example.com",
        )
    assert not (await list_users(people.db, people.parts, cause, cursor=None, limit=9)).items


@pytest.mark.parametrize("role", list(Role))
async def test_nobody_gives_more_than_they_have(people: People, role: Role) -> None:
    cause = people.cause(0, CLERK)
    with pytest.raises(RoleTooPowerful):
        await create_user(
            people.db,
            people.parts,
            cause,
            email="new@example.com",
            name="New",
            role=role,
            password=PASSWORD,
        )
    with pytest.raises(RoleTooPowerful) as refused:
        await create_key(people.db, cause, name="k", role=role, scopes=frozenset())
    assert refused.value.extra["missing"]
    mighty = await people.user(role=role)
    for change in ({"role": Role.ADMIN}, {"status": UserStatus.DISABLED}, {"name": "x"}):
        with pytest.raises(RoleTooPowerful):
            await change_user(people.db, people.parts, cause, user_id=mighty.id, **change)
    # Whose password one sets, that one can be.
    with pytest.raises(RoleTooPowerful):
        await set_password(
            people.db, people.parts, cause, user_id=mighty.id, password="four red foxes sleep"
        )
    assert await people.sign_in()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
async def test_only_administrators_manage_users_and_keys(people: People, role: Role) -> None:
    user = await people.user(role=role)
    cause = people.cause(0, acting(user))
    for attempt in (
        change_user(people.db, people.parts, cause, user_id=user.id, role=Role.ADMIN),
        set_password(people.db, people.parts, cause, user_id=user.id, password=PASSWORD),
        list_users(people.db, people.parts, cause, cursor=None, limit=1),
        create_key(people.db, cause, name="k", role=Role.VIEWER),
    ):
        with pytest.raises(PermissionMissing):
            await attempt


async def test_nobody_changes_their_own_role(people: People) -> None:
    ada = await people.user(role=Role.ADMIN)
    await people.user("bob@example.com", role=Role.ADMIN)
    cause = people.cause(0, acting(ada))
    with pytest.raises(OwnRole):
        await change_user(people.db, people.parts, cause, user_id=ada.id, role=Role.VIEWER)
    renamed = await change_user(people.db, people.parts, cause, user_id=ada.id, name="Ada T.")
    assert renamed.name == "Ada T."
    (changed,) = await people.events("user.changed")
    assert "Ada" not in str(changed["data"])


@pytest.mark.parametrize("change", [{"role": Role.OPERATOR}, {"status": UserStatus.DISABLED}])
async def test_the_last_administrator_stays_one(people: People, change: dict[str, object]) -> None:
    ada = await people.user(role=Role.ADMIN)
    with pytest.raises(LastAdmin):
        await change_user(people.db, people.parts, people.cause(), user_id=ada.id, **change)
    bob = await people.user("bob@example.com", role=Role.ADMIN)
    # Each takes the other away at the same moment: one of them remains.
    answers = await asyncio.gather(
        change_user(people.db, people.parts, people.cause(1), user_id=ada.id, **change),
        change_user(people.db, people.parts, people.cause(1), user_id=bob.id, **change),
        return_exceptions=True,
    )
    assert sum(isinstance(it, LastAdmin) for it in answers) == 1
    assert sum(isinstance(it, User) for it in answers) == 1


async def test_the_user_of_a_development_file_is_disabled_for_production(people: People) -> None:
    made = await create_user(
        people.db,
        people.parts,
        people.cause(),
        email="dev@example.com",
        name="Development",
        role=Role.ADMIN,
        password=PASSWORD,
        created_by=DEVELOPMENT,
    )
    assert await disable_development_users(people.db, people.parts, people.cause(1)) == [made.id]
    assert await disable_development_users(people.db, people.parts, people.cause(2)) == []


async def test_scopes_narrow_a_key(people: People) -> None:
    scopes = frozenset({Permission.READ_ISSUES})
    _, secret = await create_key(
        people.db, people.cause(), name="narrow", role=Role.OPERATOR, scopes=scopes
    )
    caller = await authenticate(people.db, people.parts, secret, at=NOW)
    assert caller.actor.permissions == scopes
    with pytest.raises(PermissionMissing):
        caller.actor.require(Permission.MOVE_MONEY)
    with pytest.raises(ScopesTooWide):
        await create_key(
            people.db,
            people.cause(),
            name="wide",
            role=Role.VIEWER,
            scopes=frozenset({Permission.MOVE_MONEY}),
        )


async def test_a_key_has_no_password(people: People) -> None:
    key, secret = await create_key(people.db, people.cause(), name="k", role=Role.ADMIN)
    caller = await authenticate(people.db, people.parts, secret, at=NOW)
    assert caller.subjects == (str(key.id),)
    with pytest.raises(NotAUser):
        await change_own_password(
            people.db, people.parts, people.cause(0, caller.actor), current="x", new=PASSWORD
        )
