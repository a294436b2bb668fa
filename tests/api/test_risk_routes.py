"""Risk over HTTP: who reads it, what it looks like, what is refused."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.risk.risk_building import a_movement, put_on_file, weigh

from paywright.core.ids import PaymentId
from paywright.identity.permissions import Role
from paywright.risk.rule_set import default_source
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
async def large(app: App) -> str:
    """A payment that was found to be high."""
    await put_on_file(app.db, "risk_1", "risk_2")
    [found] = await weigh(
        app.db, a_movement(payer="risk_1", payee="risk_2", amount_minor=1_000_001)
    )
    return str(PaymentId.of(found.payment_id))


async def test_an_assessment_says_why(api: Client, large: str) -> None:
    for path in (large, large.replace("pay_", "trf_")):
        answer = await api.get(f"/api/v1/transfers/{path}/assessment")
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["payment_id"], told["level"], told["score"]) == (large, "high", 50)
        assert [it["rule_id"] for it in told["fired"]] == ["large-amount", "very-large-amount"]
        assert told["facts"]["amount.minor"] == 1_000_001
        assert told["payer_id"] == "risk_1"
    unknown = await api.get(f"/api/v1/transfers/{PaymentId.new(datetime.now(UTC))}/assessment")
    assert (unknown.status_code, unknown.json()["title"]) == (
        404,
        "This payment was not assessed, or there is no such payment",
    )
    assert (await api.get("/api/v1/transfers/nonsense/assessment")).status_code in (400, 422)


async def test_assessments_are_listed(api: Client, large: str) -> None:
    for query, count in (("level=high", 1), ("level=low", 0), ("customer_id=risk_2", 0)):
        answer = await api.get(f"/api/v1/risk/assessments?{query}")
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == count
    for query in ("level=hgih", "cursor=!", "limit=0", "limit=201", "customer_id=%00"):
        answer = await api.get(f"/api/v1/risk/assessments?{query}")
        assert answer.status_code in (400, 422), query


async def test_an_exemption_is_granted_listed_and_ended(api: Client, large: str) -> None:
    body = {"customer_id": "risk_1", "reason": "Known to us", "expires_at": TOMORROW}
    granted = await api.post("/api/v1/risk/exemptions", json=body | {"rule_id": "large-amount"})
    assert granted.status_code == 201, granted.text
    exemption_id = granted.json()["id"]
    listed = await api.get("/api/v1/risk/exemptions?customer_id=risk_1&in_force=true")
    assert [it["id"] for it in listed.json()["items"]] == [exemption_id]
    for _ in range(2):
        ended = await api.delete(f"/api/v1/risk/exemptions/{exemption_id}")
        assert (ended.status_code, ended.json()["id"]) == (200, exemption_id)
        assert ended.json()["ended_at"] is not None
    listed = await api.get("/api/v1/risk/exemptions?in_force=true")
    assert listed.json()["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"expires_at": "2026-01-01T00:00:00"},
        {"rule_id": "sanctions-hit"},
        {"reason": ""},
        {"reason": "a\u0000b"},
        {"customer_id": "nobody"},
        {"customer_id": "x" * 65},
        {"amount_max_minor": -1, "currency": "EUR"},
        {"amount_max_minor": 2**63, "currency": "EUR"},
        {"granted_by": "somebody else"},
    ],
)
async def test_an_exemption_that_goes_too_far_is_a_problem(
    api: Client, large: str, changes: dict[str, Any]
) -> None:
    body = {"customer_id": "risk_1", "reason": "Known to us", "expires_at": TOMORROW}
    answer = await api.post("/api/v1/risk/exemptions", json=body | changes)
    assert answer.status_code == 422, answer.text
    assert (await api.get("/api/v1/risk/exemptions")).json()["items"] == []


async def test_a_dry_run_shows_what_would_change(api: Client, large: str) -> None:
    source = default_source().partition("\nexamples:")[0].replace("points: 20", "points: 5")
    answer = await api.post("/api/v1/risk/dry-runs", json={"source": source})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["assessed"], told["moves"]) == (1, {"high→low": 1})
    assert told["changes"][0]["payment_id"] == large
    assert told["changes"][0]["fired_after"][1]["points"] == 5
    for body in (
        {"source": "name: x"},
        {"source": source, "limit": 20_001},
        {"source": source, "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
    ):
        assert (await api.post("/api/v1/risk/dry-runs", json=body)).status_code == 422


async def test_risk_rules_are_loaded_and_taken_back(api: Client) -> None:
    first = await api.post("/api/v1/rules/risk", json={"source": default_source()})
    assert first.status_code == 200, first.text
    changed = default_source() + "# changed\n"
    second = await api.post("/api/v1/rules/risk", json={"source": changed})
    assert second.json()["is_activated"] is True
    version = first.json()["version"]
    back = await api.post("/api/v1/rules/risk/activate", json={"version": version})
    assert back.json()["active_version"] == version
    assert (await api.get("/api/v1/rules/risk")).json()["source"] == default_source()
    loose = default_source().replace("blocked: 100}", "blocked: 1000}")
    refused = await api.post("/api/v1/rules/risk", json={"source": loose})
    assert (refused.status_code, refused.json()["title"]) == (422, "The rule set has mistakes")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/risk/assessments", {Role.APPROVER, Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
        ("GET", "/risk/exemptions", {Role.APPROVER, Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
        ("POST", "/risk/exemptions", {Role.REVIEWER, Role.ADMIN}),
        ("POST", "/risk/dry-runs", {Role.ADMIN}),
        ("POST", "/rules/risk", {Role.ADMIN}),
    ],
)
async def test_only_who_may_gets_in(
    client_of: ClientOf, method: str, path: str, allowed: set[Role]
) -> None:
    for role in Role:
        client = await client_of(role)
        answer = await client.request(method, f"/api/v1{path}", json={})
        assert (answer.status_code != 403) == (role in allowed), role
    nobody = await client_of(None)
    assert (await nobody.request(method, f"/api/v1{path}", json={})).status_code == 401
