"""Vendor payments, asked for by somebody who means harm or is careless."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from io import StringIO
from typing import Any

import httpx2
import pytest
from tests.api.test_vendor_payment_routes import IBAN, PATH, Desk, furnish

from paywright.identity.permissions import Role
from paywright.telemetry import logs
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
HUGE = 2**63 - 1
UNKNOWN = "pay_00000000000000000000000000"


@pytest.fixture
async def desk(app: App, client_of: ClientOf) -> Desk:
    await furnish(app)
    return Desk(app, await client_of(Role.DISPATCHER), await client_of(Role.APPROVER))


def a_line(**changes: Any) -> dict[str, Any]:
    return {"description": "Towing", "quantity": 1, "unit_price_minor": 12_000} | changes


async def on_file(desk: Desk) -> int:
    count = "select count(*) from payments where kind = 'vendor_payment'"
    return await desk.app.db.pool.fetchval(count)


async def test_nobody_sets_what_is_ours_to_set(desk: Desk) -> None:
    made = await desk.entered("made")
    for extra in (
        {"id": "pay_1"}, {"status": "succeeded"}, {"content_hash": "0" * 64}, {"revision": 2},
        {"created_by": "usr_x"}, {"makers": []}, {"approvals_needed": 0}, {"votes": []},
        {"is_high_risk": False}, {"approved_at": "2026-01-01"}, {"release_at": None},
        {"released_at": None}, {"run_id": None}, {"replaces": None}, {"attempt": 9},
        {"provider": "x"}, {"credit_account_id": "acc_1"}, {"beneficiary": {}}, {"__class__": 1},
        {"payout_version": 9}, {"type": "vendor_payment"}, {"kind": "charge"},
    ):  # fmt: skip
        answer = await desk.enter("mass", **extra)
        assert answer.status_code == 422, extra
        assert [it["field"] for it in answer.json()["errors"]] == list(extra)
        if "content_hash" not in extra:
            edited = await desk.patch(made, **extra)
            assert edited.status_code == 422, extra
    line = await desk.enter("mass", lines=[a_line(total=1)])
    assert line.json()["errors"][0]["field"] == "lines[0].total"
    assert await on_file(desk) == 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0}, "amount_minor"),
    ({"amount_minor": -1}, "amount_minor"),
    ({"amount_minor": HUGE + 1}, "amount_minor"),
    ({"amount_minor": 10**40}, "amount_minor"),
    ({"amount_minor": "12000"}, "amount_minor"),
    ({"amount_minor": 12_000.5}, "amount_minor"),
    ({"amount_minor": True}, "amount_minor"),
    ({"currency": "XXX"}, "currency"),
    ({"currency": "eur"}, "currency"),
    ({"currency": "USD"}, "currency"),
    ({"lines": []}, "lines"),
    ({"lines": None}, "lines"),
    ({"amount_minor": 201, "lines": [a_line(unit_price_minor=1)] * 201}, "lines"),
    ({"lines": [a_line(quantity=HUGE, unit_price_minor=HUGE)]}, "lines"),
    ({"lines": [a_line(quantity=10**40)]}, "lines[0].quantity"),
    ({"lines": [a_line(quantity=0)]}, "lines[0].quantity"),
    ({"lines": [a_line(), a_line(quantity=-1)]}, "lines[1].quantity"),
    ({"lines": [a_line(unit_price_minor=-1)]}, "lines[0].unit_price_minor"),
    ({"lines": [a_line(quantity=1.5)]}, "lines[0].quantity"),
    ({"lines": [a_line(description="a\x00b")]}, "lines[0].description"),
    ({"vendor_id": "nobody"}, "vendor_id"),
    ({"vendor_id": "a\x00b"}, "vendor_id"),
    ({"vendor_id": "' or 1=1 --"}, "vendor_id"),
    ({"payer_type": "nobody"}, "payer_type"),
    ({"payer_type": "a\x00b"}, "payer_type"),
    ({"incident_id": "a\x00b"}, "incident_id"),
    ({"reference": "x\n"}, "reference"),
    ({"work_order": "\u202eGPJ"}, "work_order"),
    ({"bill_number": "7\x00"}, "bill_number"),
    ({"bill_date": "2026-02-30"}, "bill_date"),
    ({"bill_date": "1899-12-31"}, "bill_date"),
    ({"due_date": "9999-12-31"}, "due_date"),
    ({"bill_date": "2026-02-01", "due_date": "2026-01-31"}, "due_date"),
    ({"description": "x" * 501}, "description"),
    ({"metadata": {"k": 1}}, "metadata[...]"),
    ({"metadata": {"k": "a\x00b"}}, "metadata.k"),
    ({"metadata": {"a\x00b": "v"}}, "metadata"),
    ({"metadata": {str(i): "v" for i in range(51)}}, "metadata"),
    ({"debit_account_id": "acc_x"}, "debit_account_id"),
    ({"debit_account_id": "acc_00000000000000000000000000"}, "debit_account_id"),
    ({"override": {"resembles": "x", "reason": "y"}}, "override.resembles"),
    ({"override": {"resembles": UNKNOWN, "reason": "a\x00b"}}, "override.reason"),
]  # fmt: skip


async def test_bad_input_is_refused_by_field_and_leaves_the_key_free(desk: Desk) -> None:
    body: dict[str, Any] = {"amount_minor": 12_000, "lines": [a_line()]}
    for changes, field in BAD:
        answer = await desk.enter("bad", **(body | changes))
        assert answer.status_code == 422, (changes, answer.text)
        assert field in [it["field"] for it in answer.json()["errors"]], (changes, answer.text)
    assert await on_file(desk) == 0
    assert (await desk.enter("bad")).status_code == 201


async def test_bodies_that_are_none_are_refused(desk: Desk) -> None:
    made = await desk.entered()
    for raw in (b'{"vendor_id": "\\ud800"}', b"\xff", b"[]", b"null", b"", b"[" * 100_000):
        headers = {"Idempotency-Key": "raw"}
        for method, path in (
            ("POST", PATH),
            ("PATCH", f"{PATH}/{made['id']}"),
            ("POST", f"{PATH}/{made['id']}/approve"),
            ("POST", f"{PATH}/approvals"),
            ("POST", f"{PATH}/{made['id']}/reject"),
            ("POST", f"{PATH}/{made['id']}/cancel"),
        ):
            answer = await desk.clerk.request(method, path, content=raw, headers=headers)
            assert answer.status_code in (400, 422), (method, path, raw[:20], answer.status_code)
    assert (await desk.clerk.post(PATH, json={})).status_code in (400, 422)
    assert await on_file(desk) == 1


async def test_paths_and_queries_that_are_none_are_refused(desk: Desk) -> None:
    made = await desk.entered()
    for text in ("nothing", "pay_", "trf_" + made["id"][4:], made["id"] + "0", "pay_%00"):
        assert (await desk.clerk.get(f"{PATH}/{text}")).status_code in (400, 404, 422)
        assert (await desk.approver.get(f"{PATH}/{text}/audit")).status_code in (400, 404, 422)
    assert (await desk.clerk.get(f"{PATH}/{UNKNOWN}")).status_code == 404
    assert (await desk.approver.get(f"{PATH}/{UNKNOWN}/audit")).status_code == 404
    for query in (
        {"vendor_id": "a\x00b"}, {"incident_id": "' or 1=1 --"}, {"status": "none"},
        {"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"cursor": "\x00"},
        {"currency": "eur"}, {"amount_min_minor": "x", "currency": "EUR"},
        {"amount_min_minor": 2**63, "currency": "EUR"}, {"created_after": "yesterday"},
        {"created_after": "0001-01-01T00:00:00Z"}, {"created_before": "9999-12-31T23:59:59Z"},
    ):  # fmt: skip
        answer = await desk.clerk.get(PATH, params=query)
        assert answer.status_code in (400, 422), (query, answer.status_code)
    for cursor in ("x", "AAAA", "9" * 199, "LTE"):
        assert (
            await desk.approver.get(f"{PATH}/{made['id']}/audit", params={"cursor": cursor})
        ).status_code == 422
        assert (
            await desk.clerk.get(f"{PATH}/pending", params={"cursor": cursor})
        ).status_code == 422


async def test_a_hash_is_a_hash(desk: Desk) -> None:
    made = await desk.entered()
    wrong = (
        "", "0" * 63, "0" * 65, "g" * 64, made["content_hash"].upper() + "\n", None, 5,
        made["content_hash"] + "\n",
    )  # fmt: skip
    for text in wrong:
        assert (await desk.approve(made, content_hash=text)).status_code == 422, text
        assert (await desk.patch(made, content_hash=text)).status_code == 422, text
    assert (await desk.approve(made, content_hash="0" * 64)).status_code == 409
    many = [{"payment_id": made["id"], "content_hash": made["content_hash"]}] * 201
    for body in ({"approvals": []}, {"approvals": many}, {"approvals": None}, {}):
        assert (await desk.approver.post(f"{PATH}/approvals", json=body)).status_code == 422


async def test_a_payment_in_one_batch_twice_is_approved_once(desk: Desk) -> None:
    made = await desk.entered(amount_minor=600_000)
    twice = [{"payment_id": made["id"], "content_hash": made["content_hash"]}] * 2
    told = (await desk.approver.post(f"{PATH}/approvals", json={"approvals": twice})).json()
    assert (told["approved"], told["refused"]) == (1, 1)
    assert (await desk.see(made))["status"] == "pending_approval"


async def test_each_route_lets_in_only_who_may(desk: Desk, client_of: ClientOf) -> None:
    made = await desk.entered()
    one = f"{PATH}/{made['id']}"
    seen = {"content_hash": made["content_hash"]}
    viewer, nobody = await client_of(Role.VIEWER), await client_of(None)
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", PATH, {}), ("PATCH", one, seen), ("POST", f"{one}/cancel", {}),
        ("POST", f"{one}/repeat", None), ("POST", f"{one}/approve", seen),
        ("POST", f"{one}/reject", {"reason": "x"}), ("GET", f"{one}/audit", None),
    ]  # fmt: skip
    for method, path, body in asked:
        headers = {"Idempotency-Key": "k"}
        refused = await viewer.request(method, path, json=body, headers=headers)
        assert refused.status_code == 403, (method, path, refused.text)
        unknown = await nobody.request(method, path, json=body, headers=headers)
        assert unknown.status_code == 401, (method, path)
    for path in (PATH, one, f"{PATH}/pending"):
        assert (await viewer.get(path)).status_code == 200
        assert (await nobody.get(path)).status_code == 401
    # An administrator who enters a bill does not approve it.
    admin = await client_of(Role.ADMIN)
    headers = {"Idempotency-Key": "admin"}
    body = {
        "vendor_id": "nordlicht", "amount_minor": 77, "currency": "EUR", "payer_type": "driver",
        "lines": [a_line(unit_price_minor=77)],
    }  # fmt: skip
    own = (await admin.post(PATH, json=body, headers=headers)).json()
    hash_ = {"content_hash": own["content_hash"]}
    refused = await admin.post(f"{PATH}/{own['id']}/approve", json=hash_)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")
    assert (await desk.see(made))["status"] == "pending_approval"


async def test_a_double_submit_by_many_enters_one(desk: Desk, client_of: ClientOf) -> None:
    told = await asyncio.gather(*(desk.enter("same", incident_id="inc_1") for _ in range(20)))
    assert {it.status_code for it in told} == {201}
    assert len({it.json()["id"] for it in told}) == 1
    assert await on_file(desk) == 1


async def test_one_bad_bill_does_not_hold_up_the_others_that_come_with_it(desk: Desk) -> None:
    bodies = [
        desk.enter(f"k-{i}", amount_minor=100 + 50 * i, bill_number=f"B-{i}7{i}3")
        if i % 3
        else desk.enter(f"k-{i}", vendor_id="nobody")
        for i in range(12)
    ]
    told = await asyncio.gather(*bodies)
    assert [it.status_code for it in told] == [201 if i % 3 else 422 for i in range(12)]


async def test_neither_answers_nor_logs_nor_events_tell_what_is_secret(desk: Desk) -> None:
    stream = StringIO()
    logs.configure_logging("debug", service="test", stream=stream, json=True)
    try:
        made = await desk.entered(metadata={"note": "her number"}, description="private words")
        await desk.patch(made, metadata={"note": "his number"})
        texts = [
            (await desk.clerk.get(f"{PATH}/{made['id']}")).text,
            (await desk.clerk.get(PATH)).text,
            (await desk.clerk.get(f"{PATH}/pending")).text,
            (await desk.approver.get(f"{PATH}/{made['id']}/audit")).text,
        ]
    finally:
        logs.configure_logging("warning", service="test")
        logging.captureWarnings(False)
    rows = await desk.app.db.pool.fetch("select to_jsonb(events)::text as text from events")
    told = stream.getvalue() + "".join(row["text"] for row in rows)
    assert "payment.updated" in told
    assert not any(IBAN in text for text in (*texts, told))
    for text in ("private words", "her number", "his number"):
        assert text not in told
