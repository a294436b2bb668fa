"""Signing in, users and keys over HTTP, and what comes in from those who should not."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from tests.builders import TEST_KEY

from paywright.cli import prepare
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.users import create_user
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PASSWORD = "three grey herons wade"
ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def settings() -> Settings:
    return Settings(encryption_key=TEST_KEY, rate_limit_max=0, login_rate_limit_max=1000)


async def user(app: App, email: str, role: Role) -> str:
    made = await create_user(
        app.db,
        app.identity,
        prepare.system_cause(),
        email=email,
        name="Ada Test",
        role=role,
        password=PASSWORD,
    )
    return str(made.id)


async def signed_in(client: Client, email: str = "ada@example.com") -> dict[str, Any]:
    answer = await client.post("/api/v1/sessions", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_from_signing_in_to_signing_out(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    user_id = await user(app, "ada@example.com", Role.OPERATOR)
    tokens = await signed_in(client)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["refresh_token"].startswith("rf_")
    me = (await client.get("/api/v1/me", headers=bearer(tokens))).json()
    assert me["id"] == user_id
    assert me["user"]["email"] == "ada@example.com"
    assert me["permissions"] == sorted(PERMISSIONS[Role.OPERATOR])
    body = {"refresh_token": tokens["refresh_token"]}
    fresh = (await client.post("/api/v1/sessions/refresh", json=body)).json()
    listed = (await client.get("/api/v1/sessions", headers=bearer(fresh))).json()["items"]
    assert [(it["id"], it["is_current"]) for it in listed] == [(tokens["session_id"], True)]
    gone = await client.delete("/api/v1/sessions/current", headers=bearer(fresh))
    assert (gone.status_code, gone.content) == (204, b"")
    refused = await client.get("/api/v1/me", headers=bearer(fresh))
    assert refused.status_code == 401
    assert refused.json()["type"] == "/problems/token-invalid"
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    body = {"refresh_token": fresh["refresh_token"]}
    assert (await client.post("/api/v1/sessions/refresh", json=body)).status_code == 401


async def test_others_can_verify_our_tokens(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    assert (await client.get("/.well-known/jwks.json")).json() == {"keys": []}
    await user(app, "ada@example.com", Role.VIEWER)
    token = (await signed_in(client))["access_token"]
    keys = jwt.PyJWKSet.from_dict((await client.get("/.well-known/jwks.json")).json())
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, keys[kid], algorithms=["ES256"], audience="paywright")
    assert claims["role"] == "viewer"


@pytest.mark.parametrize(
    "body",
    [
        {**ADA, "role": "admin"},
        {**ADA, "status": "active"},
        {**ADA, "user_id": "usr_1"},
        {"email": "ada@example.com"},
        {"email": ["ada@example.com"], "password": PASSWORD},
        {"email": "ada@example.com", "password": {"$ne": ""}},
        {"email": "ada@example.com", "password": ""},
        {"email": "x" * 10_000, "password": PASSWORD},
        {"email": "ada@example.com", "password": "x" * 10_000},
        [],
    ],
)
async def test_a_sign_in_takes_two_texts_and_nothing_else(
    app: App, client_of: ClientOf, body: Any
) -> None:
    await user(app, "ada@example.com", Role.VIEWER)
    answer = await (await client_of(None)).post("/api/v1/sessions", json=body)
    assert answer.status_code == 422, answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b'{"email":"ada@example.com","password":"\\ud800"}',
        b'{"email":"ada@example.com","password":"\xff"}',
        b'{"email":"ada@example.com","password":"' + b"[" * 1000,
    ],
)
async def test_broken_text_is_refused(client_of: ClientOf, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    client = await client_of(None)
    answer = await client.post("/api/v1/sessions", content=raw, headers=headers)
    assert answer.status_code == 400, answer.text


async def test_unknown_and_wrong_look_the_same(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    await user(app, "ada@example.com", Role.VIEWER)
    seen = set()
    for email in ("ada@example.com", "nobody@example.com", "\u202eada@example.com", "a\u0000b@c.d"):
        body = {"email": email, "password": "something else"}
        answer = await client.post("/api/v1/sessions", json=body)
        told = answer.json()
        told.pop("request_id")
        seen.add((answer.status_code, str(sorted(told.items())), answer.headers.get("retry-after")))
    assert len(seen) == 1
    assert seen.pop()[0] == 401


async def test_an_administrator_makes_and_changes_users(api: Client, client_of: ClientOf) -> None:
    plain = await client_of(None)
    body = {
        "email": "Zoë@example.com",
        "name": "Zoë 👩🏽‍🚀",
        "role": "viewer",
        "password": PASSWORD,
    }
    made = await api.post("/api/v1/users", json=body)
    assert made.status_code == 201, made.text
    assert PASSWORD not in made.text
    assert "argon2" not in made.text
    path = f"/api/v1/users/{made.json()['id']}"
    assert (await api.get(path)).json() == made.json()
    assert (await api.post("/api/v1/users", json=body)).status_code == 409
    changed = (await api.patch(path, json={"role": "reviewer", "name": "Zoë"})).json()
    assert (changed["role"], changed["name"]) == ("reviewer", "Zoë")
    tokens = await signed_in(plain, "zoë@EXAMPLE.com")
    sessions = (await api.get(f"{path}/sessions")).json()["items"]
    assert [it["id"] for it in sessions] == [tokens["session_id"]]
    assert (await api.delete(f"{path}/sessions")).json() == {"ended": 1}
    new = {"password": "four red foxes sleep"}
    assert (await api.post(f"{path}/password", json=new)).status_code == 204
    old = {"email": "zoë@example.com", "password": PASSWORD}
    assert (await plain.post("/api/v1/sessions", json=old)).status_code == 401
    await api.patch(path, json={"status": "disabled"})
    gone = {"email": "zoë@example.com", **new}
    assert (await plain.post("/api/v1/sessions", json=gone)).status_code == 401


async def test_users_are_listed_page_by_page(app: App, api: Client) -> None:
    made = [await user(app, f"user{i}@example.com", Role.VIEWER) for i in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/v1/users", params=query)).json()
        assert len(page["items"]) <= 2
        seen += [it["id"] for it in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)
    assert (await api.get("/api/v1/users", params={"cursor": "eA"})).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "a@b.c" + "d" * 300}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 10_000}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"role": "root"}, "role"),
        ({"role": ["admin"]}, "role"),
        ({"password": "short"}, "password"),
        ({"password": "new@example.com"}, "password"),
        ({"status": "active"}, "status"),
        ({"id": "usr_1"}, "id"),
        ({"permissions": ["users:manage"]}, "permissions"),
        ({"created_by": "system"}, "created_by"),
        ({"password_hash": "$argon2id$"}, "password_hash"),
    ],
)
async def test_a_user_that_makes_no_sense_is_not_made(
    api: Client, body: dict[str, Any], field: str
) -> None:
    good = {"email": "new@example.com", "name": "New", "role": "viewer", "password": PASSWORD}
    answer = await api.post("/api/v1/users", json={**good, **body})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.get("/api/v1/users")).json()["items"] == []


@pytest.mark.parametrize("body", [{"email": "x@y.z"}, {"id": "x"}, {"locked_until": None}])
async def test_a_change_changes_what_may_be_changed(
    app: App, api: Client, body: dict[str, Any]
) -> None:
    path = f"/api/v1/users/{await user(app, 'ada@example.com', Role.VIEWER)}"
    assert (await api.patch(path, json=body)).status_code == 422


async def test_ones_own_password_takes_the_old_one(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    await user(app, "ada@example.com", Role.VIEWER)
    headers = bearer(await signed_in(client))
    path = "/api/v1/me/password"
    wrong = {"current_password": "wrong", "new_password": "four red foxes sleep"}
    assert (await client.post(path, json=wrong, headers=headers)).status_code == 401
    weak = {"current_password": PASSWORD, "new_password": "aaaaaaaaaaaa"}
    answer = await client.post(path, json=weak, headers=headers)
    assert answer.json()["errors"][0]["field"] == "new_password"
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    right = {"current_password": PASSWORD, "new_password": "four red foxes sleep"}
    assert (await client.post(path, json=right, headers=headers)).status_code == 204
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_an_administrator_cannot_change_its_own_role(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    user_id = await user(app, "ada@example.com", Role.ADMIN)
    await user(app, "bob@example.com", Role.ADMIN)
    headers = bearer(await signed_in(client))
    path = f"/api/v1/users/{user_id}"
    answer = await client.patch(path, json={"role": "viewer"}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/own-role")


async def test_a_narrow_key_cannot_make_a_wide_one(api: Client, client_of: ClientOf) -> None:
    narrow = {"name": "clerk", "role": "admin", "scopes": ["keys:manage", "users:manage"]}
    made = (await api.post("/api/v1/keys", json=narrow)).json()
    assert sorted(made["key"]["scopes"]) == ["keys:manage", "users:manage"]
    headers = {"Authorization": f"Bearer {made['secret']}"}
    client = await client_of(None)
    assert (await client.get("/api/v1/issues", headers=headers)).status_code == 403
    wide = {"name": "wide", "role": "admin"}
    answer = await client.post("/api/v1/keys", json=wide, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/role-too-powerful")
    body = {"email": "new@example.com", "name": "New", "role": "viewer", "password": PASSWORD}
    assert (await client.post("/api/v1/users", json=body, headers=headers)).status_code == 403
    beyond = {"name": "x", "role": "viewer", "scopes": ["transfers:create"]}
    assert (await api.post("/api/v1/keys", json=beyond)).json()["errors"][0]["field"] == "scopes"
    unknown = {"name": "x", "role": "viewer", "scopes": ["everything"]}
    assert (await api.post("/api/v1/keys", json=unknown)).status_code == 422


async def test_a_key_has_neither_sessions_nor_a_password(api: Client) -> None:
    assert (await api.get("/api/v1/sessions")).json() == {"items": []}
    assert (await api.delete("/api/v1/sessions/current")).status_code == 409
    body = {"current_password": "x", "new_password": PASSWORD}
    assert (await api.post("/api/v1/me/password", json=body)).status_code == 403
    me = (await api.get("/api/v1/me")).json()
    assert me["user"] is None
    assert me["id"].startswith("key_")


async def test_somebody_elses_session_is_not_there(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    for name in ("ada", "bob"):
        await user(app, f"{name}@example.com", Role.OPERATOR)
    hers, his = await signed_in(client), await signed_in(client, "bob@example.com")
    path = f"/api/v1/sessions/{his['session_id']}"
    assert (await client.delete(path, headers=bearer(hers))).status_code == 404
    assert (await client.get("/api/v1/me", headers=bearer(his))).status_code == 200


async def test_development_has_somebody_to_sign_in_as(
    app: App, client_of: ClientOf, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    keys = await prepare.ensure_development_keys(app, file)
    made = await prepare.ensure_development_user(app, file)
    assert await prepare.ensure_development_user(app, file) == made
    assert await prepare.ensure_development_keys(app, file) == keys
    assert file.stat().st_mode & 0o077 == 0
    answer = await (await client_of(None)).post("/api/v1/sessions", json=made)
    assert answer.status_code == 201
    file.unlink()
    again = await prepare.ensure_development_user(app, file)
    assert again["password"] != made["password"]
    answer = await (await client_of(None)).post("/api/v1/sessions", json=again)
    assert answer.status_code == 201


class TestWithTheLimit:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(encryption_key=TEST_KEY, rate_limit_max=0)

    async def test_five_attempts_in_a_minute(self, client_of: ClientOf) -> None:
        client = await client_of(None)
        statuses = []
        for i in range(6):
            body = {"email": f"user{i}@example.com", "password": "guess"}
            answer = await client.post("/api/v1/sessions", json=body)
            statuses.append(answer.status_code)
        assert statuses == [401] * 5 + [429]
        assert 1 <= int(answer.headers["retry-after"]) <= 13
        assert answer.json()["type"] == "/problems/too-many-sign-ins"
