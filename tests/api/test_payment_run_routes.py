"""Payment runs over HTTP: from what waits to what the bank says of it, and by whom."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from tests.iso20022.pain002_writing import write_pain002
from tests.payment_runs.running import Payroll
from tests.payments.paying import an_office, settings_of
from tests.simulator.simulating import IBAN, Simulator

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.identity.permissions import Role
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.payment_runs.names import end_to_end_id
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
ROUTE = "/api/v1/payment-runs"
REPORTS = f"{ROUTE}/status-reports"
XML = {"content-type": "application/xml"}


@pytest.fixture
def settings(simulator: Simulator) -> Settings:
    return settings_of(
        simulator,
        payment_file_debtor_name="Werkstatt Nord GmbH",
        payment_file_debtor_iban=IBAN,
    )


@pytest.fixture
async def payroll(database_url: str, settings: Settings) -> AsyncIterator[Payroll]:
    async with an_office(database_url, settings) as office:
        payroll = Payroll(office)
        await payroll.prepare()
        yield payroll


@pytest.fixture
async def app(payroll: Payroll) -> App:
    return payroll.app


async def collected(api: Client, key: str = "k", **changes: Any) -> dict[str, Any]:
    answer = await post(api, key, **changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def post(api: Client, key: str = "k", **changes: Any) -> httpx2.Response:
    body = {"currency": "EUR", "method": "provider"} | changes
    return await api.post(ROUTE, json=body, headers={"Idempotency-Key": key})


def an_answer(run: dict[str, Any], *lines: tuple[str, str, int]) -> bytes:
    """Lines of payment, status and amount."""
    transactions = tuple(
        TransactionStatus(
            end_to_end_id=end_to_end_id(PaymentId.parse(payment_id)),
            status=status,
            amount=Money(minor, "EUR"),
        )
        for payment_id, status, minor in lines
    )
    report = StatusReport(
        message_id=run["message_id"], group_status=None, transactions=transactions
    )
    return write_pain002(report, created_at=datetime.now(UTC))


async def test_a_run_is_collected_seen_and_released(api: Client, payroll: Payroll) -> None:
    waiting = await payroll.waiting(100, 200, 300)
    run = await collected(api)
    assert (run["id"][:4], run["status"], run["method"]) == ("run_", "collected", "provider")
    assert (run["payments"], run["amount_minor"], run["currency"]) == (3, 600, "EUR")
    again = await post(api)
    assert (again.json(), again.headers["idempotency-replayed"]) == (run, "true")
    assert (await post(api, limit=1)).json()["type"] == "/problems/key-reused"
    one = (await api.get(f"{ROUTE}/{run['id']}")).json()
    assert [it["id"] for it in one["items"]] == [str(it.id) for it in waiting]
    assert one["totals"] == [{"status": "processing", "payments": 3, "amount_minor": 600}]
    released = await api.post(f"{ROUTE}/{run['id']}/release")
    assert (released.status_code, released.json()["status"]) == (200, "released")
    assert released.json()["held_back"] == []
    refused = await api.post(f"{ROUTE}/{run['id']}/release")
    assert (refused.status_code, refused.json()["run_status"]) == (409, "released")
    assert (await api.post(f"{ROUTE}/{run['id']}/cancel")).status_code == 409


async def test_a_file_is_taken_out_and_answered(api: Client, payroll: Payroll) -> None:
    await payroll.waiting(100, 200, vendor="sued")
    run = await collected(api, method="file", execution_date=f"{datetime.now(UTC):%Y-%m-%d}")
    path = f"{ROUTE}/{run['id']}"
    file = await api.get(f"{path}/pain.001")
    assert (file.status_code, file.headers["content-type"]) == (200, "application/xml")
    assert f'filename="{run["message_id"]}.xml"' in file.headers["content-disposition"]
    assert file.content.startswith(b"<?xml")
    assert (await api.get(f"{path}/pain.001")).content == file.content
    one = (await api.get(path)).json()
    assert one["status"] == "released"
    assert one["file_sha256"] == file.headers["payment-file-sha256"]
    made, refused = (it["id"] for it in one["items"])
    answer = an_answer(run, (made, "ACSC", 100), (refused, "RJCT", 200))
    taken = await api.post(REPORTS, content=answer, headers=XML)
    assert taken.status_code == 200, taken.text
    told = taken.json()
    assert (told["run_id"], told["settled"], told["failed"]) == (run["id"], 1, 1)
    again = (await api.post(f"{path}/status-reports", content=answer, headers=XML)).json()
    assert again == told | {"replayed": True}
    contrary = an_answer(run, (made, "RJCT", 100), (str(PaymentId.new(datetime.now(UTC))), "X", 1))
    told = (await api.post(REPORTS, content=contrary, headers=XML)).json()
    assert [(it["payment_id"], it["our_status"]) for it in told["contradicting"]] == [
        (made, "succeeded")
    ]
    assert [it["reason"] for it in told["unmatched"]] == ["not_in_run"]
    one = (await api.get(path)).json()
    assert (one["status"], len(one["status_reports"])) == ("completed", 2)
    assert {it["status"]: it["payments"] for it in one["totals"]} == {"succeeded": 1, "failed": 1}


async def test_payments_and_runs_are_read_a_page_at_a_time(api: Client, payroll: Payroll) -> None:
    waiting = await payroll.waiting(100, 200, 300)
    first = await collected(api, "a", limit=2)
    second = await collected(api, "b")

    async def all_of(path: str, **params: Any) -> list[str]:
        ids: list[str] = []
        while True:
            page = (await api.get(path, params=params | {"limit": 1})).json()
            ids += [it["id"] for it in page["items"]]
            if page["next_cursor"] is None:
                return ids
            params["cursor"] = page["next_cursor"]

    assert await all_of(ROUTE) == [second["id"], first["id"]]
    assert await all_of(ROUTE, status="released") == []
    assert await all_of(ROUTE, method="provider", currency="EUR") == [second["id"], first["id"]]
    assert await all_of(f"{ROUTE}/{first['id']}") == [str(it.id) for it in waiting[:2]]


async def test_many_at_once_over_http_make_one_run_and_release_it_once(
    api: Client, payroll: Payroll
) -> None:
    await payroll.waiting(100, 200)
    answers = await asyncio.gather(*(post(api, f"k{it}") for it in range(6)))
    assert sorted(it.status_code for it in answers) == [201] + [409] * 5
    run = next(it.json() for it in answers if it.status_code == 201)
    released = await asyncio.gather(*(api.post(f"{ROUTE}/{run['id']}/release") for _ in range(6)))
    assert sorted(it.status_code for it in released) == [200] + [409] * 5
    assert len(await payroll.office.jobs("settle_payment")) == 2


async def test_what_makes_no_sense_is_refused(api: Client, payroll: Payroll) -> None:
    assert (await post(api)).json()["type"] == "/problems/nothing-to-collect"
    assert (await api.post(ROUTE, json={"currency": "EUR", "method": "file"})).status_code == 400
    for changes, field in (
        ({"currency": "eur"}, "currency"),
        ({"currency": "XQX"}, "currency"),
        ({"method": "pigeon"}, "method"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"execution_date": "tomorrow"}, "execution_date"),
        ({"execution_date": "1999-12-31", "method": "file"}, "execution_date"),
        ({"execution_date": f"{datetime.now(UTC):%Y-%m-%d}"}, "execution_date"),
        ({"more": 1}, "more"),
    ):
        answer = await post(api, **changes)
        assert answer.status_code == 422, answer.text
        assert field in answer.text
    nobody = f"{ROUTE}/run_{'0' * 26}"
    for path in (nobody, f"{nobody}/pain.001"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-run")
    for path in (f"{ROUTE}/run_x", f"{ROUTE}?cursor=x", f"{ROUTE}?status=gone"):
        assert (await api.get(path)).status_code == 422, path


async def test_what_is_no_report_is_refused(api: Client, payroll: Payroll) -> None:
    await payroll.waiting(100, vendor="sued")
    run = await collected(api, method="file")
    answer = an_answer(run)
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>'
    for path, content, headers, status in (
        (REPORTS, b"nonsense", XML, 400),
        (REPORTS, b"", XML, 400),
        (REPORTS, bomb, XML, 400),
        (REPORTS, b"{}", {"content-type": "application/json"}, 415),
        (REPORTS, answer, {"content-type": "text/xml; charset=utf-8"}, 409),
        (REPORTS, an_answer({"message_id": "none"}), XML, 404),
        (f"{ROUTE}/{run['id']}/status-reports", an_answer({"message_id": "none"}), XML, 422),
        (f"{ROUTE}/run_x/status-reports", answer, XML, 422),
    ):
        refused = await api.post(path, content=content, headers=headers)
        assert refused.status_code == status, (path, content[:40], refused.text)
    provider = f"{ROUTE}/{run['id']}/release"
    assert (await api.post(provider)).json()["type"] == "/problems/other-method"


async def test_a_report_of_many_payments_is_not_too_large(api: Client, payroll: Payroll) -> None:
    await payroll.waiting(100, vendor="sued")
    run = await collected(api, method="file")
    await api.get(f"{ROUTE}/{run['id']}/pain.001")
    strangers = [(str(PaymentId.new(datetime.now(UTC))), "ACSC", 1) for _ in range(5_000)]
    data = an_answer(run, *strangers)
    assert len(data) > 1024 * 1024
    told = (await api.post(REPORTS, content=data, headers=XML)).json()
    assert (len(told["unmatched"]), told["settled"]) == (5_000, 0)


@pytest.mark.parametrize("role", Role)
async def test_who_may_manage_and_who_may_see(
    client_of: ClientOf, payroll: Payroll, role: Role
) -> None:
    client = await client_of(role)
    may = role in (Role.OPERATOR, Role.ADMIN)
    await payroll.waiting(100, 200)
    run = (await payroll.see((await payroll.collect(limit=1)).id)).run
    assert (await post(client)).status_code == (201 if may else 403)
    assert (await client.get(ROUTE)).status_code == 200
    assert (await client.get(f"{ROUTE}/{run.id}")).status_code == 200
    assert (await client.get(f"{ROUTE}/{run.id}/pain.001")).status_code == (409 if may else 403)
    assert (await client.post(f"{ROUTE}/{run.id}/cancel")).status_code == (200 if may else 403)
    assert (await client.post(f"{ROUTE}/{run.id}/release")).status_code == (409 if may else 403)
    reported = await client.post(REPORTS, content=b"x", headers=XML)
    assert reported.status_code == (400 if may else 403)
