"""What is revoked in one process is refused by the next request in another, and yet nobody is
looked up for each request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx2
import pytest
from litestar import Litestar
from tests.builders import TEST_KEY

from paywright.api.app import create_litestar
from paywright.api.edge import Edge
from paywright.cli import prepare
from paywright.db.pool import Database
from paywright.identity.manage import create_key, revoke_key
from paywright.identity.permissions import Role
from paywright.identity.revoked import EVERYTHING, announce
from paywright.identity.users import create_user
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
PASSWORD = "three grey herons wade"
SIGN_IN = {"email": "ada@example.com", "password": PASSWORD}
Start = Callable[[], Awaitable[Client]]


async def living(inner: Litestar) -> Callable[[], Awaitable[None]]:
    """Start the application as a server does, in a task of its own; what stops it."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with inner.lifespan():
            started.set()
            await stop.wait()

    task = asyncio.create_task(live())
    await started.wait()

    async def end() -> None:
        stop.set()
        await task

    return end


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[Start]:
    """Starts one API more over the same database, with a pool and a doorkeeper of its own."""
    async with AsyncExitStack() as stack:

        async def start() -> Client:
            settings = Settings(
                encryption_key=TEST_KEY, rate_limit_max=0, login_rate_limit_max=1000
            )
            app = await build(settings, url=database_url, application="test-api")
            stack.push_async_callback(app.close)
            inner = create_litestar(app)
            stack.push_async_callback(await living(inner))
            transport = httpx2.ASGITransport(Edge(inner), raise_app_exceptions=False)
            client = Client(transport=transport, base_url="http://test")
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    settings = Settings(encryption_key=TEST_KEY)
    built = await build(settings, url=database_url, application="test")
    await create_user(
        built.db,
        built.identity,
        prepare.system_cause(),
        email=SIGN_IN["email"],
        name="Ada",
        role=Role.ADMIN,
        password=PASSWORD,
    )
    yield built
    await built.close()


async def signed_in(client: Client) -> dict[str, str]:
    answer = await client.post("/api/v1/sessions", json=SIGN_IN)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def status(client: Client, headers: dict[str, str]) -> int:
    return (await client.get("/api/v1/me", headers=headers)).status_code


async def soon_refused(client: Client, headers: dict[str, str]) -> bool:
    """Within the milliseconds that an announcement takes; a cache would last a minute."""
    for _ in range(50):
        if await status(client, headers) == 401:
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.parametrize("way", ["sign out", "end session", "disable", "password", "all"])
async def test_a_session_that_ends_here_is_over_there(app: App, processes: Start, way: str) -> None:
    here, there = await processes(), await processes()
    headers = await signed_in(here)
    boss = await here.post(
        "/api/v1/users",
        headers=headers,
        json={"email": "boss@example.com", "name": "Boss", "role": "admin", "password": PASSWORD},
    )
    assert boss.status_code == 201, boss.text
    me = (await here.get("/api/v1/me", headers=headers)).json()
    for _ in range(3):
        assert await status(here, headers) == 200
        assert await status(there, headers) == 200  # known there by now
    requests: dict[str, Any] = {
        "sign out": ("DELETE", "/api/v1/sessions/current", None),
        "end session": ("DELETE", f"/api/v1/sessions/{me['session_id']}", None),
        "disable": ("PATCH", f"/api/v1/users/{me['id']}", {"status": "disabled"}),
        "password": ("POST", f"/api/v1/users/{me['id']}/password", {"password": "red fox den 7"}),
        "all": ("DELETE", f"/api/v1/users/{me['id']}/sessions", None),
    }
    method, path, body = requests[way]
    answer = await here.request(method, path, headers=headers, json=body)
    assert answer.status_code in (200, 204), answer.text
    assert await status(here, headers) == 401  # at once
    assert await soon_refused(there, headers)
    assert (await there.get("/api/v1/me", headers=headers)).json()["type"].endswith("token-invalid")


