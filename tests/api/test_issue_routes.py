"""Issues over HTTP, from opening to review."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from tests.builders import NOON, a_decline, a_dispute

from paywright.core.ids import IssueId
from paywright.wiring import App

Client = httpx2.AsyncClient
Opened = Callable[[dict[str, Any]], Awaitable[str]]
Decide = Callable[..., Awaitable[None]]


async def post(api: Client, body: dict[str, Any], key: str = "key-1") -> httpx2.Response:
    return await api.post("/api/v1/issues", json=body, headers={"Idempotency-Key": key})


async def test_an_issue_is_opened_and_queued(api: Client, app: App) -> None:
    answer = await post(api, a_decline(priority="high"))
    assert answer.status_code == 201
    issue = answer.json()
    assert issue["status"] == "pending"
    assert issue["priority"] == "high"
    assert issue["details"] == {"error_code": "insufficient_funds", "auto_retry_count": 1}
    async with app.db.snapshot() as tx:
        jobs = await tx.fetch("select dedupe_key, priority from pgqueuer")
        events = await tx.fetch("select type, subject, actor, ip from events where type ~ '^issue'")
    assert [(row["dedupe_key"], row["priority"]) for row in jobs] == [(issue["id"], 20)]
    assert [(row["type"], row["subject"]) for row in events] == [("issue.opened", issue["id"])]


async def test_the_same_request_again_gets_the_same_answer(api: Client, app: App) -> None:
    first = await post(api, a_decline())
    again = await post(api, a_decline())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    async with app.db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from issues") == 1
        assert await tx.fetchval("select count(*) from pgqueuer") == 1


async def test_a_key_stands_for_one_request(api: Client) -> None:
    await post(api, a_decline())
    other = await post(api, a_decline(priority="low", transaction_id="txn_3310"))
    assert other.status_code == 422
    problem = other.json()
    assert problem["type"] == "/problems/key-reused"
    assert problem["fields"] == ["priority", "transaction_id"]


async def test_the_key_may_stand_in_the_body(api: Client) -> None:
    first = await api.post("/api/v1/issues", json=a_decline(idempotency_key="in-body"))
    again = await post(api, a_decline(idempotency_key="in-body"), key="in-body")
    assert first.status_code == 201
    assert again.content == first.content
    differing = await post(api, a_decline(idempotency_key="in-body"), key="other")
    assert differing.status_code == 422
    assert differing.json()["errors"][0]["field"] == "idempotency_key"


async def test_duplicates_sent_at_once_make_one_issue(api: Client, app: App) -> None:
    answers = await asyncio.gather(*(post(api, a_decline(), key=f"k{i % 5}") for i in range(60)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 5
    async with app.db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from issues") == 5


async def test_one_refused_request_does_not_touch_its_neighbours(api: Client) -> None:
    bodies = [a_decline(customer_id="cust_404") if i == 3 else a_decline() for i in range(8)]
    answers = await asyncio.gather(*(post(api, body, f"n{i}") for i, body in enumerate(bodies)))
    assert [answer.status_code for answer in answers] == [201] * 3 + [422] + [201] * 4


async def test_lists_filter_and_page(api: Client, opened: Opened, decide: Decide) -> None:
    ids = [await opened(a_decline(priority="low")) for _ in range(5)]
    dispute = await opened(a_dispute(priority="critical"))
    await decide(dispute)

    async def ids_of(**params: str) -> list[str]:
        answer = await api.get("/api/v1/issues", params=params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await ids_of() == [dispute, *reversed(ids)]
    assert await ids_of(type="dispute") == [dispute]
    assert await ids_of(status="pending") == list(reversed(ids))
    assert await ids_of(status="awaiting_review", priority="critical") == [dispute]
    assert await ids_of(customer_id="cust_217") == [dispute]
    assert await ids_of(customer_id="cust_315") == []
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/v1/issues", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [dispute, *reversed(ids)]


async def test_an_issue_tells_its_whole_history(
    api: Client, opened: Opened, decide: Decide
) -> None:
    issue_id = await opened(a_decline())
    await decide(issue_id)
    issue = (await api.get(f"/api/v1/issues/{issue_id}")).json()
    assert issue["status"] == "resolved"
    decision = issue["decision"]
    assert decision["action"] == "approve_retry"
    assert decision["routing"] == "auto_resolve"
    assert decision["policy_applied"].startswith("rules:decline/")
    assert len(decision["policy_version"]) == 12
    assert decision["inputs"]["transaction"]["known"] is True
    assert decision["inputs"]["customer"]["open_issues"] == 0
    # Promised, and nothing more: nobody executes actions yet.
    assert issue["action"]["status"] == "requested"
    assert [event["type"] for event in issue["history"]] == [
        "issue.opened", "issue.processing", "issue.decided", "issue.action_requested",
    ]  # fmt: skip
    assert issue["history"][2]["before"] == {"status": "processing"}
    assert issue["history"][2]["after"] == {"status": "resolved"}
    # The machine's events carry the id of the request that the issue came with.
    assert len({event["sequence"] for event in issue["history"]}) == 4


async def test_what_is_decided_is_not_decided_again(
    api: Client, app: App, opened: Opened, decide: Decide
) -> None:
    issue_id = await opened(a_decline())
    await decide(issue_id, str(IssueId.new(NOON)))
    await decide(issue_id)
    async with app.db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from decisions") == 1
        assert await tx.fetchval("select count(*) from events where type = 'issue.decided'") == 1


async def test_an_unknown_transaction_is_never_acted_upon_alone(
    api: Client, opened: Opened, decide: Decide
) -> None:
    refund = {"reason": "defective", "days_since_purchase": 3}
    issue_id = await opened(
        a_decline(type="refund_request", transaction_id="txn_unheard_of", details=refund)
    )
    await decide(issue_id)
    issue = (await api.get(f"/api/v1/issues/{issue_id}")).json()
    assert issue["status"] == "awaiting_review"
    assert issue["action"] is None


REVIEWS = [
    ({"decision": "approve"}, "agreed", "escalate"),
    ({"decision": "approve", "action": "escalate"}, "agreed", "escalate"),
    ({"decision": "modify", "action": "approve_refund"}, "modified", "approve_refund"),
    ({"decision": "reject", "comment": "a duplicate"}, "rejected", None),
]


@pytest.mark.parametrize(("body", "outcome", "action"), REVIEWS)
async def test_a_person_decides(
    api: Client, opened: Opened, decide: Decide, body: dict[str, Any], outcome: str, action: str
) -> None:
    issue_id = await opened(a_dispute())
    await decide(issue_id)
    answer = await api.post(f"/api/v1/issues/{issue_id}/review", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["outcome"], answer.json()["action"]) == (outcome, action)
    issue = (await api.get(f"/api/v1/issues/{issue_id}")).json()
    assert issue["status"] == "resolved"
    assert issue["review"]["outcome"] == outcome
    assert (issue["action"] or {"action": None})["action"] == action
    again = await api.post(f"/api/v1/issues/{issue_id}/review", json=body)
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/already-reviewed"


CONTRADICTIONS = [
    ({"decision": "approve", "action": "reject"}, "action"),
    ({"decision": "modify"}, "action"),
    ({"decision": "modify", "action": "escalate"}, "action"),
    ({"decision": "reject", "action": "reject", "comment": "x"}, "action"),
    ({"decision": "reject"}, "comment"),
    ({"decision": "reject", "comment": "   "}, "comment"),
]


@pytest.mark.parametrize(("body", "field"), CONTRADICTIONS)
async def test_a_review_that_contradicts_itself_changes_nothing(
    api: Client, opened: Opened, decide: Decide, body: dict[str, Any], field: str
) -> None:
    issue_id = await opened(a_dispute())
    await decide(issue_id)
    answer = await api.post(f"/api/v1/issues/{issue_id}/review", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    issue = (await api.get(f"/api/v1/issues/{issue_id}")).json()
    assert (issue["status"], issue["review"]) == ("awaiting_review", None)


async def test_only_what_awaits_review_can_be_reviewed(
    api: Client, opened: Opened, decide: Decide
) -> None:
    pending = await opened(a_decline())
    for state in ("pending", "resolved"):
        answer = await api.post(f"/api/v1/issues/{pending}/review", json={"decision": "approve"})
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/not-awaiting-review"
        assert answer.json()["issue_status"] == state
        await decide(pending)


async def test_of_two_reviewers_one_wins(
    api: Client, app: App, opened: Opened, decide: Decide
) -> None:
    issue_id = await opened(a_dispute())
    await decide(issue_id)
    path = f"/api/v1/issues/{issue_id}/review"
    bodies = [{"decision": "approve"}, {"decision": "modify", "action": "reject"}] * 4
    answers = await asyncio.gather(*(api.post(path, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    async with app.db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from reviews") == 1
        assert await tx.fetchval("select count(*) from issue_actions") == 1


async def test_agreement_is_counted(api: Client, opened: Opened, decide: Decide) -> None:
    disputes = [await opened(a_dispute()) for _ in range(3)]
    declines = [await opened(a_decline())]
    await decide(*disputes, *declines)
    for issue_id, body in zip(disputes, [REVIEWS[0][0], REVIEWS[2][0]], strict=False):
        await api.post(f"/api/v1/issues/{issue_id}/review", json=body)
    report = (await api.get("/api/v1/analytics/reviews")).json()
    assert report["total"]["decided"] == 4
    assert report["total"]["auto_resolved"] == 1
    assert report["total"]["awaiting_review"] == 1
    assert report["total"]["agreement_rate"] == 0.5
    rows = {row["type"]: row for row in report["rows"]}
    assert rows["dispute"]["agreed"] == rows["dispute"]["modified"] == 1
    assert rows["dispute"]["override_rate"] == 0.5
    assert rows["decline"]["agreement_rate"] is None
    only = (await api.get("/api/v1/analytics/reviews", params={"type": "decline"})).json()
    assert [row["type"] for row in only["rows"]] == ["decline"]


async def test_a_refused_request_sent_twice_at_once_is_refused_twice(api: Client, app: App) -> None:
    body = a_decline(customer_id="cust_404")
    answers = await asyncio.gather(*(post(api, body) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {422}
    assert {answer.json()["errors"][0]["field"] for answer in answers} == {"customer_id"}
    async with app.db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from idempotency_keys") == 0
    assert (await post(api, a_decline())).status_code == 201


async def test_a_repetition_gets_its_answer_whatever_changed_meanwhile(api: Client) -> None:
    """The transaction comes on file later, as somebody else's: the first answer stands."""
    body = a_decline(transaction_id="txn_late")
    first = await post(api, body)
    late = {"customer_id": "cust_217", "status": "succeeded", "amount_minor": 100,
            "currency": "EUR", "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    assert (await api.put("/api/v1/transactions/txn_late", json=late)).status_code == 201
    again = await post(api, body)
    assert (again.status_code, again.content) == (201, first.content)
    assert (await post(api, body, key="new")).status_code == 422


async def test_somebody_elses_transaction_is_no_evidence(
    api: Client, opened: Opened, decide: Decide
) -> None:
    refund = {"reason": "defective", "days_since_purchase": 3}
    issue_id = await opened(
        a_decline(type="refund_request", transaction_id="txn_late", details=refund)
    )
    late = {"customer_id": "cust_217", "status": "succeeded", "amount_minor": 100,
            "currency": "EUR", "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    await api.put("/api/v1/transactions/txn_late", json=late)
    await decide(issue_id)
    issue = (await api.get(f"/api/v1/issues/{issue_id}")).json()
    assert issue["decision"]["inputs"]["transaction"]["known"] is False
    assert issue["status"] == "awaiting_review"
