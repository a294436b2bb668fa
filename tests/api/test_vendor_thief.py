"""Somebody inside the company wants to be paid, alone. Over HTTP, with roles, keys and sessions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.api.vendor_house import (
    BILLS,
    FOUR_EYES,
    IBAN,
    RUNS,
    THIRD_IBAN,
    V1,
    VENDORS,
    XML,
    House,
    house_settings,
    refusal,
)
from tests.iso20022.pain002_writing import write_pain002

from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.gateway.model import Declined
from paywright.identity.permissions import Role
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.payment_runs.names import end_to_end_id
from paywright.payments.hear import Heard, hear
from paywright.payments.vendor.release import release_payment
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
LARGE = 700_001
IN_FILES = {"payout": {"name": "Sued Kran AG", "bank": "bank_files", "iban": IBAN}}


@pytest.fixture
def settings() -> Settings:
    return house_settings()


@pytest.fixture
async def house(app: App, client_of: Callable[[Role | None], Awaitable[Client]]) -> House:
    """Mallory administers, Dora enters, Anna and Ben approve, Olga operates, Vera looks on."""
    house = House(app, await client_of(None))
    await house.furnish()
    for name, role in (
        ("mallory", Role.ADMIN), ("dora", Role.DISPATCHER), ("anna", Role.APPROVER),
        ("ben", Role.APPROVER), ("vera", Role.VIEWER),
    ):  # fmt: skip
        await house.signed_in(name, role)
    return house


async def failed(house: House, payment: dict[str, Any], code: str = "AC04") -> None:
    """What the provider says of it, in the end."""
    cause = prepare.system_cause()
    told = Heard(PaymentId.parse(payment["id"]), Declined(code))
    async with house.app.db.transaction() as tx:
        assert await hear(tx, [(cause, told)], at=cause.at) == [True]


async def released(house: House, payment: dict[str, Any]) -> dict[str, Any]:
    """What the worker does with a payment that is due."""
    app, payment_id = house.app, PaymentId.parse(payment["id"])
    cause = prepare.system_cause()
    await release_payment(app.db, app.vendor_parts, cause, payment_id=payment_id)
    return await house.see(payment)


async def successor_of(house: House, payment: dict[str, Any]) -> dict[str, Any]:
    query = "select payment_id from vendor_payments where replaces = $1"
    found = await house.app.db.pool.fetchval(query, PaymentId.parse(payment["id"]))
    return await house.see({"id": str(PaymentId.of(found))})


async def paused_until(house: House) -> str:
    return (await house.ask("olga", "GET", f"{VENDORS}/nordlicht")).json()["paused_until"]


# --- four eyes -----------------------------------------------------------------------------------


async def test_no_key_of_mine_approves_what_any_of_them_has_entered(house: House) -> None:
    await house.key("first", Role.ADMIN, by="mallory")
    await house.key("clerk", Role.DISPATCHER, by="mallory")
    await house.key("approver", Role.APPROVER, by="mallory")
    await house.key("of a key", Role.APPROVER, by="first")
    credentials = ("mallory", "first", "approver", "of a key")
    for maker in ("mallory", "first", "clerk"):
        payment = await house.entered(maker)
        before = await house.everything()
        for who in credentials:
            assert refusal(await house.approve(who, payment)) == FOUR_EYES, (maker, who)
        many = {
            "approvals": [{"payment_id": payment["id"], "content_hash": payment["content_hash"]}]
        }
        told = (await house.ask("of a key", "POST", f"{BILLS}/approvals", many)).json()
        assert told["results"][0]["problem"]["type"] == "/problems/four-eyes"
        assert await house.everything() == before
    # Two keys of mine are one person, too, where two are needed.
    large = await house.entered("dora", LARGE)
    assert (await house.approve("approver", large)).status_code == 200
    assert refusal(await house.approve("of a key", large)) == (409, "already-approved")
    assert (await house.see(large))["status"] == "pending_approval"


async def test_nobody_approves_by_a_detour_over_a_delegation(house: House) -> None:
    payment = await house.entered("mallory")
    # Mine, by somebody else; and somebody else's, by me.
    assert (await house.delegate("mallory", "vera")).status_code == 201
    assert refusal(await house.approve("vera", payment)) == FOUR_EYES
    assert (await house.delegate("anna", "dora")).status_code == 201
    own = await house.entered("dora")
    assert refusal(await house.approve("dora", own)) == FOUR_EYES
    assert (await house.delegate("anna", "mallory")).status_code == 201
    assert refusal(await house.approve("mallory", payment)) == FOUR_EYES
    # To myself, and by a key.
    assert refusal(await house.delegate("mallory", "mallory"))[0] == 422
    await house.key("key", Role.ADMIN, by="mallory")
    assert refusal(await house.delegate("key", "vera")) == (403, "not-in-person")
    # A delegate does not pass it on.
    assert (await house.delegate("dora", "vera")).status_code == 403
    # Anna, and whoever has her right, are one of two.
    large = await house.entered("olga", LARGE)
    assert (await house.approve("dora", large)).status_code == 200
    assert refusal(await house.approve("anna", large)) == (409, "already-approved")


async def test_whoever_has_edited_it_has_made_it(house: House) -> None:
    payment = await house.entered("dora", LARGE)
    assert (await house.approve("mallory", payment)).status_code == 200
    edited = (await house.edit("mallory", payment, description="a word")).json()
    back = (await house.edit("mallory", edited, description=None)).json()
    assert back["makers"] == [house.ids["dora"], house.ids["mallory"]]
    # It reads as it did, and what was approved then counts for nothing.
    assert back["content_hash"] != payment["content_hash"]
    assert (await house.see(back))["approvals_given"] == 0
    assert refusal(await house.approve("ben", payment)) == (409, "payment-changed")
    assert refusal(await house.approve("mallory", back)) == FOUR_EYES
    assert (await house.approve("anna", back)).status_code == 200
    assert (await house.see(back))["status"] == "pending_approval"
    assert (await house.approve("ben", back)).json()["status"] == "processing"


async def test_an_edit_that_is_undone_brings_no_approval_back(house: House) -> None:
    payment = await house.entered("dora", LARGE)
    assert (await house.approve("anna", payment)).status_code == 200
    edited = (await house.edit("dora", payment, payer_type="carrier")).json()
    back = (await house.edit("dora", edited, payer_type="driver")).json()
    done = (await house.approve("ben", back)).json()
    assert (done["status"], done["approvals_given"]) == ("pending_approval", 1)
    # Who looked at it before the first edit has seen another one.
    assert refusal(await house.edit("dora", payment, work_order="7")) == (409, "payment-changed")


async def test_a_new_role_does_not_make_one_somebody_else(house: House) -> None:
    payment = await house.entered("dora")
    path = f"{V1}/users/{house.ids['dora']}"
    assert (await house.ask("mallory", "PATCH", path, {"role": "approver"})).status_code == 200
    assert refusal(await house.approve("dora", payment)) == FOUR_EYES
    assert (await house.ask("mallory", "PATCH", path, {"role": "admin"})).status_code == 200
    assert refusal(await house.approve("dora", payment)) == FOUR_EYES


async def test_who_repeats_what_was_canceled_has_made_it(house: House) -> None:
    payment = await house.entered("dora")
    assert (await house.post("mallory", payment, "cancel", {})).json()["status"] == "canceled"
    again = (await house.post("mallory", payment, "repeat")).json()
    assert (again["status"], again["replaces"]) == ("pending_approval", payment["id"])
    assert again["makers"] == [house.ids["dora"], house.ids["mallory"]]
    assert refusal(await house.approve("mallory", again)) == FOUR_EYES
    assert refusal(await house.approve("dora", again))[0] == 403
    assert (await house.approve("anna", again)).json()["status"] == "processing"


async def test_the_hash_of_another_payment_approves_nothing(house: House) -> None:
    one, two = await house.entered("dora"), await house.entered("dora", 600)
    before = await house.everything()
    wrong = await house.approve("anna", one, content_hash=two["content_hash"])
    assert refusal(wrong) == (409, "payment-changed")
    assert await house.everything() == before


async def test_what_is_approved_is_not_edited(house: House) -> None:
    payment = await house.entered("dora")
    await house.approve("anna", payment)
    before = await house.everything()
    for changes in ({"amount_minor": 1}, {"vendor_id": "nordlicht"}, {"description": "x"}):
        assert refusal(await house.edit("dora", payment, **changes))[0] in (409, 422)
    assert refusal(await house.approve("ben", payment)) == (409, "payment-not-pending")
    assert await house.everything() == before


# --- who may not any more ------------------------------------------------------------------------


async def test_who_was_disabled_approves_by_nothing_that_is_left(house: House) -> None:
    await house.signed_in("carl", Role.ADMIN)
    await house.key("carls", Role.APPROVER, by="carl")
    await house.delegate("carl", "vera")
    payment = await house.entered("dora")
    path = f"{V1}/users/{house.ids['carl']}"
    off = await house.ask("mallory", "PATCH", path, {"status": "disabled"})
    assert off.status_code == 200, off.text
    before = await house.everything()
    assert (await house.approve("carl", payment)).status_code == 401
    assert refusal(await house.approve("carls", payment)) == (403, "permission-missing")
    assert refusal(await house.approve("vera", payment)) == (403, "permission-missing")
    assert refusal(await house.post("carls", payment, "reject", {"reason": "x"}))[0] == 403
    assert await house.everything() == before


async def test_a_narrow_key_stays_narrow(house: House) -> None:
    payment = await house.entered("dora")
    await house.key("reads", Role.APPROVER, by="mallory", scopes=["payments:read"])
    assert refusal(await house.approve("reads", payment)) == (403, "permission-missing")
    assert refusal(await house.post("reads", payment, "reject", {"reason": "x"}))[0] == 403
    wide = {"name": "wide", "role": "admin"}
    assert (await house.ask("reads", "POST", f"{V1}/keys", wide)).status_code == 403


async def test_a_delegation_ends_and_has_limits(house: House) -> None:
    await house.signed_in("carl", Role.VIEWER)
    limit = {"amount_max_minor": 20_000, "currency": "EUR"}
    assert (await house.delegate("anna", "vera", **limit)).status_code == 201
    too_low = (403, "delegation-too-low")
    assert refusal(await house.approve("vera", await house.entered("dora", 20_001))) == too_low
    other = await house.entered("dora", 100, currency="USD")
    assert refusal(await house.approve("vera", other)) == too_low
    change = (await house.change("olga")).json()
    assert refusal(await house.approve_change("vera", change)) == too_low
    payment = await house.entered("dora", 20_000)
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    given = await house.delegate("ben", "carl", expires_at=soon)
    assert given.status_code == 201, given.text
    await house.app.db.pool.fetchval("select pg_sleep(0.4)")
    assert refusal(await house.approve("carl", payment)) == (403, "permission-missing")
    listed = (await house.ask("anna", "GET", f"{V1}/approval-delegations")).json()["items"]
    path = f"{V1}/approval-delegations/{listed[0]['id']}/end"
    assert (await house.ask("anna", "POST", path)).status_code == 200
    assert refusal(await house.approve("vera", payment)) == (403, "permission-missing")


async def load_policies(house: House, *, approvers: int) -> None:
    source = f"""