async def test_a_role_that_is_taken_away_counts_there_at_once(app: App, processes: Start) -> None:
    here, there = await processes(), await processes()
    admin = await signed_in(here)
    body = {"email": "bob@example.com", "name": "Bob", "role": "admin", "password": PASSWORD}
    bob_id = (await here.post("/api/v1/users", headers=admin, json=body)).json()["id"]
    answer = await there.post(
        "/api/v1/sessions", json={"email": "bob@example.com", "password": PASSWORD}
    )
    bob = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await there.get("/api/v1/users", headers=bob)).status_code == 200
    path = f"/api/v1/users/{bob_id}"
    changed = await here.patch(path, headers=admin, json={"role": "viewer"})
    assert changed.json()["role"] == "viewer"
    for _ in range(50):
        if (await there.get("/api/v1/users", headers=bob)).status_code == 403:
            break
        await asyncio.sleep(0.01)
    assert (await there.get("/api/v1/users", headers=bob)).status_code == 403
    assert await status(there, bob) == 200


async def test_a_key_that_is_revoked_elsewhere_is_refused(app: App, processes: Start) -> None:
    there = await processes()
    key, secret = await create_key(app.db, prepare.system_cause(), name="k", role=Role.VIEWER)
    headers = {"X-API-Key": secret}
    assert await status(there, headers) == 200
    await revoke_key(app.db, prepare.system_cause(), key_id=key.id)
    assert await soon_refused(there, headers)


async def forge_silently(db: Database) -> None:
    """End everything in the database without telling anybody."""
    async with db.transaction() as tx:
        await tx.execute("update sessions set ended_at = now(), ended_why = 'signed_out'")


async def test_who_is_known_is_not_looked_up_again_until_nothing_is_heard_any_more(
    app: App, processes: Start
) -> None:
    there = await processes()
    headers = await signed_in(there)
    assert await status(there, headers) == 200
    await forge_silently(app.db)
    assert await status(there, headers) == 200  # remembered: no query was made
    async with app.db.transaction() as tx:
        cut = await tx.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where query in "
            "('select 1', 'LISTEN \"paywright_revoked\"') and application_name = 'test-api' "
            "and datname = current_database()"
        )
    assert cut
    assert await soon_refused(there, headers)  # it asks the database each time


async def test_it_hears_again_after_the_line_was_cut(app: App, processes: Start) -> None:
    there = await processes()
    headers = await signed_in(there)
    async with app.db.transaction() as tx:
        await tx.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where "
            "application_name = 'test-api' and datname = current_database()"
        )
    for _ in range(300):
        await asyncio.sleep(0.02)
        if await status(there, headers) == 200:
            async with app.db.snapshot() as tx:
                if await tx.fetchval(
                    "select count(*) from pg_stat_activity where query = 'select 1' "
                    "and application_name = 'test-api' and datname = current_database()"
                ):
                    break
    assert await status(there, headers) == 200
    await forge_silently(app.db)
    assert await status(there, headers) == 200  # remembered again
    async with app.db.transaction() as tx:
        await announce(tx, EVERYTHING)
    assert await soon_refused(there, headers)


async def test_without_a_listener_every_request_asks(app: App) -> None:
    transport = httpx2.ASGITransport(Edge(create_litestar(app)), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://test") as client:
        headers = await signed_in(client)
        assert await status(client, headers) == 200
        await forge_silently(app.db)
        assert await status(client, headers) == 401


async def test_an_announcement_that_is_rolled_back_says_nothing(app: App, processes: Start) -> None:
    there = await processes()
    headers = await signed_in(there)
    assert await status(there, headers) == 200
    await forge_silently(app.db)
    with suppress(RuntimeError):
        async with app.db.transaction() as tx:
            await announce(tx, EVERYTHING)
            raise RuntimeError
    await asyncio.sleep(0.1)
    assert await status(there, headers) == 200
