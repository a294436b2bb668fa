"""Who gets in, how often, and what the answers carry."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from litestar.handlers import HTTPRouteHandler
from tests.builders import TEST_KEY, a_decline

from paywright.api.app import create_api, create_litestar
from paywright.api.auth import PUBLIC
from paywright.core.actor import Permission
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
OPEN = {"/health", "/health/ready", "/metrics", "/docs", "/openapi.json", "/problems/{code:str}"}


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


@pytest.mark.parametrize("role", list(Role))
async def test_roles_do_what_the_table_says(client_of: ClientOf, role: Role) -> None:
    client = await client_of(role)
    attempts = {
        Permission.READ_ISSUES: client.get("/api/v1/issues"),
        Permission.OPEN_ISSUES: client.post(
            "/api/v1/issues", json=a_decline(), headers={"Idempotency-Key": "k"}
        ),
        Permission.READ_KEYS: client.get("/api/v1/keys"),
        Permission.MANAGE_JOBS: client.post("/api/v1/jobs/dead/requeue", json={}),
        Permission.READ_RULES: client.get("/api/v1/rules/issues"),
        Permission.MANAGE_RULES: client.post("/api/v1/rules/issues", json={"source": "x"}),
    }
    for permission, attempt in attempts.items():
        answer = await attempt
        assert (answer.status_code != 403) == (permission in PERMISSIONS[role]), permission


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
