"""What an auditor tries: requests that are wrong change nothing and say why, and no answer, event
or log line tells an account number to who must not see it."""

import json
import logging
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.vendor_events import EVENTS, told_in_headers
from tests.api.vendor_house import (
    BILLS,
    HOLDER,
    IBAN,
    OTHER_IBAN,
    PAYOUT,
    RUNS,
    V1,
    VENDORS,
    XML,
    House,
    house_settings,
    refusal,
)

from paywright.core.ids import PaymentId
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.telemetry import logs
from paywright.wiring import App

Client = httpx2.AsyncClient
HUGE = 2**63 - 1
NOBODY = "0" * 26
SHARED = Path(__file__).parents[3] / "shared" / "testdata"
CLOUD_EVENTS = SHARED / "03_other_providers" / "cloudevents_http_conformance.json"


@pytest.fixture
def settings() -> Settings:
    return house_settings()


@pytest.fixture
async def house(app: App, client_of: Callable[[Role | None], Awaitable[Client]]) -> House:
    """Keys of roles; the vendor `nordlicht`, and `shut`, who is blocked; a closed incident."""
    house = House(app, await client_of(None))
    await house.furnish()
    for role in Role:
        await house.key(role.value, role)
    await house.vendor("shut")
    await house.ask("olga", "POST", f"{VENDORS}/shut/block", {"reason": "A letter."})
    await house.ask("dispatcher", "PUT", f"{V1}/incidents/inc_closed", {"status": "closed"})
    return house


def named(answer: httpx2.Response) -> list[str]:
    return [it["field"] for it in answer.json().get("errors", ())]


# --- ids -----------------------------------------------------------------------------------------

PATHS: list[tuple[str, str, Any]] = [
    ("GET", BILLS + "/{}", None),
    ("GET", BILLS + "/{}/audit", None),
    ("PATCH", BILLS + "/{}", {"content_hash": "0" * 64, "description": "x"}),
    ("POST", BILLS + "/{}/approve", {"content_hash": "0" * 64}),
    ("POST", BILLS + "/{}/reject", {"reason": "x"}),
    ("POST", BILLS + "/{}/cancel", {}),
    ("POST", BILLS + "/{}/repeat", None),
    ("GET", f"{V1}/vendor-changes" + "/{}", None),
    ("POST", f"{V1}/vendor-changes" + "/{}/approve", {"content_hash": "0" * 64}),
    ("POST", f"{V1}/vendor-changes" + "/{}/reject", {"reason": "x"}),
    ("POST", f"{V1}/vendor-changes" + "/{}/withdraw", None),
    ("GET", RUNS + "/{}", None),
    ("POST", RUNS + "/{}/release", None),
    ("POST", RUNS + "/{}/cancel", None),
    ("GET", RUNS + "/{}/pain.001", None),
    ("POST", f"{V1}/approval-delegations" + "/{}/end", None),
]


async def test_ids_that_are_nobodys_or_of_another_kind_are_refused(house: House) -> None:
    transfer = await house.app.db.pool.fetchval(
        "select id from payments where kind <> 'vendor_payment' limit 1"
    )
    before = await house.everything()
    for method, path, body in PATHS:
        answers = [
            await house.ask("admin", method, path.format(it), body)
            for it in (
                *(f"{prefix}_{NOBODY}" for prefix in ("pay", "run", "trf", "vch", "dlg", "iss")),
                "nothing", "%00", "pay_", "..%2f..%2fusers", "'%20or%201=1", "x" * 300,
            )
        ]  # fmt: skip
        for it in answers:
            # `..%2f` is a path that there is not.
            assert refusal(it)[0] in (400, 404, 405, 422), (method, path, it.status_code)
        # Those that are ids of the kind, and nobody's.
        assert any(it.status_code == 404 for it in answers[:6]), (method, path)
    # Another kind of payment is none of a vendor, whoever asks for it.
    for method, path, body in PATHS[:7]:
        it = await house.ask("admin", method, path.format(PaymentId.of(transfer)), body)
        assert refusal(it)[0] == 404, (method, path)
    assert await house.everything() == before


