"""Vendor payments over HTTP: entered, looked at, edited, approved, rejected, canceled."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.ledger.building import a_post, moved

from paywright.api.app import create_litestar
from paywright.api.edge import Edge
from paywright.cli import prepare
from paywright.core.beneficiary import Beneficiary
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.vendors.model import Registration
from paywright.vendors.register import register_vendor
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/vendor-payments"
IBAN = "DE89370400440532013000"
BOOKED = 1_000_000


class Desk:
    """A dispatcher who enters bills of `nordlicht`, and an approver."""

    def __init__(self, app: App, clerk: Client, approver: Client) -> None:
        self.app, self.clerk, self.approver = app, clerk, approver

    async def enter(self, key: str = "k-1", **changes: Any) -> httpx2.Response:
        minor = changes.get("amount_minor", 12_000)
        body = {
            "vendor_id": "nordlicht",
            "amount_minor": minor,
            "currency": "EUR",
            "payer_type": "driver",
            "lines": [{"description": "Towing", "quantity": 1, "unit_price_minor": minor}],
        }
        headers = {"Idempotency-Key": key}
        return await self.clerk.post(PATH, json=body | changes, headers=headers)

    async def entered(self, key: str = "k-1", **changes: Any) -> dict[str, Any]:
        answer = await self.enter(key, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def approve(self, payment: dict[str, Any], **changes: Any) -> httpx2.Response:
        body = {"content_hash": payment["content_hash"]} | changes
        return await self.approver.post(f"{PATH}/{payment['id']}/approve", json=body)

    async def patch(self, payment: dict[str, Any], **changes: Any) -> httpx2.Response:
        body = {"content_hash": payment["content_hash"]} | changes
        return await self.clerk.patch(f"{PATH}/{payment['id']}", json=body)

    async def see(self, payment: dict[str, Any]) -> dict[str, Any]:
        answer = await self.clerk.get(f"{PATH}/{payment['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()


async def furnish(app: App) -> None:
    """A vendor whose money leaves in files, and money that is booked for vendors."""
    cause = prepare.system_cause()
    await ensure_chart(app.db, cause, accounts=chart(["EUR"], [], ["bank_files"]))
    codes = ["vendors:payable:EUR", "opening:balances:EUR"]
    async with app.db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, codes)
        found = await accounts_store.select(tx, list(ids.values()))
    payable, opening = (found[ids[code]] for code in codes)
    await moved(app.db, a_post(opening, payable, BOOKED, at=datetime.now(UTC)))
    payout = Beneficiary(name="Nordlicht Bau GmbH", bank="bank_files", iban=IBAN)
    await register_vendor(
        app.db,
        app.keys,
        cause,
        registration=Registration(id="nordlicht", name="Nordlicht Bau", payout=payout),
        providers=app.gateway.providers,
    )


@pytest.fixture
async def desk(app: App, client_of: ClientOf) -> Desk:
    await furnish(app)
    return Desk(app, await client_of(Role.DISPATCHER), await client_of(Role.APPROVER))


async def test_a_payment_is_entered_seen_approved_and_its_trail_told(desk: Desk) -> None:
    made = await desk.entered(
        bill_number="INV-0042",
        bill_date="2026-01-02",
        incident_id="inc_7",
        work_order="WO-7",
        reference="ref-7",
        metadata={"truck": "7"},
    )
    assert (made["type"], made["status"]) == ("vendor_payment", "pending_approval")
    assert (made["approvals_needed"], made["approvals_given"], made["revision"]) == (1, 0, 1)
    seen = await desk.see(made)
    assert {name: seen[name] for name in made} == made
    assert seen["payout_account"] == "DE…3000"
    assert (seen["transitions"], seen["risk"], seen["resembled_bill"]) == ([], None, None)
    answer = await desk.approve(made, comment="checked")
    assert answer.status_code == 200, answer.text
    done = await desk.see(made)
    assert (done["status"], done["approvals_given"]) == ("processing", 1)
    assert done["votes"][0]["comment"] == "checked"
    assert [it["after"] for it in done["transitions"]] == ["processing"]
    by_approver = (await desk.approver.get(f"{PATH}/{made['id']}")).json()
    assert by_approver["risk"]["level"] == "low"
    audit = (await desk.approver.get(f"{PATH}/{made['id']}/audit")).json()
    assert audit["items"][0]["action"] == "payment.created"
    assert "approval.given" in [it["action"] for it in audit["items"]]
    assert all(it["actor"].startswith("key_") and it["ip"] for it in audit["items"])
    assert IBAN not in str((made, seen, done, by_approver, audit))


async def test_the_same_request_again_is_told_the_same(desk: Desk) -> None:
    first = await desk.enter()
    again = await desk.enter()
    assert (first.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await desk.enter(payer_type="carrier")
    assert (other.status_code, other.json()["fields"]) == (422, ["payer_type"])


async def test_the_framework_answers_as_the_hot_route_does(desk: Desk) -> None:
    _, secret = await create_key(
        desk.app.db, prepare.system_cause(), name="twin", role=Role.DISPATCHER
    )
    body = {
        "vendor_id": "nordlicht", "amount_minor": 5, "currency": "EUR", "payer_type": "driver",
        "lines": [{"description": "Towing", "quantity": 1, "unit_price_minor": 5}],
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "twin"}
    other = headers | {"Idempotency-Key": "other"}
    transport = httpx2.ASGITransport(Edge(create_litestar(desk.app)), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://test") as framework:
        slow = await framework.post(PATH, json=body, headers=headers)
        wrong = await framework.post(PATH, json=body | {"payer_type": "x"}, headers=other)
    assert slow.status_code == 201, slow.text
    desk.clerk.headers["Authorization"] = headers["Authorization"]
    hot = await desk.clerk.post(PATH, json=body, headers={"Idempotency-Key": "twin"})
    assert hot.content == slow.content
    assert hot.headers["Idempotency-Replayed"] == "true"
    refused = await desk.clerk.post(PATH, json=body | {"payer_type": "x"}, headers=other)
    assert refused.status_code == wrong.status_code == 422
    assert refused.json()["errors"] == wrong.json()["errors"]


async def test_a_duplicate_is_named_and_let_through_with_a_reason(desk: Desk) -> None:
    first = await desk.entered(bill_number="INV-0042")
    refused = await desk.enter("k-2", bill_number="inv 42")
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/duplicate-bill")
    named = problem["resembles"]
    assert (named["payment_id"], named["bill_number"]) == (first["id"], "INV-0042")
    override = {"resembles": named["payment_id"], "reason": "The second truck."}
    made = await desk.entered("k-2", bill_number="inv 42", override=override)
    assert (made["resembles"], made["approvals_needed"]) == (first["id"], 2)
    seen = await desk.see(made)
    assert seen["resembled_bill"]["bill_number"] == "INV-0042"
    assert seen["override_reason"] == "The second truck."


async def test_one_payment_is_open_for_an_incident(desk: Desk) -> None:
    first = await desk.entered(incident_id="inc_1")
    refused = await desk.enter("k-2", incident_id="inc_1", amount_minor=500)
    assert (refused.status_code, refused.json()["payment_id"]) == (409, first["id"])
    assert refused.json()["type"] == "/problems/payment-open"
    canceled = await desk.clerk.post(f"{PATH}/{first['id']}/cancel", json={"reason": "a mistake"})
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    await desk.entered("k-2", incident_id="inc_1", amount_minor=500)


async def test_a_patch_merges_and_voids_approvals(desk: Desk) -> None:
    made = await desk.entered(amount_minor=600_000, description="Old", metadata={"a": "1"})
    assert made["approvals_needed"] == 2
    assert (await desk.approve(made)).json()["approvals_given"] == 1
    edited = await desk.patch(made, description=None, metadata={"b": "2"}, bill_number="7")
    assert edited.status_code == 200, edited.text
    told = edited.json()
    assert (told["description"], told["metadata"]) == (None, {"a": "1", "b": "2"})
    assert (told["revision"], told["approvals_given"]) == (2, 0)
    stale = await desk.patch(made, bill_number="8")
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/payment-changed")
    assert stale.json()["content_hash"] == told["content_hash"]
    late = await desk.approve(made)
    assert (late.status_code, late.json()["type"]) == (409, "/problems/payment-changed")
    audit = (await desk.approver.get(f"{PATH}/{made['id']}/audit")).json()["items"]
    change = next(it for it in audit if it["action"] == "payment.updated")
    assert (change["before"]["bill_number"], change["after"]["bill_number"]) == (None, "7")


async def test_the_queue_is_ordered_by_age_and_tells_who_may_not_approve(
    desk: Desk, client_of: ClientOf
) -> None:
    made = [await desk.entered(f"k-{i}", amount_minor=1_000 * i) for i in range(1, 6)]
    assert (await desk.approve(made[2])).status_code == 200
    first = (await desk.clerk.get(f"{PATH}/pending", params={"limit": 3})).json()
    rest = (
        await desk.clerk.get(f"{PATH}/pending", params={"limit": 3, "cursor": first["next_cursor"]})
    ).json()
    ids = [it["id"] for it in first["items"] + rest["items"]]
    assert ids == [made[i]["id"] for i in (0, 1, 3, 4)]
    assert rest["next_cursor"] is None
    it = first["items"][0]
    assert it["content_hash"] == made[0]["content_hash"]
    assert (it["is_maker"], it["approvals_needed"], it["approvals_given"]) == (True, 1, 0)
    assert 0 <= it["age_s"] < 60
    other = (await (await client_of(Role.VIEWER)).get(f"{PATH}/pending")).json()
    assert not any(it["is_maker"] for it in other["items"])


async def test_lists_are_filtered_and_cut_into_pages(desk: Desk) -> None:
    await register_again(desk)
    made = [
        await desk.entered(f"k-{i}", amount_minor=100 * i, incident_id=f"inc_{i}")
        for i in range(1, 5)
    ]
    made.append(await desk.entered("k-5", amount_minor=999, vendor_id="suedlicht"))
    await desk.clerk.post(f"{PATH}/{made[0]['id']}/cancel", json={})

    async def found(**query: Any) -> list[int]:
        answer = await desk.clerk.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [it["amount_minor"] for it in answer.json()["items"]]

    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert await found() == [999, 400, 300, 200, 100]
    assert await found(status="canceled") == [100]
    assert await found(vendor_id="suedlicht") == [999]
    assert await found(incident_id="inc_3") == [300]
    assert await found(currency="EUR", amount_min_minor=200, amount_max_minor=300) == [300, 200]
    assert await found(created_after=ago, created_before=soon) == [999, 400, 300, 200, 100]
    assert await found(created_before=ago) == []
    assert await found(created_after=soon) == []
    assert await found(created_after=made[2]["created_at"]) == [999, 400, 300]
    assert await found(created_before=made[2]["created_at"]) == [200, 100]
    page = (await desk.clerk.get(PATH, params={"limit": 3})).json()
    assert await found(limit=3, cursor=page["next_cursor"]) == [200, 100]
    alone = await desk.clerk.get(PATH, params={"amount_min_minor": 5})
    assert (alone.status_code, alone.json()["errors"][0]["field"]) == (422, "currency")


async def register_again(desk: Desk) -> None:
    payout = Beneficiary(name="Suedlicht", bank="bank_files", iban="AT611904300234573201")
    await register_vendor(
        desk.app.db,
        desk.app.keys,
        prepare.system_cause(),
        registration=Registration(id="suedlicht", name="Suedlicht", payout=payout),
        providers=desk.app.gateway.providers,
    )


async def test_many_are_approved_at_once_each_on_its_own(desk: Desk) -> None:
    made = [await desk.entered(f"k-{i}", amount_minor=100 * i) for i in range(1, 4)]
    body = [{"payment_id": it["id"], "content_hash": it["content_hash"]} for it in made]
    body[1]["content_hash"] = "0" * 64
    answer = await desk.approver.post(f"{PATH}/approvals", json={"approvals": body})
    told = answer.json()
    assert (answer.status_code, told["approved"], told["refused"]) == (200, 2, 1), answer.text
    assert [it["status"] for it in told["results"]] == [200, 409, 200]
    assert [it["payment_id"] for it in told["results"]] == [it["id"] for it in made]
    assert told["results"][0]["answer"]["status"] == "processing"
    assert told["results"][1]["problem"]["type"] == "/problems/payment-changed"


async def test_a_rejection_needs_a_reason_and_ends_it(desk: Desk) -> None:
    made = await desk.entered()
    path = f"{PATH}/{made['id']}/reject"
    for body in ({}, {"reason": ""}, {"reason": None}):
        assert (await desk.approver.post(path, json=body)).status_code == 422
    assert (await desk.clerk.post(path, json={"reason": "no"})).status_code == 403
    told = await desk.approver.post(path, json={"reason": "no such work"})
    assert (told.json()["status"], told.json()["rejected_why"]) == ("rejected", "no such work")
    assert (await desk.approve(made)).status_code == 409
    assert (await desk.patch(made, work_order="WO-1")).status_code == 409


async def test_what_was_canceled_may_be_repeated_once(desk: Desk) -> None:
    made = await desk.entered()
    assert (await desk.clerk.post(f"{PATH}/{made['id']}/repeat")).status_code == 409
    await desk.clerk.post(f"{PATH}/{made['id']}/cancel", json={})
    again = await desk.clerk.post(f"{PATH}/{made['id']}/repeat")
    assert again.status_code == 200, again.text
    told = again.json()
    assert (told["replaces"], told["attempt"]) == (made["id"], 2)
    assert told["content_hash"] == made["content_hash"]
    same = await desk.clerk.post(f"{PATH}/{made['id']}/repeat")
    assert same.json()["id"] == told["id"]


async def test_approve_and_cancel_at_once_one_wins(desk: Desk) -> None:
    for i in range(5):
        made = await desk.entered(f"k-{i}", amount_minor=100 + 50 * i, bill_number=f"B-{i}00{i}")
        cancel = desk.clerk.post(f"{PATH}/{made['id']}/cancel", json={})
        told = await asyncio.gather(desk.approve(made), cancel)
        # Approved first, it may still be canceled: it has not left.
        assert sorted(it.status_code for it in told) in ([200, 200], [200, 409])
        assert (await desk.see(made))["status"] == "canceled"
    async with desk.app.db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, ["vendors:payable:EUR"])
        (account,) = (await accounts_store.select(tx, list(ids.values()))).values()
    assert account.balances().available == BOOKED


async def test_two_approvers_at_once_one_wins_and_one_is_told(
    desk: Desk, client_of: ClientOf
) -> None:
    others = [await client_of(Role.APPROVER) for _ in range(4)]
    made = await desk.entered()
    body = {"content_hash": made["content_hash"]}
    told = await asyncio.gather(
        *(it.post(f"{PATH}/{made['id']}/approve", json=body) for it in others)
    )
    assert sorted(it.status_code for it in told) == [200, 409, 409, 409]
    seen = await desk.see(made)
    assert (seen["status"], seen["approvals_given"]) == ("processing", 1)
