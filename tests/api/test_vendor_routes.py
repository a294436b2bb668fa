"""Vendors, and changes of where their money goes, over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY

from paywright.cli.prepare import system_cause
from paywright.core.actor import Permission
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/vendors/ven_lindgren"
PAYOUT = {"name": "Lindgren Dach AB", "bank": "partner_bank", "iban": "DE89 3704 0044 0532 0130 00"}
VENDOR = {"name": "Lindgren Dach", "payout": PAYOUT, "terms_days": 30}
CHANGE = {"payout": PAYOUT | {"iban": "AT611904300234573201"}, "reason": "We called them back."}


@pytest.fixture
def settings() -> Settings:
    """With a bank that nobody calls here: no worker runs."""
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url="http://127.0.0.1:9",
        partner_bank_token="t",
    )


async def asked(client: Client, key: str = "k1", **changes: Any) -> httpx2.Response:
    return await client.post(
        f"{PATH}/payout-changes", json=CHANGE | changes, headers={"Idempotency-Key": key}
    )


async def test_a_vendor_is_registered_shown_and_found(client_of: ClientOf) -> None:
    clerk, viewer = await client_of(Role.OPERATOR), await client_of(Role.VIEWER)
    made = await clerk.put(PATH, json=VENDOR)
    assert made.status_code == 201, made.text
    assert made.json()["account_masked"] == "DE…3000"
    assert (await clerk.put(PATH, json=VENDOR)).status_code == 200
    shown = (await viewer.get(PATH)).json()
    assert shown["payout"] == {
        "name": "Lindgren Dach AB",
        "bank": "partner_bank",
        "account_masked": "DE…3000",
        "bic": None,
        "country": "DE",
    }
    assert (shown["terms_days"], shown["paused_until"]) == (30, None)
    assert (shown["pending_change_id"], shown["shares_account_with"]) == (None, [])
    found = (await viewer.get("/api/v1/vendors", params={"name": "DACH"})).json()
    assert [it["id"] for it in found["items"]] == ["ven_lindgren"]
    assert "370400440532013000" not in made.text + str(shown) + str(found)
    assert (await viewer.put(PATH, json=VENDOR)).status_code == 403


async def test_other_bank_details_are_asked_for_elsewhere(api: Client) -> None:
    await api.put(PATH, json=VENDOR)
    refused = await api.put(PATH, json=VENDOR | {"payout": CHANGE["payout"]})
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/payout-differs")
    assert f"POST {PATH}/payout-changes" in problem["detail"]
    assert problem["fields"] == ["iban", "country"]


async def test_a_change_is_asked_for_by_one_and_approved_by_another(client_of: ClientOf) -> None:
    clerk, approver = await client_of(Role.OPERATOR), await client_of(Role.APPROVER)
    await clerk.put(PATH, json=VENDOR)
    made = await asked(clerk)
    change = made.json()
    assert made.status_code == 202, made.text
    assert change["differs_in"] == ["iban", "country"]
    assert (change["payout_before"]["account_masked"], change["payout"]["account_masked"]) == (
        "DE…3000", "AT…3201",
    )  # fmt: skip
    again = await asked(clerk)
    assert (again.content, again.headers["idempotency-replayed"]) == (made.content, "true")
    queue = (await approver.get("/api/v1/vendor-changes")).json()
    assert [it["id"] for it in queue["items"]] == [change["id"]]
    path = f"/api/v1/vendor-changes/{change['id']}"
    seen = (await approver.get(path)).json()
    assert (seen["approvals_needed"], seen["approvals_missing"]) == (1, 1)
    vote = {"content_hash": seen["content_hash"], "comment": "Looks right."}
    own = await clerk.post(f"{path}/approve", json=vote)
    assert (own.status_code, own.json()["permission"]) == (403, "payments:approve")
    wrong = await approver.post(f"{path}/approve", json={"content_hash": "0" * 64})
    assert (wrong.status_code, wrong.json()["type"]) == (409, "/problems/change-differs")
    done = await approver.post(f"{path}/approve", json=vote)
    assert (done.status_code, done.json()["status"]) == (200, "approved"), done.text
    assert [it["comment"] for it in done.json()["approvals"]] == ["Looks right."]
    late = await approver.post(f"{path}/approve", json=vote)
    assert (late.status_code, late.json()["change_status"]) == (409, "approved")
    vendor = (await clerk.get(PATH)).json()
    assert (vendor["account_masked"], vendor["payout_version"]) == ("AT…3201", 2)
    assert vendor["paused_until"] is not None
    assert (await asked(clerk)).content == made.content


async def test_who_asked_may_be_an_admin_and_still_does_not_approve(
    app: App, api: Client, client_of: ClientOf
) -> None:
    await api.put(PATH, json=VENDOR)
    change = (await asked(api)).json()
    vote = {"content_hash": change["content_hash"]}
    path = f"/api/v1/vendor-changes/{change['id']}"
    refused = await api.post(f"{path}/approve", json=vote)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")
    made = await api.post("/api/v1/keys", json={"name": "second", "role": "admin"})
    second = {"Authorization": f"Bearer {made.json()['secret']}"}
    again = await api.post(f"{path}/approve", json=vote, headers=second)
    assert (again.status_code, again.json()["type"]) == (403, "/problems/four-eyes")
    rejected = await (await client_of(Role.APPROVER)).post(
        f"{path}/reject", json={"reason": "They know nothing of it."}
    )
    assert rejected.json()["decided_why"] == "They know nothing of it."
    assert (await api.get(PATH)).json()["paused_until"] is None


async def test_a_change_is_withdrawn_by_a_key_that_may_do_nothing_else(
    app: App, api: Client
) -> None:
    await api.put(PATH, json=VENDOR)
    change = (await asked(api)).json()
    _, secret = await create_key(
        app.db,
        system_cause(),
        name="n",
        role=Role.OPERATOR,
        scopes=frozenset({Permission.MANAGE_VENDORS}),
    )
    narrow = {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1/vendor-changes/{change['id']}/withdraw"
    withdrawn = await api.post(path, headers=narrow)
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    assert (await api.post(path)).json()["change_status"] == "withdrawn"
    listed = await api.get("/api/v1/vendor-changes", params={"status": "withdrawn"})
    assert [it["id"] for it in listed.json()["items"]] == [change["id"]]


async def test_a_blocked_vendor_is_unblocked_by_a_reason(api: Client) -> None:
    await api.put(PATH, json=VENDOR)
    blocked = await api.post(f"{PATH}/block", json={"reason": "A letter of theirs."})
    assert (blocked.json()["status"], blocked.json()["status_reason"]) == (
        "blocked", "A letter of theirs.",
    )  # fmt: skip
    refused = await asked(api)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/vendor-not-active")
    listed = await api.get("/api/v1/vendors", params={"status": "blocked"})
    assert [it["id"] for it in listed.json()["items"]] == ["ven_lindgren"]
    active = await api.post(f"{PATH}/unblock", json={"reason": "Settled."})
    assert active.json()["status"] == "active"
    assert (await api.post(f"{PATH}/block", json={})).status_code == 422


async def test_of_ten_who_register_ask_and_approve_at_once_one_wins(
    client_of: ClientOf, api: Client
) -> None:
    put = [api.put(PATH, json=VENDOR) for _ in range(10)]
    assert sorted(it.status_code for it in await asyncio.gather(*put)) == [200] * 9 + [201]
    changes = await asyncio.gather(*(asked(api, f"k{n}") for n in range(10)))
    assert sorted(it.status_code for it in changes) == [202] + [409] * 9
    change = next(it.json() for it in changes if it.status_code == 202)
    people = [await client_of(Role.APPROVER) for _ in range(5)]
    path = f"/api/v1/vendor-changes/{change['id']}"
    vote = {"content_hash": change["content_hash"]}
    votes = [it.post(f"{path}/approve", json=vote) for it in people]
    outcomes = await asyncio.gather(*votes, api.post(f"{path}/withdraw"))
    assert sorted(it.status_code for it in outcomes) == [200] + [409] * 5


BAD = {
    "nothing": {},
    "more": VENDOR | {"status": "active"},
    "turned-name": VENDOR | {"name": "Lind\u202egren"},
    "long-name": VENDOR | {"name": "x" * 141},
    "nul": VENDOR | {"name": "a\x00b"},
    "terms": VENDOR | {"terms_days": 366},
    "mode": VENDOR | {"payout_mode": "soon"},
    "check-digits": VENDOR | {"payout": PAYOUT | {"iban": "FR1420041010050500013M02607"}},
    "nul-in-account": VENDOR | {"payout": {"name": "n", "bank": "bank_files", "bic": "A\x00",
                                           "account_number": "1\x00"}},
    "bank": VENDOR | {"payout": PAYOUT | {"bank": "stripe"}},
    "two-accounts": VENDOR | {"payout": PAYOUT | {"provider_account": "acct_1234"}},
    "without-payout": {"name": "n"},
}  # fmt: skip


async def test_what_is_no_vendor_is_refused_by_its_field(api: Client) -> None:
    for name, body in BAD.items():
        answer = await api.put(PATH, json=body)
        assert answer.status_code == 422, f"{name}: {answer.text}"
        assert answer.json()["errors"][0]["field"], name
    assert (await api.get(PATH)).status_code == 404


NOWHERE = (
    ("PUT", "/api/v1/vendors/a/b", 404),
    ("PUT", "/api/v1/vendors/a%2Fb", 404),
    ("PUT", "/api/v1/vendors/a.b", 422),
    ("PUT", "/api/v1/vendors/%00", 422),
    ("GET", "/api/v1/vendors?name=%00", 422),
    ("GET", "/api/v1/vendors?cursor=AA", 422),
    ("GET", "/api/v1/vendors?status=none", 422),
    ("GET", "/api/v1/vendor-changes?cursor=x", 422),
    ("GET", "/api/v1/vendor-changes?vendor_id=%00", 422),
    ("GET", "/api/v1/vendor-changes/pay_01", 422),
    ("GET", "/api/v1/vendor-changes/vch_00000000000000000000000000", 404),
    ("POST", "/api/v1/vendor-changes/vch_00000000000000000000000000/withdraw", 404),
    ("POST", "/api/v1/vendors/ven_none/block", 404),
)


async def test_what_is_not_there_or_no_id_is_told_apart(api: Client) -> None:
    bodies = {"PUT": VENDOR, "POST": {"reason": "r"}}
    for method, path, status in NOWHERE:
        answer = await api.request(method, path, json=bodies.get(method))
        assert answer.status_code == status, f"{path}: {answer.text}"


async def test_a_change_needs_a_key_and_the_same_key_means_the_same(api: Client) -> None:
    await api.put(PATH, json=VENDOR)
    without = await api.post(f"{PATH}/payout-changes", json=CHANGE)
    assert (without.status_code, without.json()["type"]) == (
        400, "/problems/idempotency-key-missing",
    )  # fmt: skip
    assert (await asked(api)).status_code == 202
    other = await asked(api, reason="Another.")
    assert (other.status_code, other.json()["fields"]) == (422, ["reason"])
    same = await asked(api, "k2", payout=PAYOUT)
    assert same.json()["type"] == "/problems/change-pending"