async def test_a_key_is_of_one_request_and_of_one_kind(house: House) -> None:
    payment = await house.entered("dispatcher", key="shared")
    before = await house.everything()
    other = await house.enter("operator", 700, key="shared")
    assert refusal(other) == (422, "key-reused")
    assert payment["id"] not in other.text
    assert await house.everything() == before
    # For something else it is another key.
    change = await house.ask(
        "olga", "POST", f"{VENDORS}/nordlicht/payout-changes",
        {"payout": PAYOUT | {"iban": OTHER_IBAN}, "reason": "x"}, Idempotency_Key="shared",
    )  # fmt: skip
    assert change.status_code == 202, change.text
    approval = {"content_hash": payment["content_hash"]}
    path = f"{BILLS}/{payment['id']}/approve"
    done = await house.ask("approver", "POST", path, approval, Idempotency_Key="shared")
    assert (done.status_code, done.json()["id"]) == (200, payment["id"])
    # Somebody else's approval is not mine by its key.
    again = await house.ask("admin", "POST", path, approval, Idempotency_Key="shared")
    assert refusal(again) == (422, "key-reused")
    missing = await house.ask("dispatcher", "POST", BILLS, {"vendor_id": "nordlicht"})
    assert refusal(missing)[0] in (400, 422)
    for bad in ("", " ", "x" * 256, "a b"):
        answer = await house.enter("dispatcher", 900, key=bad or " ")
        assert refusal(answer)[0] in (400, 422), bad


# --- what is entered -----------------------------------------------------------------------------


def lines(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"description": "x", "quantity": q, "unit_price_minor": p} for q, p in pairs]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0, "lines": lines((1, 0))}, "amount_minor"),
    ({"amount_minor": -5, "lines": lines((1, -5))}, "amount_minor"),
    ({"lines": lines((1, 12_344))}, "amount_minor"),
    ({"lines": lines((0, 12_345), (1, 12_345))}, "lines[0].quantity"),
    ({"lines": lines((-1, -12_345))}, "lines[0].quantity"),
    ({"lines": lines(*[(1, 1)] * 201), "amount_minor": 201}, "lines"),
    ({"lines": lines((2**32, 2**32)), "amount_minor": HUGE}, "lines"),
    ({"lines": lines((HUGE, 1), (HUGE, 1)), "amount_minor": HUGE - 1}, "lines"),
    ({"lines": lines((2**62, 4), (1, 1)), "amount_minor": 1}, "lines"),
    ({"currency": "EURO"}, "currency"),
    ({"currency": "CHF"}, "currency"),
    ({"vendor_id": "nobody"}, "vendor_id"),
    ({"vendor_id": "nordlicht\u200b"}, "vendor_id"),
    ({"vendor_id": "n\u043erdlicht"}, "vendor_id"),
    ({"vendor_id": "\uff4eordlicht"}, "vendor_id"),
    ({"vendor_id": ["nordlicht"]}, "vendor_id"),
    ({"incident_id": "inc_closed"}, "incident_id"),
    ({"incident_id": "inc\u20111"}, "incident_id"),
    ({"bill_number": "\u202e7411"}, "bill_number"),
    ({"bill_number": "---"}, "bill_number"),
    ({"bill_number": " "}, "bill_number"),
    ({"bill_number": "x" * 65}, "bill_number"),
    ({"payer_type": "Driver"}, "payer_type"),
    ({"lines": [{"description": "", "quantity": 1, "unit_price_minor": 12_345}]},
     "lines[0].description"),
    ({"lines": lines((1, 12_345))[0]}, "lines"),
    ({"metadata": [["a", "b"]]}, "metadata"),
]  # fmt: skip
# As text, for what a JSON library would not write. The field, or None: it is no JSON.
NUMBERS: list[tuple[str, str | None]] = [
    ('"12345"', "amount_minor"), ("12345.5", "amount_minor"),
    ("-0", "amount_minor"), ("1e400", "amount_minor"), ("9" * 400, "amount_minor"),
    ("NaN", None), ("Infinity", None), ("012345", None), ("0x3039", None), ("+12345", None),
    ("true", "amount_minor"), ("null", "amount_minor"), ("[12345]", "amount_minor"),
    ("12345,", None), ("--1", None), ("1_000", None), ("\uff11", None),
]  # fmt: skip


async def test_what_is_wrong_is_named_and_changes_nothing(house: House) -> None:
    await house.entered("dispatcher", 5)
    before = await house.everything()
    for changes, field in WRONG:
        answer = await house.enter("dispatcher", **changes)
        assert refusal(answer)[0] == 422, (changes, answer.text)
        assert field in named(answer), (changes, answer.text)
    blocked = await house.enter("dispatcher", vendor_id="shut")
    assert refusal(blocked) == (409, "vendor-blocked")
    assert await house.everything() == before


