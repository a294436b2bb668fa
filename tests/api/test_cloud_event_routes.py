"""The event WorkCompleted becomes a vendor payment, exactly once, in each mode of HTTP."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from tests.api.vendor_events import (
    EVENTS,
    add_vendor,
    an_event,
    payments_made,
    the_work,
    told,
    told_in_headers,
    told_many,
)

from paywright.api.app import create_api
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]


@pytest.fixture
async def sender(app: App, client_of: ClientOf) -> Client:
    """The dispatchers' system."""
    await add_vendor(app)
    return await client_of(Role.DISPATCHER)


async def test_work_that_is_completed_is_to_be_paid(sender: Client, app: App) -> None:
    work = the_work(work_order="WO-7", bill_number="INV-0042", bill_date="2026-01-05")
    answer = await told(sender, an_event(data=work, subject="inc_1", time="2026-01-05T12:00:00Z"))
    assert answer.status_code == 201, answer.text
    payment = answer.json()
    assert (payment["type"], payment["status"]) == ("vendor_payment", "pending_approval")
    asked = ("vendor_id", "incident_id", "amount_minor", "lines", "work_order", "bill_number")
    assert {name: payment[name] for name in asked} == {name: work[name] for name in asked}
    assert payment["metadata"] == {"event_source": "/dispatch/south", "event_id": "evt-1"}
    seen = await sender.get(f"/api/v1/vendor-payments/{payment['id']}")
    assert seen.json()["content_hash"] == payment["content_hash"]
    assert await payments_made(app) == 1


async def test_each_mode_says_the_same(sender: Client, app: App) -> None:
    data = {"data_base64": base64.b64encode(json.dumps(the_work()).encode()).decode()}
    encoded = {name: it for name, it in an_event().items() if name != "data"} | data
    first = await told(sender, an_event())
    for again in (
        await told_in_headers(sender),
        await told(sender, encoded | {"datacontenttype": "application/json; charset=utf-8"}),
        await told(sender, an_event(), **{"ce-id": "evt-1", "ce-type": "WorkCompleted"}),
        await told_in_headers(sender, **{"content-type": "application/vnd.work+json"}),
    ):
        assert again.status_code == 201, again.text
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
    (result,) = (await told_many(sender, an_event())).json()["results"]
    assert result == {"index": 0, "status": 201, "replayed": True, "answer": first.json()}
    assert "idempotency-replayed" not in first.headers
    assert await payments_made(app) == 1


async def test_an_event_with_other_data_is_another_and_refused(sender: Client) -> None:
    await told(sender, an_event())
    line = {"description": "Towing", "quantity": 1, "unit_price_minor": 9_900}
    answer = await told(sender, an_event(data=the_work(amount_minor=9_900, lines=[line])))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/key-reused")
    assert answer.json()["fields"] == ["amount_minor", "lines"]


async def test_attributes_that_say_nothing_of_the_payment_may_differ(sender: Client) -> None:
    first = await told(sender, an_event(time="2026-01-05T12:00:00Z", traceparent="00-1"))
    again = await told(sender, an_event(type="com.example.WorkCompleted", dataschema=None))
    assert first.content == again.content


async def test_ids_are_those_of_their_source(sender: Client, app: App) -> None:
    work = the_work(incident_id="inc_2")
    assert (await told(sender, an_event())).status_code == 201
    other = await told(sender, an_event(source="/dispatch/north", data=work))
    assert other.status_code == 201
    assert await payments_made(app) == 2


async def test_a_long_source_and_id_are_known_again(sender: Client, app: App) -> None:
    event = an_event("i" * 255, source="/" + "s" * 499)
    first, again = await told(sender, event), await told(sender, event)
    assert first.status_code == 201
    assert first.content == again.content
    assert await payments_made(app) == 1


