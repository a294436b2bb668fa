"""Who stands behind a credential: two keys of one person are not four eyes."""

from datetime import timedelta

import pytest
from tests.builders import a_cause
from tests.identity.conftest import NOW, PASSWORD, People

from paywright.core.actor import SYSTEM, Actor, Permission
from paywright.core.cause import Cause
from paywright.core.errors import Unauthenticated
from paywright.identity.authenticate import authenticate
from paywright.identity.manage import DEVELOPMENT, create_key, list_keys, revoke_key
from paywright.identity.permissions import PERMISSIONS, Role

LATER = NOW + timedelta(seconds=5)


async def who(people: People, credential: str) -> Actor:
    return (await authenticate(people.db, people.parts, credential, at=LATER)).actor


async def a_key(
    people: People, maker: Actor, role: Role = Role.APPROVER, *scopes: Permission
) -> str:
    cause: Cause = people.cause(1, actor=maker)
    _, secret = await create_key(
        people.db, cause, name="a key", role=role, scopes=frozenset(scopes)
    )
    return secret


async def signed_in(people: People, role: Role = Role.ADMIN) -> Actor:
    await people.user(role=role)
    return await who(people, (await people.sign_in()).access_token)


async def test_a_person_who_signed_in_stands_for_themselves(people: People) -> None:
    user = await people.user(role=Role.OPERATOR)
    tokens = await people.sign_in(password=PASSWORD)
    actor = await who(people, tokens.access_token)
    assert (actor.id, actor.person_id, actor.person) == (str(user.id),) * 3
    assert actor.role == "operator"


async def test_a_key_stands_for_the_person_who_made_it(people: People) -> None:
    ada = await signed_in(people)
    first = await who(people, await a_key(people, ada, Role.DISPATCHER))
    second = await who(people, await a_key(people, ada, Role.APPROVER))
    assert len({first.id, second.id, ada.id}) == 3
    assert first.person == second.person == ada.id
    assert (first.role, second.role) == ("dispatcher", "approver")


async def test_a_key_that_a_key_makes_has_the_same_person(people: People) -> None:
    ada = await signed_in(people)
    admin = await who(people, await a_key(people, ada, Role.ADMIN))
    made = await who(people, await a_key(people, admin, Role.ADMIN))
    again = await who(people, await a_key(people, made, Role.APPROVER))
    assert made.person == again.person == ada.id


async def test_a_key_of_the_command_line_stands_for_itself(people: People) -> None:
    first = await who(people, await a_key(people, SYSTEM))
    second = await who(people, await a_key(people, SYSTEM))
    assert (first.person_id, first.person) == ("", first.id)
    assert first.person != second.person


async def test_a_key_that_nobody_stands_behind_makes_no_second_pair_of_eyes(
    people: People,
) -> None:
    admin = await who(people, await a_key(people, SYSTEM, Role.ADMIN))
    made = await who(people, await a_key(people, admin, Role.ADMIN))
    again = await who(people, await a_key(people, made, Role.APPROVER))
    assert made.person == again.person == admin.person == admin.id


async def test_a_development_key_stands_for_itself(people: People) -> None:
    secret = "pk_" + "d" * 43
    for _ in range(2):
        key, _ = await create_key(
            people.db, people.cause(), name="dev", role=Role.ADMIN, secret=secret,
            created_by=DEVELOPMENT,
        )  # fmt: skip
        assert key.person is None
    assert (await who(people, secret)).person == str(key.id)


async def test_a_person_of_another_issuer_stands_behind_their_keys(people: People) -> None:
    eve = Actor("oidc:eve", PERMISSIONS[Role.ADMIN], role="admin", person_id="oidc:eve")
    assert (await who(people, await a_key(people, eve))).person == "oidc:eve"


async def test_a_narrowed_key_has_its_role_and_only_the_permissions_that_are_left(
    people: People,
) -> None:
    ada = await signed_in(people)
    scopes = (Permission.READ_PAYMENTS, Permission.READ_VENDORS)
    actor = await who(people, await a_key(people, ada, Role.ADMIN, *scopes))
    assert (actor.role, actor.permissions) == ("admin", frozenset(scopes))


async def test_the_person_of_a_key_is_listed_told_and_never_changes(people: People) -> None:
    ada = await signed_in(people)
    key, secret = await create_key(
        people.db, people.cause(1, actor=ada), name="a key", role=Role.VIEWER
    )
    assert [it.person for it in await list_keys(people.db, a_cause())] == [ada.id]
    (event,) = await people.events("key.created")
    assert f'"person": "{ada.id}"' in str(event["data"])
    revoked = await revoke_key(people.db, people.cause(2), key_id=key.id)
    assert revoked.person == ada.id
    with pytest.raises(Unauthenticated):
        await who(people, secret)