async def test_numbers_are_numbers(house: House) -> None:
    before = await house.everything()
    for text, field in NUMBERS:
        body = (
            '{"vendor_id":"nordlicht","currency":"EUR","payer_type":"driver","amount_minor":'
            f"{text}"
            ',"lines":[{"description":"x","quantity":1,"unit_price_minor":12345}]}'
        ).encode()
        answer = await house.ask(
            "dispatcher", "POST", BILLS, body,
            Content_Type="application/json", Idempotency_Key="numbers",
        )  # fmt: skip
        assert refusal(answer)[0] in (400, 422), (text, answer.text)
        if field is not None and text != "1e400":
            assert field in named(answer), (text, answer.text)
    assert await house.everything() == before


async def test_bodies_that_are_none_change_nothing(house: House) -> None:
    payment = await house.entered("dispatcher")
    one = f"{BILLS}/{payment['id']}"
    before = await house.everything()
    deep = b'{"metadata":' * 50_000 + b"{}" + b"}" * 50_000
    bodies = (
        b"", b"[]", b"null", b"7", b'"x"', b"{", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", deep,
        b'{"vendor_id":"nordlicht","vendor_id":"shut"}', b'{"a\\u0000":1}', b"{}{}",
        b'{"reason":"' + b"x" * 2_000_000 + b'"}',
    )  # fmt: skip
    routes = (
        ("POST", BILLS), ("PATCH", one), ("POST", f"{one}/approve"), ("POST", f"{BILLS}/approvals"),
        ("POST", f"{one}/reject"), ("PUT", f"{VENDORS}/new"), ("POST", RUNS),
        ("POST", f"{VENDORS}/nordlicht/payout-changes"), ("POST", f"{VENDORS}/nordlicht/block"),
        ("POST", f"{V1}/approval-delegations"), ("PUT", f"{V1}/incidents/inc_new"),
    )  # fmt: skip
    for method, path in routes:
        for body in bodies:
            answer = await house.ask(
                "admin", method, path, body or b"",
                Content_Type="application/json", Idempotency_Key="bodies",
            )  # fmt: skip
            assert refusal(answer)[0] in (400, 403, 413, 422), (method, path, body[:30])
        for content_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
            answer = await house.ask(
                "admin", method, path, b"{}", Content_Type=content_type, Idempotency_Key="bodies"
            )
            assert refusal(answer)[0] in (400, 415), (method, path, content_type)
    assert await house.everything() == before


async def test_of_two_values_of_one_name_an_approver_sees_the_one_that_counts(
    house: House,
) -> None:
    body = (
        b'{"vendor_id":"shut","vendor_id":"nordlicht","currency":"EUR","payer_type":"driver",'
        b'"amount_minor":1,"amount_minor":12345,'
        b'"lines":[{"description":"x","quantity":9,"quantity":1,"unit_price_minor":12345}]}'
    )
    answer = await house.ask(
        "dispatcher", "POST", BILLS, body,
        Content_Type="application/json", Idempotency_Key="twice",
    )  # fmt: skip
    if answer.status_code == 201:
        seen = await house.see(answer.json())
        told = (seen["vendor_id"], seen["amount_minor"], seen["lines"][0]["quantity"])
        assert told == ("nordlicht", 12_345, 1)
    else:
        assert refusal(answer)[0] in (400, 422)


# --- files and events of others ------------------------------------------------------------------

_NS = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + f']><Document xmlns="{_NS}"><CstmrPmtStsRpt>&j;</CstmrPmtStsRpt></Document>'
).encode()
XXE = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    f'<Document xmlns="{_NS}"><CstmrPmtStsRpt><GrpHdr><MsgId>&x;</MsgId></GrpHdr>'
    "</CstmrPmtStsRpt></Document>"
).encode()
REMOTE = XXE.replace(b"file:///etc/hostname", b"http://127.0.0.1:9/x")
OUTSIDE = f'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd"><Document xmlns="{_NS}"/>'.encode()


async def test_files_that_are_meant_to_harm_are_refused_unread(house: House) -> None:
    before = await house.everything()
    for data in (
        BOMB, XXE, REMOTE, OUTSIDE, b"", b"<", b"{}", BOMB.decode().encode("utf-16"),
        b"<a>" * 100_000, f'<Document xmlns="{_NS}">'.encode() + b"<x>" * 5_000,
        f'<Document xmlns="{_NS}"/>'.encode(), b"\x00" * 1000,
    ):  # fmt: skip
        for path in (f"{RUNS}/status-reports", f"{RUNS}/run_{NOBODY}/status-reports"):
            answer = await house.ask("operator", "POST", path, data, **XML)
            assert refusal(answer)[0] in (400, 404, 422), (data[:40], answer.text)
            assert not any(it in answer.text for it in ("aaaaaaaaaa", "/etc/hostname"))
    for who in ("dispatcher", "approver", "reviewer", "viewer"):
        refused = await house.ask(who, "POST", f"{RUNS}/status-reports", BOMB, **XML)
        assert refusal(refused)[0] == 403
    assert await house.everything() == before


