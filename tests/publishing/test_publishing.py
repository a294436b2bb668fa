"""The event log as others see it: in order, whole, signed, whatever happens to the receiver."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.builders import a_cause

from paywright.core.errors import Invalid
from paywright.core.page import decode_cursor
from paywright.db.pool import Database
from paywright.events import Event
from paywright.events.emit import emit, emit_all
from paywright.events.stream import read_stream
from paywright.publishing.cloud_event import public_type
from paywright.publishing.feed import events_after
from paywright.publishing.publish import publish
from paywright.publishing.sink import Sink
from paywright.publishing.status import sink_status

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
ALL: frozenset[str] = frozenset()


class Receiver:
    """A real HTTP server that takes events, or does not. heard: bodies and headers, in order"""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, Any], dict[str, str], bytes]] = []
        self.refuses: set[str] = set()
        self.status = 500
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
                headers = {name.lower(): value for name, value in lines}
                body = await reader.readexactly(int(headers["content-length"]))
                event = json.loads(body)
                status = self.status if event["subject"] in self.refuses else 204
                if status == 204:
                    self.heard.append((event, headers, body))
                answer = f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"
                writer.write(answer.encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @property
    def sequences(self) -> list[int]:
        return [int(event["sequence"]) for event, _, _ in self.heard]

    @property
    def subjects(self) -> list[str]:
        return [event["subject"] for event, _, _ in self.heard]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    it = Receiver()
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    yield it
    server.close()


@asynccontextmanager
async def told(receiver: Receiver, **changes: Any) -> AsyncIterator[Sink]:
    fields = {"url": receiver.url, "secret": SECRET, "types": ALL}
    sink = Sink(**fields | changes, clock=lambda: datetime(2026, 1, 5, 12, tzinfo=UTC))
    yield sink
    await sink.close()


async def happened(db: Database, *subjects: str, type: str = "payment.created") -> None:
    async with db.transaction() as tx:
        caused = [(a_cause(), Event(type, it, {"amount_minor": 5})) for it in subjects]
        await emit_all(tx, caused)


async def test_each_event_is_told_once_and_in_order(db: Database, receiver: Receiver) -> None:
    await happened(db, *(f"pay_{number % 7}" for number in range(500)))
    async with told(receiver) as sink:
        assert await publish(db, sink, a_cause()) == 500
        assert await publish(db, sink, a_cause()) == 0
    assert sorted(receiver.sequences) == list(range(1, 501))
    for subject in set(receiver.subjects):
        pairs = zip(receiver.sequences, receiver.subjects, strict=True)
        mine = [it for it, name in pairs if name == subject]
        assert mine == sorted(mine)


async def test_an_event_is_a_cloud_event_and_is_signed(db: Database, receiver: Receiver) -> None:
    await happened(db, "pay_1")
    async with told(receiver) as sink:
        await publish(db, sink, a_cause())
    ((event, headers, body),) = receiver.heard
    assert event["specversion"] == "1.0"
    assert (event["type"], event["subject"]) == ("PaymentCreated", "pay_1")
    assert event["data"] == {
        "actor": "system", "request_id": "req_test", "facts": {"amount_minor": 5},
    }  # fmt: skip
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b"k" * 32, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["webhook-id"] == event["id"]


async def test_what_is_refused_is_told_again_later_and_nothing_is_lost(
    db: Database, receiver: Receiver
) -> None:
    await happened(db, "pay_1", "pay_2", "pay_3")
    receiver.refuses = {"pay_2"}
    at = a_cause().at
    async with told(receiver) as sink:
        assert await publish(db, sink, a_cause()) == 1
        status = await sink_status(db)
        assert (status.told, status.failures, status.last_error) == (1, 1, "answered 500")
        assert await publish(db, sink, a_cause()) == 0  # not yet
        assert await publish(db, sink, a_cause(at=at + timedelta(seconds=3))) == 0
        receiver.refuses = set()
        assert await publish(db, sink, a_cause(at=at + timedelta(seconds=30))) == 2
    assert set(receiver.sequences) == {1, 2, 3}
    assert (await sink_status(db)).last_error is None


@pytest.mark.parametrize("status", [301, 400, 404, 410, 429, 503])
async def test_only_a_2xx_is_taken_for_an_answer(
    db: Database, receiver: Receiver, status: int
) -> None:
    await happened(db, "pay_1")
    receiver.refuses, receiver.status = {"pay_1"}, status
    async with told(receiver) as sink:
        assert await publish(db, sink, a_cause()) == 0
    assert (await sink_status(db)).last_error == f"answered {status}"


async def test_a_receiver_that_is_away_is_told_when_it_is_back(db: Database) -> None:
    await happened(db, "pay_1")
    away = Receiver()
    away.url = "http://127.0.0.1:9/events"
    async with told(away) as sink:
        assert await publish(db, sink, a_cause()) == 0
    assert "not reached" in ((await sink_status(db)).last_error or "")


async def test_only_the_types_that_are_wanted_are_told(db: Database, receiver: Receiver) -> None:
    await happened(db, "pay_1")
    await happened(db, "pay_2", type="payment.rejected")
    async with told(receiver, types=frozenset({"PaymentRejected"})) as sink:
        assert await publish(db, sink, a_cause()) == 2
    assert receiver.subjects == ["pay_2"]


async def test_an_event_that_commits_late_is_not_passed_over(db: Database) -> None:
    """Its number is lower than that of one which everybody can see already."""
    late = db.transaction()
    tx = await late.__aenter__()
    await emit(tx, a_cause(), Event("payment.created", "late", {}))
    await happened(db, "early")
    assert await read_stream(db, after=0, limit=10, patience_s=0.05) == []

    async def commit() -> None:
        await asyncio.sleep(0.1)
        await late.__aexit__(None, None, None)

    reading = read_stream(db, after=0, limit=10, patience_s=5)
    found, _ = await asyncio.gather(reading, commit())
    assert [it.subject for it in found] == ["late", "early"]


async def test_a_number_that_never_comes_holds_up_nobody(db: Database) -> None:
    await happened(db, "first")
    undone = db.transaction()
    tx = await undone.__aenter__()
    await emit(tx, a_cause(), Event("payment.created", "undone", {}))
    error = RuntimeError()
    assert not await undone.__aexit__(RuntimeError, error, None)
    await happened(db, "second")
    found = await read_stream(db, after=0, limit=10, patience_s=0)
    assert [it.subject for it in found] == ["first", "second"]


async def test_many_writers_and_a_reader_lose_nothing(db: Database) -> None:
    async def write(number: int) -> None:
        for turn in range(20):
            async with db.transaction() as tx:
                await emit(tx, a_cause(), Event("payment.created", f"w{number}-{turn}", {}))
                await asyncio.sleep(0.001 * (number % 3))

    seen: list[str] = []

    async def read() -> None:
        after = 0
        while len(seen) < 160:
            for it in await read_stream(db, after=after, limit=9, patience_s=1):
                after = it.sequence
                seen.append(it.subject)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(read())
        for number in range(8):
            group.create_task(write(number))
    assert len(set(seen)) == len(seen) == 160


async def test_the_feed_goes_on_from_where_it_ended(db: Database) -> None:
    await happened(db, "pay_1", "pay_2", "pay_3")
    first = await events_after(db, a_cause(), cursor=None, types=ALL, limit=2)
    assert [it.subject for it in first.items] == ["pay_1", "pay_2"]
    rest = await events_after(db, a_cause(), cursor=first.next_cursor, types=ALL, limit=2)
    assert [it.subject for it in rest.items] == ["pay_3"]
    nothing = await events_after(db, a_cause(), cursor=rest.next_cursor, types=ALL, limit=2)
    assert (list(nothing.items), nothing.next_cursor) == ([], rest.next_cursor)
    await happened(db, "pay_4")
    more = await events_after(db, a_cause(), cursor=nothing.next_cursor, types=ALL, limit=2)
    assert [it.subject for it in more.items] == ["pay_4"]


async def test_the_feed_of_some_types_passes_the_others(db: Database) -> None:
    await happened(db, *(f"pay_{number}" for number in range(50)))
    await happened(db, "wanted", type="payment.rejected")
    wanted = frozenset({"PaymentRejected"})
    page = await events_after(db, a_cause(), cursor=None, types=wanted, limit=5)
    assert [it.subject for it in page.items] == ["wanted"]
    assert decode_cursor(page.next_cursor or "") == "51"


@pytest.mark.parametrize("cursor", ["x", "LTE", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "*"])
async def test_a_cursor_of_somebody_else_is_refused(db: Database, cursor: str) -> None:
    with pytest.raises(Invalid):
        await events_after(db, a_cause(), cursor=cursor, types=ALL, limit=5)


@pytest.mark.parametrize("types", ["payment.created", "Payment Created", "x"])
async def test_a_type_that_is_none_is_refused(db: Database, types: str) -> None:
    with pytest.raises(Invalid, match="types"):
        await events_after(db, a_cause(), cursor=None, types=frozenset({types}), limit=5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("payment.created", "PaymentCreated"), ("vendor_change.approved", "VendorChangeApproved")],
)
def test_types_are_named_as_others_name_them(name: str, expected: str) -> None:
    assert public_type(name) == expected


@pytest.mark.parametrize("secret", ["abc", "whsec_", "whsec_!!", "whsec_YWJj"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Sink(url="http://127.0.0.1:1/x", secret=secret, types=ALL, clock=_never)


def _never() -> datetime:
    raise AssertionError
