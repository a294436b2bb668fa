"""Who gets in, how often, and what the answers carry."""

import re
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from litestar.handlers import HTTPRouteHandler
from tests.builders import TEST_KEY

from paywright.api.app import create_api, create_litestar
from paywright.api.auth import PUBLIC
from paywright.cli import prepare
from paywright.core.actor import Permission
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.users import create_user
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
OPEN = {
    "/health",
    "/health/ready",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/problems/{code:str}",
    "/.well-known/jwks.json",
    "/api/v1/sessions",
    "/api/v1/sessions/refresh",
}


def test_every_route_names_a_permission(app: App) -> None:
    public = set()
    for route in create_litestar(app).routes:
        for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)]):
            if not isinstance(handler, HTTPRouteHandler) or handler.http_methods == {"OPTIONS"}:
                continue
            wanted = handler.opt.get("permission")
            assert wanted is not None, f"{route.path} names no permission"
            if wanted == PUBLIC:
                public.add(route.path)
            else:
                Permission(wanted)
    assert {path for path in public if not path.startswith("/docs/")} == OPEN


def test_the_permissions_table() -> None:
    assert PERMISSIONS[Role.ADMIN] == frozenset(Permission)
    for role in set(Role) - {Role.ADMIN}:
        assert not PERMISSIONS[role] & {Permission.MANAGE_KEYS, Permission.MANAGE_RULES}
    assert {role for role in Role if Permission.REVIEW_ISSUES in PERMISSIONS[role]} == {
        Role.REVIEWER,
        Role.ADMIN,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer pk_" + "A" * 43},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"X-API-Key": "pk_short"},
        {"Authorization": b"Bearer \xff\xfe"},
    ],
)
async def test_a_wrong_key_is_refused(client_of: ClientOf, headers: dict[str, str]) -> None:
    client = await client_of(None)
    answer = await client.get("/api/v1/issues", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "/problems/key-invalid"


async def test_either_header_will_do(client_of: ClientOf) -> None:
    client = await client_of(Role.VIEWER)
    secret = client.headers["authorization"].removeprefix("Bearer ")
    plain = await client_of(None)
    assert (await plain.get("/api/v1/issues", headers={"X-API-Key": secret})).status_code == 200


async def test_a_key_lives_until_it_is_revoked(api: Client, client_of: ClientOf, app: App) -> None:
    made = (await api.post("/api/v1/keys", json={"name": "shop", "role": "dispatcher"})).json()
    client = await client_of(None)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await client.get("/api/v1/issues", headers=headers)).status_code == 200
    listed = (await api.get("/api/v1/keys")).json()["items"]
    assert made["key"] in listed
    assert made["secret"] not in str(listed)
    async with app.db.snapshot() as tx:
        stored = await tx.fetch("select * from api_keys")
        events = await tx.fetch("select data::text from events where type ~ '^key'")
    assert made["secret"] not in f"{stored}{events}"
    path = f"/api/v1/keys/{made['key']['id']}"
    assert (await api.delete(path)).json()["revoked_at"] is not None
    assert (await client.get("/api/v1/issues", headers=headers)).status_code == 401
    assert (await api.delete(path)).status_code == 200  # twice is once


async def test_an_expired_key_is_refused(api: Client) -> None:
    body = {"name": "old", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}
    answer = await api.post("/api/v1/keys", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "expires_at"


def _routes(app: App) -> list[tuple[str, str, str]]:
    """Method, a path with something in place of each parameter, and the permission it names."""
    found = []
    for route in create_litestar(app).routes:
        for handler in getattr(route, "route_handlers", []):
            if not isinstance(handler, HTTPRouteHandler):
                continue
            path = re.sub(r"\{\w+:\w+\}", "nothing", route.path)
            methods = set(handler.http_methods) - {"OPTIONS", "HEAD"}
            found += [(method, path, str(handler.opt.get("permission"))) for method in methods]
    return sorted(found)


@pytest.mark.parametrize("credential", ["key", "session"])
@pytest.mark.parametrize("role", list(Role))
async def test_every_role_on_every_route(
    app: App, client_of: ClientOf, role: Role, credential: str
) -> None:
    client = await client_of(role if credential == "key" else None)
    if credential == "session":
        body = {"email": f"{role}@example.com", "password": "three grey herons wade"}
        await create_user(
            app.db, app.identity, prepare.system_cause(), name="Test", role=role, **body
        )
        tokens = (await client.post("/api/v1/sessions", json=body)).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    tried = 0
    for method, path, permission in _routes(app):
        # Signing out works; and then nobody is left to try the others.
        if permission == PUBLIC or (method, path) == ("DELETE", "/api/v1/sessions/current"):
            continue
        answer = await client.request(method, path, json={"matrix": 1})
        refused = answer.status_code == 403 and answer.json().get("permission") == permission
        allowed = Permission(permission) in PERMISSIONS[role]
        assert refused != allowed, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code not in (401, 500), f"{method} {path}: {answer.text}"
        tried += 1
    assert tried > 40


async def test_without_a_credential_every_route_is_closed(app: App, client_of: ClientOf) -> None:
    client = await client_of(None)
    for method, path, permission in _routes(app):
        if permission == PUBLIC:
            continue
        answer = await client.request(method, path, json={})
        assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_other_sites_may_not_ask(api: Client) -> None:
    answer = await api.options("/api/v1/issues", headers={"Origin": "https://example.com"})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_answers_are_hardened(api: Client) -> None:
    answer = await api.get("/api/v1/issues", headers={"X-Request-Id": "mine-1"})
    headers = answer.headers
    assert headers["x-request-id"] == "mine-1"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    forged = await api.get("/api/v1/issues", headers={"X-Request-Id": "a b\t<script>"})
    assert forged.headers["x-request-id"].startswith("req_")


async def test_callers_that_ask_too_often_have_to_wait(database_url: str) -> None:
    settings = Settings(encryption_key=TEST_KEY, rate_limit_max=5, rate_limit_window_ms=60_000)
    app = await build(settings, url=database_url, application="test")
    transport = httpx2.ASGITransport(create_api(app))
    async with Client(transport=transport, base_url="http://test") as client:
        answers = [await client.get("/api/v1/issues") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].headers["ratelimit-limit"] == "5"
        assert answers[-1].headers["ratelimit-remaining"] == "0"
        assert answers[-1].json()["type"] == "/problems/rate-limited"
        # A probe must not be starved by somebody else's haste.
        assert (await client.get("/health")).status_code == 200
    await app.close()