def work(**changes: Any) -> dict[str, Any]:
    return {
        "vendor_id": "nordlicht", "incident_id": "inc_e", "amount_minor": 12_345,
        "currency": "EUR", "payer_type": "driver", "lines": lines((1, 12_345)),
    } | changes  # fmt: skip


@pytest.mark.skipif(not CLOUD_EVENTS.exists(), reason="needs the shared test data")
async def test_events_are_read_as_the_conformance_cases_have_them(house: House) -> None:
    cases = json.loads(CLOUD_EVENTS.read_text())
    assert cases
    for number, case in enumerate(cases):
        headers = {name.replace("-", "_"): value for name, value in case["headers"].items()}
        body: bytes = case["body"].encode()
        before = await house.everything()
        refused = await house.ask("dispatcher", "POST", EVENTS, body, **headers)
        # It is understood, and is none that anything waits for here.
        assert refusal(refused) == (422, "event-type-unknown"), refused.text
        assert refused.json()["event_type"] == case["expected"]["type"]
        assert await house.everything() == before
        # The same, of our type and with our data: what it says of itself is kept.
        ours = work(incident_id=f"inc_e{number}", bill_number=f"E-{number}01{number}")
        if case["name"] == "structured":
            event = json.loads(body) | {"type": "com.example.WorkCompleted", "data": ours}
            event["id"] += str(number)
            body = json.dumps(event).encode()
        else:
            headers |= {"ce_type": "com.example.WorkCompleted"}
            headers["ce_id"] += str(number)
            body = json.dumps(ours).encode()
        made = await house.ask("dispatcher", "POST", EVENTS, body, **headers)
        assert made.status_code == 201, made.text
        metadata = made.json()["metadata"]
        assert metadata["event_source"] == case["expected"]["source"]
        assert metadata["event_id"] == case["expected"]["id"] + str(number)
        again = await house.ask("dispatcher", "POST", EVENTS, body, **headers)
        assert (again.content, again.headers["idempotency-replayed"]) == (made.content, "true")


async def test_headers_of_events_are_decoded_once_and_bad_ones_refused(house: House) -> None:
    house.client.headers.update(house.headers["dispatcher"])
    made = await told_in_headers(
        house.client, work(), **{"ce-id": "%E2%82%AC%2520", "ce-source": "/a%2Fb"}
    )
    assert made.status_code == 201, made.text
    assert made.json()["metadata"]["event_id"] == "\u20ac%20"
    assert made.json()["metadata"]["event_source"] == "/a/b"
    before = await house.everything()
    for changes in (
        {"ce-id": "%"}, {"ce-id": "%zz"}, {"ce-id": "%ff"}, {"ce-id": "%00"}, {"ce-id": "%0a"},
        {"ce-source": "%20"}, {"ce-source": ""}, {"ce-specversion": "%"}, {"ce-time": "now"},
        {"content-type": "application/json; charset=utf-16"}, {"content-type": "image/png"},
        {"content-type": "application/octet-stream"}, {"ce-specversion": "1.1"},
    ):  # fmt: skip
        answer = await told_in_headers(house.client, work(incident_id="inc_other"), **changes)
        assert refusal(answer)[0] in (400, 415, 422), (changes, answer.text)
    for body in (b"\x89PNG\r\n", b"\xff\xfe", "{}".encode("utf-16"), b"[]"):
        answer = await told_in_headers(house.client, body)
        assert refusal(answer)[0] in (400, 415, 422), body
    assert await house.everything() == before


# --- what is told to whom ------------------------------------------------------------------------


async def test_no_cell_of_a_report_is_run_by_a_spreadsheet(house: House) -> None:
    """What stands in reports are names that may not begin so, and vendors' ids that may."""
    await house.vendor("-1-1-cmd")
    payment = await house.entered("dispatcher", vendor_id="-1-1-cmd", incident_id="-2")
    assert (await house.approve("approver", payment)).status_code == 200
    for kind in ("vendor-payouts", "incident-costs", "approval-ageing", "payer-type-spend"):
        path = f"{V1}/reports/{kind}?format=csv"
        report = await house.ask("viewer", "GET", path)
        assert report.headers["content-type"].startswith("text/csv"), (kind, report.text)
        for line in report.text.splitlines():
            for cell in line.split(","):
                is_number = cell.lstrip("-").replace(".", "", 1).isdigit()
                assert is_number or cell[:1] not in tuple("=+-@\t"), (kind, line)