name: approval-policies
description: So many approvers.
tables:
  payment: [{{id: a, when: "true", then: {{approvers: {approvers}, reason: So many.}}}}]
  vendor_change: [{{id: a, when: "true", then: {{approvers: {approvers}, reason: So many.}}}}]
"""
    loaded = await house.ask("mallory", "POST", f"{V1}/rules/approvals", {"source": source})
    assert (loaded.status_code, loaded.json().get("is_activated")) == (200, True), loaded.text


async def test_laxer_policies_leave_nothing_waiting_for_ever(house: House) -> None:
    await load_policies(house, approvers=2)
    payment, change = await house.entered("dora"), (await house.change("olga")).json()
    assert (await house.approve("anna", payment)).json()["status"] == "pending_approval"
    assert (await house.approve_change("anna", change)).json()["status"] == "pending"
    await load_policies(house, approvers=1)
    assert refusal(await house.approve("anna", payment)) == (409, "already-approved")
    assert (await house.approve("ben", payment)).json()["status"] == "processing"
    assert (await house.approve_change("ben", change)).json()["status"] == "approved"


async def test_stricter_policies_count_for_what_waits_already(house: House) -> None:
    payment = await house.entered("dora")
    assert payment["approvals_needed"] == 1
    await load_policies(house, approvers=2)
    half = (await house.approve("anna", payment)).json()
    assert (half["status"], half["approvals_given"]) == ("pending_approval", 1)
    assert (await house.approve("ben", payment)).json()["status"] == "processing"


# --- paid twice ----------------------------------------------------------------------------------


async def test_what_was_entered_anew_since_it_failed_is_not_repeated(house: House) -> None:
    first = await house.entered("dora", bill_number="NL-4711")
    await house.approve("anna", first)
    await failed(house, first)
    second = await house.entered("dora", bill_number="NL 4711")
    await house.approve("anna", second)
    before = await house.everything()
    refused = await house.post("dora", first, "repeat")
    assert refusal(refused) == (409, "payment-not-repeatable")
    assert refused.json()["resembles"] == second["id"]
    assert await house.everything() == before
    # Once that one has come to nothing, the first may be repeated, with its approvals.
    await failed(house, second)
    again = (await house.post("dora", first, "repeat")).json()
    assert (again["status"], again["approvals_given"]) == ("processing", 1)
    assert again["makers"] == [house.ids["dora"]]


async def test_what_was_said_to_be_another_bill_hinders_no_repetition(house: House) -> None:
    first = await house.entered("dora", bill_number="NL-4711")
    override = {"resembles": first["id"], "reason": "The crane, and not the truck."}
    await house.entered("dora", bill_number="NL 4711", override=override)
    await house.approve("anna", first)
    await failed(house, first)
    again = await house.post("dora", first, "repeat")
    assert again.status_code == 200, again.text


async def test_an_answer_of_the_bank_that_i_wrote_myself_pays_nothing_twice(house: House) -> None:
    await house.vendor("sued", **IN_FILES)
    payment = await house.entered("dora", vendor_id="sued")
    await house.approve("anna", payment)
    body = {"currency": "EUR", "method": "file"}
    run = (await house.ask("olga", "POST", RUNS, body, Idempotency_Key="run")).json()
    file = await house.ask("olga", "GET", f"{RUNS}/{run['id']}/pain.001")
    assert file.status_code == 200, file.text
    line = TransactionStatus(
        end_to_end_id=end_to_end_id(PaymentId.parse(payment["id"])),
        status="RJCT", reason_code="AM04", amount=Money(12_345, "EUR"),
    )  # fmt: skip
    report = StatusReport(message_id=run["message_id"], group_status=None, transactions=(line,))
    forged = write_pain002(report, created_at=datetime.now(UTC))
    told = await house.ask("olga", "POST", f"{RUNS}/status-reports", forged, **XML)
    assert (told.status_code, told.json()["failed"]) == (200, 1), told.text
    again = (await house.post("olga", payment, "repeat")).json()
    assert (again["status"], again["approvals_given"]) == ("pending_approval", 0)
    assert house.ids["olga"] in again["makers"]
    none = await house.ask("olga", "POST", RUNS, body, Idempotency_Key="run-2")
    assert refusal(none) == (409, "nothing-to-collect")


async def test_a_bill_number_in_disguise_is_the_same_bill(house: House) -> None:
    first = await house.entered("dora", 10_000, bill_number="RE-2026-1004")
    for disguise in (
        "RE-2026-10\u00ad04", "RE-2026-10\ufe0f04", "RE-2026-1\u034f004", "RE-2026-1\u200b004",
        "RE-2026-\uff11\uff10\uff10\uff14", "\u0420\u0415-2026-1004", "RE-2026-1\u043e\u03bf4",
        "RE-2026-1\u0660\u06604", "re 2026 / 1004", "RE-2026-10\u20de04",
    ):  # fmt: skip
        answer = await house.enter("dora", 10_000, bill_number=disguise)
        if answer.status_code != 422:  # what is not seen may be refused as well
            assert refusal(answer) == (409, "duplicate-bill"), disguise
            assert answer.json()["resembles"]["payment_id"] == first["id"]


async def test_one_bill_without_a_number_is_not_entered_twice(house: House) -> None:
    first = await house.entered("dora", 12_345, incident_id="inc_one")
    await house.approve("anna", first)
    await house.app.db.pool.execute(
        "update payments set status = 'succeeded', settled_at = now() where id = $1",
        PaymentId.parse(first["id"]),
    )
    again = await house.enter("dora", 12_345, incident_id="inc_one")
    assert refusal(again) == (409, "duplicate-bill")


# --- where the money goes ------------------------------------------------------------------------


async def test_bank_details_are_nobodys_to_change_alone(house: House) -> None:
    await house.key("approver", Role.APPROVER, by="mallory")
    assert (await house.vendor("mine", who="mallory")).status_code == 201
    before = await house.everything()
    new = {"name": "Nordlicht Bau", "payout": {"name": "x", "bank": "partner_bank", "iban": IBAN}}
    refused = await house.ask("mallory", "PUT", f"{VENDORS}/mine", new)
    assert refusal(refused) == (409, "payout-differs")
    assert await house.everything() == before
    # The same account under another name is another payout.
    change = (await house.change("mallory", "mine", iban=IBAN, name="Mallory")).json()
    assert change["differs_in"] == ["name"]
    await house.delegate("mallory", "vera")
    for who in ("mallory", "approver", "vera"):
        assert refusal(await house.approve_change(who, change)) == FOUR_EYES, who
    assert (await house.approve_change("anna", change)).json()["status"] == "approved"
    # Back again is a change like any other.
    back = (await house.change("mallory", "mine", iban=IBAN)).json()
    assert refusal(await house.approve_change("mallory", back)) == FOUR_EYES
    shown = (await house.ask("vera", "GET", f"{VENDORS}/mine")).json()
    assert (shown["payout_version"], shown["pending_change_id"]) == (2, back["id"])


async def test_nothing_but_time_ends_a_pause(house: House) -> None:
    change = (await house.change("mallory")).json()
    assert (await house.approve_change("anna", change)).json()["status"] == "approved"
    until = await paused_until(house)
    assert until > (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    why = {"reason": "to see what happens"}
    for verb in ("block", "unblock"):
        path = f"{VENDORS}/nordlicht/{verb}"
        assert (await house.ask("mallory", "POST", path, why)).status_code == 200
    second = (await house.change("mallory", iban=THIRD_IBAN)).json()
    path = f"{V1}/vendor-changes/{second['id']}/withdraw"
    assert (await house.ask("mallory", "POST", path)).status_code == 200
    third = (await house.change("mallory", iban=THIRD_IBAN)).json()
    path = f"{V1}/vendor-changes/{third['id']}/reject"
    assert (await house.ask("anna", "POST", path, why)).status_code == 200
    same = {"name": "Nordlicht Neu", "payout_mode": "run"}
    assert (await house.ask("mallory", "PUT", f"{VENDORS}/nordlicht", same)).status_code == 200
    assert await paused_until(house) == until


async def test_a_payment_that_waits_does_not_leave_for_other_bank_details(house: House) -> None:
    change = (await house.change("olga")).json()
    payment = await house.entered("dora")
    waits = (await house.approve("anna", payment)).json()
    assert (waits["status"], waits["released_at"]) == ("processing", None)
    assert (await released(house, payment))["released_at"] is None
    assert (await house.approve_change("ben", change)).json()["status"] == "approved"
    assert (await released(house, payment))["status"] == "canceled"
    again = await successor_of(house, payment)
    assert (again["status"], again["approvals_given"]) == ("pending_approval", 0)
    assert again["content_hash"] != payment["content_hash"]
    # Two, because the bank details are new; and then it waits for the pause to end.
    half = (await house.approve("anna", again)).json()
    assert (half["status"], half["approvals_needed"]) == ("pending_approval", 2)
    done = (await house.approve("ben", again)).json()
    assert (done["status"], done["released_at"]) == ("processing", None)
    assert done["release_at"] == await paused_until(house)
    assert (await released(house, again))["released_at"] is None


async def test_a_repetition_does_not_get_around_a_pause(house: House) -> None:
    payment = await house.entered("dora")
    await house.approve("anna", payment)
    await failed(house, payment)
    await house.change("olga")
    again = (await house.post("dora", payment, "repeat")).json()
    assert (again["status"], again["released_at"]) == ("processing", None)
    assert again["release_at"] == await paused_until(house)
    assert (await released(house, again))["released_at"] is None


@pytest.mark.parametrize("method", ["provider", "file"])
async def test_a_run_does_not_get_around_a_pause(house: House, method: str) -> None:
    kind: dict[str, Any] = {"payout_mode": "run"} if method == "provider" else IN_FILES
    await house.vendor("sued", **kind)
    await house.vendor("west", **kind, name="West")
    first = await house.entered("dora", vendor_id="sued")
    second = await house.entered("dora", 54_300, vendor_id="west")
    for it in (first, second):
        assert (await house.approve("anna", it)).json()["status"] == "processing"
    bank = "partner_bank" if method == "provider" else "bank_files"
    body = {"currency": "EUR", "method": method}
    run = (await house.ask("olga", "POST", RUNS, body, Idempotency_Key="1")).json()
    assert run["payments"] == 2
    change = await house.change("olga", "sued", bank=bank, iban=THIRD_IBAN)
    assert change.status_code == 202, change.text
    path = f"{RUNS}/{run['id']}"
    if method == "provider":
        left = await house.ask("olga", "POST", f"{path}/release")
        assert [it["reason"] for it in left.json()["held_back"]] == ["vendor_paused"]
    else:
        file = await house.ask("olga", "GET", f"{path}/pain.001")
        assert (file.status_code, file.content.count(b"<CdtTrfTxInf>")) == (200, 1)
        assert b"123.45" not in file.content
        assert (await house.ask("olga", "GET", f"{path}/pain.001")).content == file.content
    assert (await house.see(first))["released_at"] is None
    assert (await house.see(second))["released_at"] is not None
    none = await house.ask("olga", "POST", RUNS, body, Idempotency_Key="2")
    assert refusal(none) == (409, "nothing-to-collect")
    approved = await house.approve_change("ben", change.json())
    assert approved.json()["status"] == "approved"
    none = await house.ask("olga", "POST", RUNS, body, Idempotency_Key="3")
    assert refusal(none) == (409, "nothing-to-collect")
