"""Providers over HTTP: how they are doing, what they were asked, their circuit breakers."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from tests.builders import TEST_KEY
from tests.gateway.answering import answering, http
from tests.gateway.gateway_calls_on_file import put_calls_on_file

from paywright.api.app import create_api
from paywright.cli.prepare import system_cause
from paywright.core.ids import PaymentId
from paywright.gateway.model import Approved, Declined, Lost, OrderKind, Why
from paywright.gateway.reword import OpenAICompatible
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
OK = Approved("bank_1")
TIMEOUT = Lost(why=Why.TIMEOUT)
FAILED = Lost(why=Why.SERVER_ERROR)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url="http://127.0.0.1:9/v1",
        partner_bank_token="t",
        backup_bank_url="http://127.0.0.1:9/v1",
        backup_bank_token="t",
    )


@pytest.fixture
async def payments(app: App) -> list[PaymentId]:
    """Six attempts of a moment ago, two of which failed, and one that is under way."""
    at = datetime.now(UTC) - timedelta(seconds=20)
    return await put_calls_on_file(
        app.db, "partner_bank", [OK], [TIMEOUT, FAILED, OK], [Declined("AC04", "x")], [OK], [],
        at=at,
    )  # fmt: skip


async def test_the_status_has_breaker_and_window(api: Client, payments: list[PaymentId]) -> None:
    answer = await api.get("/api/v1/providers/status")
    assert answer.status_code == 200, answer.text
    bank, backup = answer.json()["items"]
    assert (bank["name"], bank["handles"]) == ("partner_bank", ["payout"])
    changed_at = bank["breaker"].pop("changed_at")
    assert changed_at.endswith("Z")
    assert bank["breaker"] == {
        "state": "closed", "forced": None, "forced_by": None, "forced_why": None,
        "open_until": None, "failures_in_a_row": 0,
    }  # fmt: skip
    assert bank["window"] == {
        "seconds": 60,
        "attempts": 6,
        "failed": 2,
        "failure_rate": 0.3333,
        "latency_median_ms": 100,
        "latency_p95_ms": bank["window"]["latency_p95_ms"],
        "outcomes": {"approved": 3, "declined": 1, "lost": 2},
        "lost": {"server_error": 1, "timeout": 1},
    }
    assert 200 < bank["window"]["latency_p95_ms"] <= 300
    assert backup["name"] == "backup_bank"
    assert (backup["breaker"]["state"], backup["breaker"]["changed_at"]) == ("closed", None)
    assert (backup["window"]["attempts"], backup["window"]["failure_rate"]) == (0, 0.0)
    assert backup["window"]["latency_median_ms"] is None


async def test_attempts_are_listed_page_by_page(
    app: App, api: Client, payments: list[PaymentId]
) -> None:
    at = datetime.now(UTC)
    [charge] = await put_calls_on_file(
        app.db, "partner_bank", [Lost(why=Why.UNREACHABLE, sent=False)], at=at,
        kind=OrderKind.REFUND,
    )  # fmt: skip
    found, cursor = [], ""
    for _ in range(8):
        answer = await api.get(f"/api/v1/providers/partner_bank/attempts?limit=1{cursor}")
        assert answer.status_code == 200, answer.text
        [item] = answer.json()["items"]
        found.append(item)
        cursor = f"&cursor={answer.json()['next_cursor']}"
    assert answer.json()["next_cursor"] is None
    refund = found[0]
    assert (refund["payment_id"], refund["kind"]) == (str(charge), "refund")
    assert refund["refund_id"].startswith("rfd_")
    assert (refund["outcome"], refund["code"]) == ("unsent", "unreachable")
    assert all(it["refund_id"] is None for it in found[1:])
    assert {it["payment_id"] for it in found[1:]} == set(map(str, payments))
    tries = [it for it in found if it["payment_id"] == str(payments[1])]
    assert [(it["seq"], it["outcome"], it["code"], it["latency_ms"]) for it in tries] == [
        (3, "approved", None, 300),
        (2, "lost", "server_error", 200),
        (1, "lost", "timeout", 100),
    ]
    assert {(it["call"], it["breaker"]) for it in found} == {("submit", "closed")}
    under_way = [it for it in found if it["ended_at"] is None]
    assert [(it["payment_id"], it["outcome"]) for it in under_way] == [(str(payments[4]), None)]
    whole = await api.get("/api/v1/providers/partner_bank/attempts?limit=8")
    assert whole.json() == {"items": found, "next_cursor": None}


async def test_the_summary_tells_what_happened(api: Client, payments: list[PaymentId]) -> None:
    answer = await api.get("/api/v1/providers/summary?minutes=5")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["text"].splitlines()[0] == (
        "In the last 5 minutes 2 of 6 attempts (33 %) with 1 provider failed."
    )
    assert "partner_bank: 2 of 6 attempts (33 %) failed, most often with timeout" in told["text"]
    assert "; 1 was declined; the median latency was 100 ms." in told["text"]
    assert told["reworded"] is False
    assert told["facts"]["minutes"] == 5
    assert told["facts"]["providers"][0]["window"]["seconds"] == 300
    assert told["facts"]["providers"][0]["window"]["failed"] == 2


@pytest.fixture
async def reworded(app: App) -> Callable[[str], Awaitable[dict[str, object]]]:
    """The summary where a language model makes that of it."""
    _, secret = await create_key(app.db, system_cause(), name="reword", role=Role.ADMIN)

    async def ask(text: str) -> dict[str, object]:
        body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        async with answering(http(200, body)) as server:
            model = OpenAICompatible(url=server.url, key="k", model="m")
            transport = httpx2.ASGITransport(create_api(replace(app, reworder=model)))
            headers = {"Authorization": f"Bearer {secret}"}
            async with Client(
                transport=transport, base_url="http://test", headers=headers
            ) as client:
                answer = await client.get("/api/v1/providers/summary")
            await model.close()
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


async def test_a_model_may_choose_words_and_no_numbers(
    reworded: Callable[[str], Awaitable[dict[str, object]]],
) -> None:
    text = "During the past 10 minutes, no provider was called."
    told = await reworded(text)
    assert (told["text"], told["reworded"]) == (text, True)
    for other in ("In the last 11 minutes no provider was called.", "All 10 minutes were fine."):
        told = await reworded(other)
        assert told["text"] == "In the last 10 minutes no provider was called."
        assert told["reworded"] is False


async def test_a_breaker_is_kept_open_and_let_go(api: Client) -> None:
    path = "/api/v1/providers/backup_bank/breaker"
    reason = "Their data centre moves"
    kept = await api.post(path, json={"state": "open", "reason": reason})
    assert kept.status_code == 200, kept.text
    breaker = kept.json()["breaker"]
    assert (breaker["state"], breaker["forced"]) == ("open", "open")
    assert breaker["forced_by"].startswith("key_")
    assert breaker["forced_why"] == reason
    told = (await api.get("/api/v1/providers/summary")).json()["text"]
    assert "backup_bank: not called. Its circuit breaker has been forced open by key_" in told
    status = (await api.get("/api/v1/providers/status")).json()["items"]
    assert [it["breaker"]["forced"] for it in status] == [None, "open"]
    for _ in range(2):
        released = await api.post(path, json={"state": "automatic", "reason": "They are back"})
        assert released.status_code == 200, released.text
        assert released.json()["breaker"]["forced"] is None
        assert released.json()["breaker"]["state"] == "closed"
    closed = await api.post(path, json={"state": "closed", "reason": "We know better"})
    assert (closed.json()["breaker"]["state"], closed.json()["breaker"]["forced"]) == (
        "closed",
        "closed",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"state": "half_open", "reason": "x"},
        {"state": "open"},
        {"state": "open", "reason": ""},
        {"state": "open", "reason": " \n"},
        {"state": "open", "reason": "a\u0000b"},
        {"state": "open", "reason": "x" * 501},
        {"state": "open", "reason": "x", "by": "somebody else"},
    ],
)
async def test_a_breaker_is_not_kept_without_a_reason(api: Client, body: dict[str, str]) -> None:
    answer = await api.post("/api/v1/providers/partner_bank/breaker", json=body)
    assert answer.status_code == 422, answer.text
    status = (await api.get("/api/v1/providers/status")).json()["items"]
    assert status[0]["breaker"]["forced"] is None


async def test_a_provider_that_is_not_set_up_is_not_found(api: Client) -> None:
    body = {"state": "open", "reason": "x"}
    for answer in (
        await api.get("/api/v1/providers/stripe/attempts"),
        await api.get("/api/v1/providers/%00/attempts"),
        await api.post("/api/v1/providers/stripe/breaker", json=body),
    ):
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "query",
    [
        "summary?minutes=0", "summary?minutes=1441", "summary?minutes=x",
        "partner_bank/attempts?limit=0", "partner_bank/attempts?limit=201",
        "partner_bank/attempts?cursor=!", "partner_bank/attempts?cursor=YQ",
        # "2026-01-01T00:00:00+00:00 0123456789abcdef0123456789abcdef 40000", and without a zone
        "partner_bank/attempts?cursor=MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCAwMTIzNDU2Nzg5YWJjZGVmMDEyM"
        "zQ1Njc4OWFiY2RlZiA0MDAwMA",
        "partner_bank/attempts?cursor=MjAyNi0wMS0wMVQwMDowMDowMCAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4O"
        "WFiY2RlZiAx",
    ],
)  # fmt: skip
async def test_queries_that_make_no_sense_are_refused(api: Client, query: str) -> None:
    answer = await api.get(f"/api/v1/providers/{query}")
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "status", set(Role)),
        ("GET", "summary", set(Role)),
        ("GET", "partner_bank/attempts", set(Role)),
        ("POST", "partner_bank/breaker", {Role.OPERATOR, Role.ADMIN}),
    ],
)
async def test_only_who_may_see_or_keep_gets_in(
    client_of: ClientOf, method: str, path: str, allowed: set[Role]
) -> None:
    for role in Role:
        client = await client_of(role)
        answer = await client.request(method, f"/api/v1/providers/{path}", json={})
        assert (answer.status_code != 403) == (role in allowed), role
    nobody = await client_of(None)
    answer = await nobody.request(method, f"/api/v1/providers/{path}", json={})
    assert answer.status_code == 401
