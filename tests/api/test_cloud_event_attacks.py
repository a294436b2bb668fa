"""What is no CloudEvent, or a bad one, is refused in words, and nothing is made of it."""

import json
from collections.abc import Awaitable, Callable
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

from paywright.identity.permissions import Role
from paywright.wiring import App

Client = httpx2.AsyncClient
STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"


@pytest.fixture
async def sender(app: App, client_of: Callable[[Role | None], Awaitable[Client]]) -> Client:
    await add_vendor(app)
    return await client_of(Role.DISPATCHER)


async def refused(app: App, answer: httpx2.Response, status: int, word: str) -> None:
    """With a problem that has this word in it, and nothing was made."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.text, answer.text
    assert await payments_made(app) == 0


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in an_event().items() if key != name}


async def test_what_is_required_is_named(sender: Client, app: App) -> None:
    for name in ("id", "source", "type", "specversion", "data"):
        await refused(app, await told(sender, without(name)), 422, f'"{name}"')
    for name in ("id", "source", "type"):
        answer = await told_in_headers(sender, **{f"ce-{name}": None})
        await refused(app, answer, 422, f'"{name}"')


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"specversion": "0.3"}, "specversion"),
    ({"specversion": 1.0}, "specversion"),
    ({"id": ""}, "id"),
    ({"id": 7}, "id"),
    ({"id": "a\x00b"}, "id"),
    ({"id": "i" * 256}, "id"),
    ({"source": "two words"}, "source"),
    ({"source": "s" * 501}, "source"),
    ({"source": None}, "source"),
    ({"type": "WorkStarted"}, "WorkStarted"),
    ({"type": "NotWorkCompleted"}, "NotWorkCompleted"),
    ({"type": "workcompleted"}, "workcompleted"),
    ({"subject": ""}, "subject"),
    ({"time": "10000-01-01T00:00:00Z"}, "time"),
    ({"time": "0001-01-01T00:00:00Z"}, "time"),
    ({"time": "2026-01-05T12:00:00"}, "time"),
    ({"time": "yesterday"}, "time"),
    ({"data": "vendor"}, '"data"'),
    ({"data": None}, '"data"'),
    ({"data": [the_work()]}, '"data"'),
    ({"data": json.dumps(the_work())}, '"data"'),
    ({"data": the_work(surprise=1)}, '"data.surprise"'),
    ({"data": the_work(override={"resembles": "x", "reason": "y"})}, '"data.override"'),
    ({"data": the_work(amount_minor=120.5)}, '"data.amount_minor"'),
    ({"data": the_work(amount_minor=-1)}, '"amount_minor"'),
    ({"data": the_work(amount_minor=2**63)}, '"amount_minor"'),
    ({"data": the_work(amount_minor=12_001)}, '"amount_minor"'),
    ({"data": the_work(currency="EURO")}, '"currency"'),
    ({"data": the_work(currency="XYZ")}, '"currency"'),
    ({"data": the_work(incident_id=None)}, '"data.incident_id"'),
    ({"data": the_work(incident_id="a b")}, '"incident_id"'),
    ({"data": the_work(debit_account_id="acc_1")}, '"debit_account_id"'),
    ({"data": the_work(bill_date="2026-02-30")}, '"data.bill_date"'),
    ({"data": the_work(lines=[])}, '"lines"'),
    ({"data": the_work(metadata={"a": 1})}, '"data.metadata'),
    ({"data_base64": "eyJ9"}, '"data_base64"'),
]


async def test_what_is_wrong_is_named(sender: Client, app: App) -> None:
    for changes, field in WRONG:
        await refused(app, await told(sender, an_event() | changes), 422, field)


async def test_data_in_base64_must_be_base64_of_json(sender: Client, app: App) -> None:
    for text in ("!", "e30", "bm8="):
        event = without("data") | {"data_base64": text}
        await refused(app, await told(sender, event), 422, "data")


MEDIA = [
    ("application/cloudevents+avro", 415),
    ("application/cloudevents", 415),
    (f"{STRUCTURED}; charset=utf-16", 415),
    (f'{STRUCTURED}; charset="latin-1"', 415),
    (f"{BATCHED}; charset=iso-8859-1", 415),
    ("application/json", 400),
    ("text/plain", 400),
    ("", 400),
    (BATCHED, 422),
]


async def test_other_media_are_refused(sender: Client, app: App) -> None:
    for content_type, status in MEDIA:
        answer = await told(sender, an_event(), **{"content-type": content_type})
        await refused(app, answer, status, "problems")


async def test_a_charset_that_is_utf_8_is_let_in(sender: Client) -> None:
    content_type = {"content-type": "Application/CloudEvents+JSON ; Charset=UTF-8"}
    assert (await told(sender, an_event(), **content_type)).status_code == 201


async def test_data_that_is_no_json_is_refused(sender: Client, app: App) -> None:
    for media_type in ("text/xml", "application/json; charset=utf-16"):
        event = an_event(datacontenttype=media_type)
        await refused(app, await told(sender, event), 415, "data")
        answer = await told_in_headers(sender, **{"content-type": media_type})
        await refused(app, answer, 415, "got" if "charset" in media_type else "data")


async def test_headers_may_not_contradict_the_body(sender: Client, app: App) -> None:
    for name in ("ce-id", "ce-source", "ce-type", "ce-specversion"):
        await refused(app, await told(sender, an_event(), **{name: "2.0"}), 400, name)


async def test_a_batch_has_no_event_in_its_headers(sender: Client, app: App) -> None:
    headers = {"content-type": BATCHED, "ce-id": "evt-1"}
    content = json.dumps([an_event()]).encode()
    answer = await sender.post(EVENTS, content=content, headers=headers)
    await refused(app, answer, 400, "batch")


BADLY_ENCODED = [
    (b"%FF%FE", "UTF-8"),
    (b"%C0%AF", "UTF-8"),
    (b"%ED%A0%80", "UTF-8"),
    (b"100%", "%"),
    (b"%zz", "%"),
    ("café".encode(), "percent-encoded"),
]


async def test_headers_must_be_encoded(sender: Client, app: App) -> None:
    for value, word in BADLY_ENCODED:
        await refused(app, await told_in_headers(sender, **{"ce-id": value}), 400, word)


async def test_headers_that_decode_to_controls_are_refused(sender: Client, app: App) -> None:
    for value in ("%00", "a%0Ab", "%1F", '""', "i" * 256):
        await refused(app, await told_in_headers(sender, **{"ce-id": value}), 422, '"id"')
    # Written backwards, an id would be read as another one.
    await refused(app, await told_in_headers(sender, **{"ce-id": "%E2%80%AEx"}), 422, "event_id")


async def test_a_header_that_stands_twice_is_refused(sender: Client, app: App) -> None:
    for name in ("ce-id", "content-type"):
        given = {
            "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "WorkCompleted",
            "content-type": "application/json",
        }  # fmt: skip
        headers = [*given.items(), (name, given[name])]
        content = json.dumps(the_work()).encode()
        answer = await sender.post(EVENTS, content=content, headers=headers)
        await refused(app, answer, 400, "twice")


NO_EVENTS = [
    (b"", 400),
    (b"{", 400),
    (b"\xff\xfe{\x00}\x00", 400),
    (b"null", 422),
    (b"[]", 422),
    (b'"x"', 422),
    (b"[" * 100_000, 422),
    (b'{"data":' * 10_000 + b"1" + b"}" * 10_000, 400),
]


async def test_bodies_that_are_no_event_are_refused(sender: Client, app: App) -> None:
    for body, status in NO_EVENTS:
        await refused(app, await told(sender, body), status, "problems")


async def test_deep_data_is_refused(sender: Client, app: App) -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    event = json.dumps(an_event(data="HERE")).encode().replace(b'"HERE"', deep)
    answer = await told(sender, event)
    assert answer.status_code in (400, 422)
    assert (await told_in_headers(sender, deep)).status_code in (400, 422)
    assert await payments_made(app) == 0


async def test_two_megabytes_are_too_many(sender: Client, app: App) -> None:
    event = an_event(data=the_work(description="x" * 2_000_000))
    await refused(app, await told(sender, event), 413, "too-large")


async def test_a_hundred_events_are_a_batch_and_one_more_is_none(sender: Client, app: App) -> None:
    events = [an_event(f"{i}", data=the_work(incident_id=f"inc_{i}")) for i in range(101)]
    await refused(app, await told_many(sender, *events), 422, "100")
    told = (await told_many(sender, *events[:100])).json()
    assert (told["accepted"], told["refused"]) == (100, 0)
    assert await payments_made(app) == 100


async def test_a_member_that_stands_twice_does_not_hide_another(sender: Client, app: App) -> None:
    raw = json.dumps(an_event()).replace('"id": "evt-1"', '"id": "evt-0", "id": "evt-1"')
    first, again = await told(sender, raw.encode()), await told(sender, an_event())
    assert first.content == again.content
    assert await payments_made(app) == 1
