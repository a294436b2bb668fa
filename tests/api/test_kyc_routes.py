"""KYC over HTTP: what is asked, what is decided, and who may."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx2
import pytest
from tests.builders import TEST_KEY, a_cause

from paywright.api.app import create_api
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.identity.permissions import Role
from paywright.settings import Settings, SettingsError
from paywright.wiring import App, build

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
CHECKS = "/api/v1/customers/cust_ida/kyc-checks"
KYC = "/api/v1/customers/cust_ida/kyc"


@pytest.fixture
def settings() -> Settings:
    """With a provider that nobody asks here: no worker runs."""
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        kyc_provider_url="http://127.0.0.1:9/kyc/v1",
        kyc_provider_token="t",
    )


@pytest.fixture(autouse=True)
async def customer(app: App) -> None:
    """One about whom nothing was ever asked."""
    since = datetime(2020, 1, 1, tzinfo=UTC)
    ida = Customer(id="cust_ida", customer_since=since, name="Ida Beispiel", country="AT")
    await register_customer(app.db, app.keys, a_cause(), customer=ida)


@pytest.fixture
async def alone(database_url: str, app: App) -> AsyncIterator[Client]:
    """A client of an installation without a provider, with the key of an operator."""
    without = await build(
        Settings(encryption_key=TEST_KEY, rate_limit_max=0), url=database_url, application="test"
    )
    transport = httpx2.ASGITransport(create_api(without), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://test") as client:
        yield client
    await without.close()


async def test_a_check_is_asked_for_and_decided_by_hand(api: Client) -> None:
    before = (await api.get(KYC)).json()
    assert before == {
        "customer_id": "cust_ida",
        "status": "unverified",
        "since": None,
        "expires_at": None,
        "is_present_name": True,
        "latest_check": None,
    }
    made = await api.post(CHECKS)
    assert made.status_code == 201
    check = made.json()
    assert (check["id"][:4], check["status"], check["provider"]) == (
        "kyc_", "pending", "kyc_provider",
    )  # fmt: skip
    again = await api.post(CHECKS)
    assert (again.status_code, again.json()) == (200, check)
    assert (await api.get(KYC)).json()["status"] == "pending"
    decided = await api.put(KYC, json={"status": "verified", "reason": "passport seen"})
    assert decided.status_code == 200
    body = decided.json()
    assert (body["status"], body["latest_check"]["reason"]) == ("verified", "passport seen")
    assert body["expires_at"] == body["latest_check"]["expires_at"]
    assert (await api.get(KYC)).json() == body
    listed = (await api.get(CHECKS)).json()
    assert [item["status"] for item in listed["items"]] == ["verified", "unverified"]


async def test_checks_are_listed_a_page_at_a_time(api: Client) -> None:
    for n in range(3):
        await api.put(KYC, json={"status": "rejected", "reason": f"no {n}"})
    reasons, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(CHECKS, params=params)).json()
        reasons += [item["reason"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert reasons == ["no 2", "no 1", "no 0"]
    assert (await api.get(CHECKS, params={"cursor": "nonsense"})).status_code == 422


async def test_a_customer_that_is_not_on_file(api: Client) -> None:
    for answer in (
        await api.get("/api/v1/customers/nobody/kyc"),
        await api.get("/api/v1/customers/nobody/kyc-checks"),
        await api.post("/api/v1/customers/nobody/kyc-checks"),
        await api.put(
            "/api/v1/customers/nobody/kyc", json={"status": "verified", "reason": "seen"}
        ),
    ):
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/no-such-customer"
    assert (await api.get("/api/v1/customers/no%20body/kyc")).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "verified"},
        {"status": "pending", "reason": "later"},
        {"status": "VERIFIED", "reason": "seen"},
        {"status": "verified", "reason": ""},
        {"status": "verified", "reason": "x" * 501},
        {"status": "verified", "reason": "a\0b"},
        {"status": "verified", "reason": "seen", "expires_at": "2099-01-01T00:00:00Z"},
        {"status": "verified", "reason": "seen", "customer_id": "cust_217"},
    ],
)
async def test_a_decision_that_makes_no_sense_changes_nothing(
    api: Client, body: dict[str, str]
) -> None:
    assert (await api.put(KYC, json=body)).status_code == 422
    assert (await api.get(KYC)).json()["status"] == "unverified"


async def test_without_a_provider_a_person_decides(alone: Client, client_of: ClientOf) -> None:
    operator = await client_of(Role.OPERATOR)
    alone.headers["authorization"] = operator.headers["authorization"]
    refused = await alone.post(CHECKS)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/no-kyc-provider")
    decided = await alone.put(KYC, json={"status": "rejected", "reason": "forged"})
    assert decided.json()["status"] == "rejected"


@pytest.mark.parametrize("role", Role)
async def test_who_may_see_and_who_may_decide(client_of: ClientOf, role: Role) -> None:
    client = await client_of(role)
    may = role in (Role.OPERATOR, Role.ADMIN)
    assert (await client.get(KYC)).status_code == 200
    assert (await client.get(CHECKS)).status_code == 200
    assert (await client.post(CHECKS)).status_code == (201 if may else 403)
    decided = await client.put(KYC, json={"status": "verified", "reason": "seen"})
    assert decided.status_code == (200 if may else 403)


@pytest.mark.parametrize("name", ["partner_bank", "kyc_provider"])
async def test_a_setting_of_the_outside_that_cannot_work_is_named(
    database_url: str, name: str
) -> None:
    for url, token in (("bank.example.com", "t"), ("https://bank.example.com", "")):
        settings = Settings(encryption_key=TEST_KEY, **{f"{name}_url": url, f"{name}_token": token})
        with pytest.raises(SettingsError, match=f"{name.upper()}_URL"):
            await build(settings, url=database_url, application="test")