async def test_account_numbers_and_holders_stay_with_who_must_know_them(house: House) -> None:
    stream = StringIO()
    logs.configure_logging("debug", service="test", stream=stream, json=True)
    texts: list[str] = []

    async def ask(who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await house.ask(who, method, path, body, **headers)
        texts.append(f"{method} {path} {answer.status_code} {answer.text}")
        return answer

    try:
        # Right, wrong, and where people write what belongs nowhere.
        await ask("operator", "PUT", f"{VENDORS}/ost", {"name": "Ost", "payout": PAYOUT})
        wrong = PAYOUT | {"iban": IBAN[:-1] + "1"}
        await ask("operator", "PUT", f"{VENDORS}/ost2", {"name": "Ost", "payout": wrong})
        await ask("operator", "PUT", f"{VENDORS}/nordlicht", {
            "name": "Nordlicht Bau", "payout": PAYOUT | {"iban": OTHER_IBAN},
        })  # fmt: skip
        change = await ask(
            "olga", "POST", f"{VENDORS}/nordlicht/payout-changes",
            {"payout": PAYOUT | {"iban": OTHER_IBAN}, "reason": "They wrote."}, Idempotency_Key="c",
        )  # fmt: skip
        for path in ("/nordlicht", "", "/ost", "?name=ord"):
            await ask("viewer", "GET", f"{VENDORS}{path}")
        path = f"{V1}/vendor-changes/{change.json()['id']}"
        await ask("viewer", "GET", path)
        await ask("viewer", "GET", f"{V1}/vendor-changes")
        vote = {"content_hash": change.json()["content_hash"]}
        await ask("approver", "POST", f"{path}/approve", vote)
        payment = await house.entered("dispatcher")
        one = f"{BILLS}/{payment['id']}"
        seen = {"content_hash": payment["content_hash"]}
        edited = await house.ask(
            "dispatcher", "PATCH", one, seen | {"description": f"to {OTHER_IBAN} as before"}
        )
        assert edited.status_code == 200, edited.text
        rejected = await house.ask(
            "approver", "POST", f"{one}/reject", {"reason": f"it says {OTHER_IBAN}, not {IBAN}"}
        )
        assert rejected.status_code == 200, rejected.text
        other = await house.entered("dispatcher")
        canceled = await house.ask(
            "dispatcher", "POST", f"{BILLS}/{other['id']}/cancel", {"reason": f"no {IBAN}"}
        )
        assert canceled.status_code == 200
        paid = await house.entered("dispatcher", 321, vendor_id="ost")
        await ask("approver", "POST", f"{BILLS}/{paid['id']}/approve",
                  {"content_hash": paid["content_hash"]})  # fmt: skip
        for path in (f"{BILLS}/{paid['id']}", BILLS, f"{BILLS}/pending", f"{V1}/events"):
            await ask("admin", "GET", path)
        await ask("admin", "GET", f"{BILLS}/{paid['id']}/audit")
        await ask("operator", "GET", f"{one}/audit")
    finally:
        logs.configure_logging("warning", service="test")
        logging.captureWarnings(False)
    rows = await house.app.db.pool.fetch("select to_jsonb(it)::text as text from events as it")
    jobs = await house.app.db.pool.fetch("select to_jsonb(it)::text as text from pgqueuer as it")
    kept = [row["text"] for row in (*rows, *jobs)]
    assert any("payment.rejected" in it for it in kept)
    assert stream.getvalue()
    secret = (IBAN, OTHER_IBAN, IBAN[4:], OTHER_IBAN[4:], IBAN[:-1])
    for text in (*texts, *kept, stream.getvalue()):
        found = [it for it in secret if it in text.replace(" ", "")]
        assert not found, (found, text[:300])
    # The holder is told where bank details are, to who may read vendors, and nowhere else.
    for text in (*kept, stream.getvalue()):
        assert HOLDER not in text, text[:300]
    for text in texts:
        if HOLDER in text:
            assert "/vendors" in text or "/vendor-changes" in text, text[:200]
    # Nor is anything of it in the clear where answers and payments are kept.
    for table in ("idempotency_keys", "payments", "vendors", "vendor_changes"):
        found = await house.app.db.pool.fetch(
            f"select 1 from {table} as it where strpos(to_jsonb(it)::text, $1) > 0",
            HOLDER,
        )
        assert not found, table