async def test_header_values_are_decoded(sender: Client) -> None:
    answer = await told_in_headers(
        sender,
        **{"ce-id": "caf%C3%A9%20%E2%82%AC%25", "ce-source": '"/a\\"b"', "ce-unknown": "x"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["metadata"] == {"event_id": "café €%", "event_source": '/a"b'}


async def test_an_event_is_refused_for_what_an_entered_payment_is(sender: Client, app: App) -> None:
    work = the_work(bill_number="INV-0042")
    assert (await told(sender, an_event("1", data=work))).status_code == 201
    duplicate = await told(sender, an_event("2", data=work | {"incident_id": "inc_2"}))
    assert (duplicate.status_code, duplicate.json()["type"]) == (409, "/problems/duplicate-bill")
    assert duplicate.json()["resembles"]["bill_number"] == "INV-0042"
    is_open = await told(sender, an_event("3", data=the_work()))
    assert (is_open.status_code, is_open.json()["type"]) == (409, "/problems/payment-open")
    await sender.put("/api/v1/incidents/inc_3", json={"status": "closed"})
    line = {"description": "Towing", "quantity": 1, "unit_price_minor": 9_900}
    work = the_work(incident_id="inc_3", amount_minor=9_900, lines=[line])
    closed = await told(sender, an_event("4", data=work))
    assert closed.status_code == 422
    assert closed.json()["errors"][0]["field"] == "incident_id"
    assert await payments_made(app) == 1


async def test_a_refused_event_may_be_sent_again(sender: Client, app: App) -> None:
    unknown = an_event(data=the_work(vendor_id="ven_new"))
    assert (await told(sender, unknown)).status_code == 422
    await add_vendor(app, "ven_new")
    assert (await told(sender, unknown)).status_code == 201


async def test_events_of_a_batch_are_answered_each_on_its_own(sender: Client, app: App) -> None:
    answer = await told_many(
        sender,
        an_event("1"),
        an_event("2", type="WorkStarted"),
        an_event("3", data=the_work(incident_id="inc_3")),
        an_event("1"),
        {"id": "5"},
        "six",
        an_event("1", data=the_work(incident_id="inc_7")),
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["type"], told["accepted"], told["refused"]) == ("event_results", 3, 4)
    assert [it["index"] for it in told["results"]] == list(range(7))
    assert [it["status"] for it in told["results"]] == [201, 422, 201, 201, 422, 422, 422]
    first, other_type, _, again, *_, reused = told["results"]
    assert other_type["problem"]["type"] == "/problems/event-type-unknown"
    assert other_type["problem"]["event_type"] == "WorkStarted"
    assert (again["replayed"], again["answer"]) == (True, first["answer"])
    assert reused["problem"]["type"] == "/problems/key-reused"
    assert await payments_made(app) == 2


async def test_an_empty_batch_is_one(sender: Client) -> None:
    answer = await told_many(sender)
    assert (answer.status_code, answer.json()["results"]) == (200, [])


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
async def test_only_who_may_enter_payments_may_send_events(client_of: ClientOf, role: Role) -> None:
    answer = await told(await client_of(role), an_event())
    assert (answer.status_code, answer.json()["permission"]) == (403, "payments:create")
    assert (await told(await client_of(None), an_event())).status_code == 401


@pytest.fixture
async def second(database_url: str, settings: Settings, sender: Client) -> AsyncIterator[Client]:
    """Another API over the same database, with connections of its own."""
    app = await build(settings, url=database_url, application="second")
    transport = httpx2.ASGITransport(create_api(app), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://b", headers=sender.headers) as client:
        yield client
    await app.close()


async def test_one_event_fifty_times_at_once_makes_one_payment(
    sender: Client, second: Client, app: App
) -> None:
    answers = await asyncio.gather(*(told((sender, second)[i % 2], an_event()) for i in range(50)))
    assert {it.status_code for it in answers} == {201}
    assert len({it.content for it in answers}) == 1
    assert sum("idempotency-replayed" not in it.headers for it in answers) == 1
    assert await payments_made(app) == 1


async def test_one_bill_in_fifty_events_at_once_makes_one_payment(
    sender: Client, second: Client, app: App
) -> None:
    def event(i: int) -> dict[str, Any]:
        return an_event(f"{i}", data=the_work(incident_id=f"inc_{i}", bill_number="INV-0042"))

    answers = await asyncio.gather(*(told((sender, second)[i % 2], event(i)) for i in range(50)))
    statuses = sorted(it.status_code for it in answers)
    assert statuses == [201] + [409] * 49
    made = next(it.json()["id"] for it in answers if it.status_code == 201)
    named = {it.json()["resembles"]["payment_id"] for it in answers if it.status_code == 409}
    assert named == {made}
    assert await payments_made(app) == 1


async def test_the_route_is_described(sender: Client) -> None:
    document = (await sender.get("/openapi.json")).json()
    operation = document["paths"][EVENTS]["post"]
    assert {it["name"] for it in operation["parameters"]} == {
        "ce-id", "ce-source", "ce-type", "ce-specversion",
    }  # fmt: skip
    assert {"200", "201"} <= operation["responses"].keys()
