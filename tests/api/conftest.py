"""The API in this process, over a database of the test's own with the sample data in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY

from paywright.api.app import create_api
from paywright.cli import prepare
from paywright.core.ids import IssueId
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.issues.decide import decide_issues
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient


@pytest.fixture
def settings() -> Settings:
    return Settings(encryption_key=TEST_KEY, rate_limit_max=0)


@pytest.fixture
async def app(database_url: str, settings: Settings) -> AsyncIterator[App]:
    built = await build(settings, url=database_url, application="test")
    await prepare.ensure_rules(built)
    await prepare.load_samples(built)
    yield built
    await built.close()


@pytest.fixture
async def client_of(app: App) -> AsyncIterator[Callable[[Role | None], Awaitable[Client]]]:
    """A client with a key of a role; None: without one."""
    transport = httpx2.ASGITransport(create_api(app), raise_app_exceptions=False)
    clients: list[Client] = []

    async def client_of(role: Role | None) -> Client:
        headers = {}
        if role is not None:
            _, secret = await create_key(
                app.db, prepare.system_cause(), name=f"test {role}", role=role
            )
            headers = {"Authorization": f"Bearer {secret}"}
        clients.append(Client(transport=transport, base_url="http://test", headers=headers))
        return clients[-1]

    yield client_of
    for client in clients:
        await client.aclose()


@pytest.fixture
async def api(client_of: Callable[[Role | None], Awaitable[Client]]) -> Client:
    """A client that may do everything."""
    return await client_of(Role.ADMIN)


@pytest.fixture
def decide(app: App) -> Callable[..., Awaitable[None]]:
    """Decide issues here and now, as the worker would."""

    async def decide(*ids: str) -> None:
        cause = prepare.system_cause()
        asked = [(cause, IssueId.parse(issue_id)) for issue_id in ids]
        await decide_issues(app.db, app.issue_rules, asked, defaults=app.thresholds)

    return decide


@pytest.fixture
def opened(api: Client) -> Callable[..., Awaitable[str]]:
    """Open an issue and return its id."""
    count = 0

    async def opened(body: dict[str, Any]) -> str:
        nonlocal count
        count += 1
        answer = await api.post(
            "/api/v1/issues", json=body, headers={"Idempotency-Key": f"test-{count}"}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return opened
