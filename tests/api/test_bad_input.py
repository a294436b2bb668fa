"""Whatever is sent, the answer is a problem that names the field, and nothing changes."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.builders import NOON, a_decline, a_dispute

from paywright.core.ids import IssueId
from paywright.identity.permissions import Role
from paywright.wiring import App

Client = httpx2.AsyncClient
HEADERS = {"Idempotency-Key": "bad-1", "Content-Type": "application/json"}


def details(**changes: Any) -> dict[str, Any]:
    return a_decline(details=a_decline()["details"] | changes)


REFUSED = [
    ("unknown type", a_decline(type="typo"), "type"),
    ("no type", {k: v for k, v in a_decline().items() if k != "type"}, "type"),
    ("details of another type", a_decline(details=a_dispute()["details"]), "details."),
    ("unknown customer", a_decline(customer_id="cust_999"), "customer_id"),
    ("somebody else's transaction", a_decline(transaction_id="txn_6103"), "transaction_id"),
    ("wrong enum", details(error_code="no_idea"), "details.error_code"),
    ("negative count", details(auto_retry_count=-1), "details.auto_retry_count"),
    ("a count that is a text", details(auto_retry_count="3"), "details.auto_retry_count"),
    ("a count with a fraction", details(auto_retry_count=1.5), "details.auto_retry_count"),
    ("a count that is a bool", details(auto_retry_count=True), "details.auto_retry_count"),
    ("huge count", details(auto_retry_count=10**30), "details.auto_retry_count"),
    ("wrong priority", a_decline(priority="urgent"), "priority"),
    ("null priority", a_decline(priority=None), "priority"),
    ("unknown field", a_decline(prioritiy="high"), "prioritiy"),
    ("unknown detail", details(errorcode="x"), "details.errorcode"),
    ("missing detail", a_decline(details={}), "details.error_code"),
    ("details that are a list", a_decline(details=[]), "details"),
    ("empty customer", a_decline(customer_id=""), "customer_id"),
    ("a customer with NUL", a_decline(customer_id="cust\0042"), "customer_id"),
    ("a transaction with a newline", a_decline(transaction_id="txn_1\n"), "transaction_id"),
    ("a body that is a list", [], "body"),
    ("a body that is null", None, "body"),
    ("negative days", a_dispute(details={"reason": "unauthorized", "days_since_purchase": -1}),
     "details.days_since_purchase"),
    ("more installments than there are",
     a_decline(type="missed_installment", details={"installment_number": 7,
               "total_installments": 6, "amount_due": 100, "days_overdue": 1}),
     "details.installment_number"),
    ("an amount of nothing",
     a_decline(type="refund_request", details={"reason": "defective", "days_since_purchase": 1,
               "partial_amount": 0}), "details.partial_amount"),
    ("an amount that no column holds",
     a_decline(type="refund_request", details={"reason": "defective", "days_since_purchase": 1,
               "partial_amount": 2**63}), "details.partial_amount"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_a_wrong_field_is_named(api: Client, app: App, body: Any, field: str) -> None:
    answer = await api.post("/api/v1/issues", content=json.dumps(body), headers=HEADERS)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["instance"] == "/api/v1/issues"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["errors"][0]["field"].startswith(field)
    await nothing_changed(app)
    # A refusal does not burn the key.
    assert (await api.post("/api/v1/issues", json=a_decline(), headers=HEADERS)).status_code == 201


UNREADABLE = [
    ("broken", b'{"type": "decline",', 400),
    ("empty", b"", 400),
    ("not UTF-8", b'{"type": "\xff"}', 400),
    ("half a surrogate pair", b'{"type": "decline", "customer_id": "\\ud800"}', 400),
    ("deep", b'{"type":' + b"[" * 100_000, 400),
    ("10 MB", b'{"type": "' + b"x" * 10_000_000 + b'"}', 413),
    ("NaN", b'{"type": NaN}', 400),
]


@pytest.mark.parametrize(("raw", "status"), [u[1:] for u in UNREADABLE],
                         ids=[u[0] for u in UNREADABLE])  # fmt: skip
async def test_an_unreadable_body_is_refused(
    api: Client, app: App, raw: bytes, status: int
) -> None:
    answer = await api.post("/api/v1/issues", content=raw, headers=HEADERS)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    await nothing_changed(app)


async def test_a_body_must_be_json(api: Client) -> None:
    answer = await api.post(
        "/api/v1/issues", content=b"a=b", headers=HEADERS | {"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


async def test_an_idempotency_key_is_needed(api: Client) -> None:
    answer = await api.post("/api/v1/issues", json=a_decline())
    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/idempotency-key-missing"
    for key in ("", "k" * 256, "schlüssel".encode()):
        answer = await api.post(
            "/api/v1/issues", json=a_decline(), headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


QUERIES = [
    ({"status": "open"}, "status"),
    ({"type": "typo"}, "type"),
    ({"priority": "1"}, "priority"),
    ({"limit": "0"}, "limit"),
    ({"limit": "201"}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"cursor": "!!"}, "cursor"),
    ({"cursor": "aXNzX25vdGFuaWQ"}, "cursor"),
    ({"customer_id": "a b"}, "customer_id"),
]


@pytest.mark.parametrize(("params", "field"), QUERIES)
async def test_a_wrong_parameter_is_named(api: Client, params: dict[str, str], field: str) -> None:
    answer = await api.get("/api/v1/issues", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("method", ["get", "post"])
async def test_unknown_and_malformed_ids_are_told_apart(api: Client, method: str) -> None:
    tail = "" if method == "get" else "/review"
    options: dict[str, Any] = {} if method == "get" else {"json": {"decision": "approve"}}
    unknown = await api.request(method, f"/api/v1/issues/{IssueId.new(NOON)}{tail}", **options)
    assert unknown.status_code == 404
    assert unknown.json()["type"] == "/problems/no-such-issue"
    malformed = await api.request(method, f"/api/v1/issues/iss_1%00{tail}", **options)
    assert malformed.status_code == 422
    assert malformed.json()["errors"][0]["field"] == "issue_id"


@pytest.mark.parametrize("body", [{}, {"decision": "maybe"}, {"decision": "approve", "x": 1},
                                  {"decision": "reject", "comment": "a\0b"}])  # fmt: skip
async def test_a_malformed_review_is_refused(api: Client, body: dict[str, Any]) -> None:
    answer = await api.post(f"/api/v1/issues/{IssueId.new(NOON)}/review", json=body)
    assert answer.status_code == 422


async def test_unknown_paths_and_methods_are_problems_too(api: Client) -> None:
    assert (await api.get("/api/v1/nothing")).json()["type"] == "/problems/no-such-path"
    answer = await api.delete("/api/v1/issues")
    assert answer.status_code == 405
    assert answer.json()["type"] == "/problems/method-not-allowed"


CUSTOMERS = [
    ({}, "customer_since"),
    ({"customer_since": "yesterday"}, "customer_since"),
    ({"customer_since": "2026-01-01T00:00:00"}, "customer_since"),
    ({"customer_since": "2026-01-01T00:00:00Z", "email": "nobody"}, "email"),
    ({"customer_since": "2026-01-01T00:00:00Z", "country": "Austria"}, "country"),
    ({"customer_since": "2026-01-01T00:00:00Z", "name": "a\0b"}, "name"),
    ({"customer_since": "2026-01-01T00:00:00Z", "phone": "0123"}, "phone"),
]


@pytest.mark.parametrize(("body", "field"), CUSTOMERS)
async def test_a_wrong_customer_is_refused(api: Client, body: dict[str, Any], field: str) -> None:
    answer = await api.put("/api/v1/customers/cust_new", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.get("/api/v1/customers/cust_new")).status_code == 404


TRANSACTIONS = [
    ({"amount_minor": 0}, "amount_minor"),
    ({"amount_minor": -5}, "amount_minor"),
    ({"amount_minor": 2**63}, "amount_minor"),
    ({"currency": "EURO"}, "currency"),
    ({"currency": "QQQ"}, "currency"),
    ({"status": "lost"}, "status"),
    ({"customer_id": "cust_404"}, "customer_id"),
]


@pytest.mark.parametrize(("changes", "field"), TRANSACTIONS)
async def test_a_wrong_transaction_is_refused(
    api: Client, changes: dict[str, Any], field: str
) -> None:
    body = {"customer_id": "cust_042", "status": "succeeded", "amount_minor": 100,
            "currency": "EUR", "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    answer = await api.put("/api/v1/transactions/txn_new", json=body | changes)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.get("/api/v1/transactions/txn_new")).status_code == 404


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("type", "customer_id", "transaction_id", "priority", "details", "idempotency_key")


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), json_values))
async def test_no_body_breaks_us(api: Client, changes: dict[str, Any]) -> None:
    raw = json.dumps(a_decline() | changes).encode("utf-8", "surrogatepass")
    answer = await api.post("/api/v1/issues", content=raw, headers=HEADERS)
    assert answer.status_code < 500, (raw, answer.text)


async def nothing_changed(app: App) -> None:
    async with app.db.snapshot() as tx:
        for table in ("issues", "pgqueuer", "idempotency_keys"):
            assert await tx.fetchval(f"select count(*) from {table}") == 0


async def test_a_reader_may_not_write(
    client_of: Callable[[Role | None], Awaitable[Client]], app: App
) -> None:
    viewer = await client_of(Role.VIEWER)
    answer = await viewer.post("/api/v1/issues", json=a_decline(), headers=HEADERS)
    assert answer.status_code == 403
    assert answer.json()["permission"] == "issues:create"
    await nothing_changed(app)
