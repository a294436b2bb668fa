"""What the simulated providers tell of their own accord: signed, at least once, and badly on
request."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import stripe
from tests.processes import free_port, until, wait_until
from tests.simulator.simulating import Simulator, a_creditor, simulating

from paywright.simulator.books import Books
from paywright.simulator.delivery import Webhooks
from paywright.simulator.faults import Faults, FaultSource, Latency
from paywright.simulator.webhooks import SECRETS, Hook, Hooks, OutgoingEvent, event_id

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Heard(msgspec.Struct):
    """headers: names in lower case"""

    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)


class Listener:
    """A real server that hears webhooks, and answers with `status`."""

    def __init__(self, protocol: str = "HTTP/1.1") -> None:
        self.heard: list[Heard] = []
        self.status: Callable[[int], int] = lambda _: 200
        self.pause_s = 0.0
        self.at_once = self.at_once_max = 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = protocol

            def setup(self) -> None:
                super().setup()
                listener.connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with listener.lock:
                    listener.heard.append(Heard(headers, body, time.monotonic()))
                    status = listener.status(len(listener.heard))
                    listener.at_once += 1
                    listener.at_once_max = max(listener.at_once_max, listener.at_once)
                time.sleep(listener.pause_s)
                with listener.lock:
                    listener.at_once -= 1
                with contextlib.suppress(OSError):  # who asked may be gone
                    self.send_response(status)
                    if protocol == "HTTP/1.1":
                        self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self.lock = threading.Lock()
        self.connections: list[socket.socket] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def types(self) -> list[str]:
        return [heard.json["type"] for heard in self.heard]

    def hook(self, side: str) -> dict[str, str]:
        return {"url": self.url, "secret": SECRETS[side]}

    def wait_for(self, count: int, seconds: float = 10) -> list[Heard]:
        wait_until(lambda: len(self.heard) >= count, seconds=seconds, what=f"{count} events")
        return self.heard

    def hang_up(self) -> None:
        for connection in self.connections:
            with contextlib.suppress(OSError):  # gone already
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


class InProcess:
    """Webhooks without the APIs around them, for what would take too long with real pauses."""

    def __init__(self, books: Books, listener: Listener, seed: int = 1) -> None:
        self.source = FaultSource(Faults(), seed=seed, monotonic=time.monotonic)
        self.webhooks = Webhooks(
            books,
            Hooks(
                bank=Hook(url=listener.url, secret=SECRETS["bank"]),
                stripe=Hook(url=listener.url, secret=SECRETS["stripe"]),
            ),
            {"bank": self.source, "stripe": self.source},
            clock=lambda: datetime.now(UTC),
            pauses_s=(0.1, 0.2, 0.3),
            held_back_max_s=0.3,
        )

    async def settled(self) -> None:
        async def are_all_done() -> bool:
            deliveries = self.webhooks.deliveries.values()
            return all(delivery.state != "waiting" for delivery in deliveries)

        await until(are_all_done, what="the deliveries")


@pytest.fixture
async def telling(listener: Listener) -> AsyncIterator[InProcess]:
    it = InProcess(Books(), listener)
    yield it
    await it.webhooks.close()


def an_event(n: int = 1, **changes: Any) -> OutgoingEvent:
    fields: dict[str, Any] = {
        "side": "bank",
        "id": f"evt_{n}",
        "type": "payment.settled",
        "object": f"bank_{n}",
        "created_at": AT,
        "data": {"id": f"bank_{n}"},
    }
    return OutgoingEvent(**fields | changes)


def standard_signature(heard: Heard, secret: str) -> str:
    """By the words of Standard Webhooks 1.0, not by our code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode()
    mac = hmac.new(key, content + heard.body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def test_the_bank_tells_what_became_of_a_payment(simulator: Simulator, listener: Listener) -> None:
    simulator.tell(bank=listener.hook("bank"))
    paid = simulator.pay("k1").json()
    told = listener.wait_for(1)[0]
    assert told.json["type"] == "payment.settled"
    assert told.json["data"] == paid
    assert told.json["created_at"] == paid["created_at"]
    simulator.pay("k2", creditor=a_creditor(name="Nordlicht AC04"))
    rejected = listener.wait_for(2)[1].json
    assert (rejected["type"], rejected["data"]["reason_code"]) == ("payment.rejected", "AC04")
    assert rejected["id"] != told.json["id"]
    # The same request again is nothing new to tell.
    simulator.pay("k1")
    simulator.pay("k3")
    assert listener.wait_for(3)[2].json["data"]["idempotency_key"] == "k3"


def test_its_signature_is_that_of_standard_webhooks(
    simulator: Simulator, listener: Listener
) -> None:
    simulator.tell(bank=listener.hook("bank"))
    simulator.pay("k1")
    told = listener.wait_for(1)[0]
    assert told.headers["webhook-signature"] == standard_signature(told, SECRETS["bank"])
    assert told.headers["webhook-id"] == told.json["id"]
    assert abs(int(told.headers["webhook-timestamp"]) - time.time()) < 5
    assert told.headers["content-type"] == "application/json"


async def test_stripe_signs_as_its_own_sdk_checks(telling: InProcess, listener: Listener) -> None:
    data = {"id": "ch_1", "object": "charge", "amount": 1234}
    telling.webhooks.announce(
        an_event(side="stripe", type="charge.succeeded", data=data, idempotency_key="k1")
    )
    await telling.settled()
    told = listener.heard[0]
    proof = told.headers["stripe-signature"]
    event = stripe.Webhook.construct_event(told.body, proof, SECRETS["stripe"])
    assert (event.id, event.type, event.created) == (
        "evt_1",
        "charge.succeeded",
        int(AT.timestamp()),
    )
    assert isinstance(event.data.object, stripe.Charge)
    assert event.data.object.amount == 1234
    assert event.request is not None
    assert event.request.idempotency_key == "k1"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(told.body + b" ", proof, SECRETS["stripe"])


def test_a_settlement_is_told_when_it_has_come(simulator: Simulator, listener: Listener) -> None:
    simulator.tell(bank=listener.hook("bank"))
    simulator.set(settle_after_ms=700)
    paid = simulator.pay("k1").json()
    accepted, settled = listener.wait_for(2)
    assert [accepted.json["type"], settled.json["type"]] == ["payment.accepted", "payment.settled"]
    assert accepted.json["data"] == paid
    assert settled.json["data"] == simulator.found("k1").json() == paid | {"status": "settled"}
    assert settled.at - accepted.at >= 0.6


def test_who_looks_up_as_soon_as_told_sees_it(simulator: Simulator, listener: Listener) -> None:
    simulator.tell(bank=listener.hook("bank"))
    simulator.set(settle_after_ms=50)
    seen: list[str] = []

    def look(_: int) -> int:
        seen.append(simulator.found("k1").json()["status"])
        return 200

    listener.status = look
    simulator.pay("k1")
    listener.wait_for(2)
    wait_until(lambda: len(seen) == 2, what="the second look")
    assert seen[1] == "settled"


def test_what_was_not_told_is_told_after_a_kill(tmp_path: Path, listener: Listener) -> None:
    options = ("--books", str(tmp_path / "b.jsonl"), "--webhook-url", f"bank={listener.url}")
    with simulating(tmp_path, *options) as before:
        listener.status = lambda _: 503
        before.pay("refused")
        listener.wait_for(1)
        listener.status = lambda _: 200
        before.pay("heard")
        listener.wait_for(2)
        wait_until(
            lambda: "delivered" in {one["state"] for one in before.deliveries()}, what="a delivery"
        )
        before.set(settle_after_ms=1500)
        before.pay("later")
        listener.wait_for(3)
        before.process.kill()
    first_id = listener.heard[0].json["id"]
    listener.heard.clear()
    with simulating(tmp_path, *options) as after:
        told = sorted(heard.json["data"]["idempotency_key"] for heard in listener.wait_for(2))
        assert told == ["later", "refused"]
        assert first_id in {heard.json["id"] for heard in listener.heard}
        wait_until(
            lambda: {one["state"] for one in after.deliveries()} == {"delivered"}, what="all"
        )


def test_it_ends_quietly_in_the_middle_of_telling(tmp_path: Path, listener: Listener) -> None:
    listener.pause_s = 5
    with simulating(tmp_path, "--webhook-url", f"bank={listener.url}") as simulator:
        simulator.set(settle_after_ms=60_000)
        simulator.pay("k1")
        listener.wait_for(1)
        simulator.process.popen.terminate()
        assert simulator.process.wait(10) == 0
        assert simulator.process.complained() == ""


def test_nobody_is_told_what_was_over_before_they_listened(
    simulator: Simulator, listener: Listener
) -> None:
    simulator.pay("over")
    simulator.set(settle_after_ms=400)
    simulator.pay("under way")
    simulator.tell(bank=listener.hook("bank"))
    told = listener.wait_for(1)
    assert (told[0].json["type"], told[0].json["data"]["idempotency_key"]) == (
        "payment.settled",
        "under way",
    )
    assert simulator.deliveries()[0]["type"] == "payment.settled"


async def test_what_is_not_taken_is_sent_again_with_growing_pauses(
    telling: InProcess, listener: Listener
) -> None:
    listener.status = lambda count: 500 if count < 4 else 204
    telling.webhooks.announce(an_event())
    await telling.settled()
    pauses = [b.at - a.at for a, b in zip(listener.heard, listener.heard[1:], strict=False)]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.3), strict=True)] == [
        True
    ] * 3
    delivery = telling.webhooks.deliveries["evt_1"]
    assert (delivery.state, delivery.tries, delivery.last_status) == ("delivered", 4, 204)
    assert {heard.body for heard in listener.heard} == {listener.heard[0].body}


async def test_a_redirect_is_no_success_and_in_the_end_it_gives_up(listener: Listener) -> None:
    books = Books()
    it = InProcess(books, listener)
    listener.status = lambda _: 302
    it.webhooks.announce(an_event())
    await it.settled()
    delivery = it.webhooks.deliveries["evt_1"]
    assert (delivery.state, delivery.tries, delivery.last_status) == ("failed", 4, 302)
    assert list(books.untold) == ["evt_1"]
    # A listener who is named anew is told what was missed.
    listener.status = lambda _: 200
    it.webhooks.set_hooks(it.webhooks.hooks)
    await it.settled()
    assert it.webhooks.deliveries["evt_1"].state == "delivered"
    assert not books.untold
    await it.webhooks.close()


async def test_a_dead_listener_does_not_hold_up_the_others(
    telling: InProcess, listener: Listener
) -> None:
    listener.pause_s = 0.2
    for n in range(100):
        telling.webhooks.announce(an_event(n))
    await telling.settled()
    assert len(listener.heard) == 100
    assert 8 <= listener.at_once_max <= 32


def test_a_listener_that_ends_its_answers_by_closing_is_understood(simulator: Simulator) -> None:
    listener = Listener(protocol="HTTP/1.0")
    simulator.tell(bank=listener.hook("bank"))
    for n in range(3):
        simulator.pay(f"k{n}")
    wait_until(
        lambda: [one["state"] for one in simulator.deliveries()] == ["delivered"] * 3, what="all"
    )
    assert [one["tries"] for one in simulator.deliveries()] == [1] * 3
    listener.close()


def test_a_listener_that_is_not_there_is_no_answer(simulator: Simulator) -> None:
    url = f"http://127.0.0.1:{free_port()}/hook"
    simulator.tell(bank={"url": url, "secret": SECRETS["bank"]})
    simulator.pay("k1")
    wait_until(lambda: simulator.deliveries()[0]["tries"] == 1, what="a try")
    delivery = simulator.deliveries()[0]
    assert (delivery["state"], delivery["last_status"]) == ("waiting", None)


def test_a_connection_that_was_closed_while_idle_costs_no_try(simulator: Simulator) -> None:
    listener = Listener()
    simulator.tell(bank=listener.hook("bank"))
    simulator.pay("k1")
    listener.wait_for(1)
    listener.hang_up()
    time.sleep(0.1)
    simulator.pay("k2")
    listener.wait_for(2)
    wait_until(lambda: simulator.deliveries()[1]["state"] == "delivered", what="the second")
    assert simulator.deliveries()[1]["tries"] == 1
    listener.close()


def test_an_answer_does_not_wait_for_a_slow_listener(
    simulator: Simulator, listener: Listener
) -> None:
    listener.pause_s = 1.0
    simulator.tell(bank=listener.hook("bank"))
    started = time.monotonic()
    for n in range(20):
        simulator.pay(f"k{n}")
    assert time.monotonic() - started < 0.8


async def run_with(listener: Listener, seed: int, count: int = 60, **knobs: Any) -> Counter[str]:
    """How often each of `count` events of one run arrived."""
    listener.heard.clear()
    it = InProcess(Books(), listener, seed=seed)
    it.source.faults = Faults(**knobs)
    for n in range(count):
        it.webhooks.announce(an_event(n))
    await it.settled()
    await it.webhooks.close()
    return Counter(heard.json["id"] for heard in listener.heard)


async def test_drops_and_duplicates_are_the_same_for_the_same_seed(listener: Listener) -> None:
    knobs = {"webhook_drop_rate": 0.3, "webhook_duplicate_rate": 0.3}
    first = await run_with(listener, 5, **knobs)
    assert set(first.values()) == {1, 2}
    assert 25 <= len(first) <= 55
    assert await run_with(listener, 5, **knobs) == first
    assert await run_with(listener, 6, **knobs) != first


async def test_dropping_does_not_change_who_is_duplicated(listener: Listener) -> None:
    alone = await run_with(listener, 5, webhook_duplicate_rate=0.3)
    both = await run_with(listener, 5, webhook_duplicate_rate=0.3, webhook_drop_rate=0.5)
    assert {id: alone[id] for id in both} == both


async def test_what_is_dropped_is_listed_as_dropped(telling: InProcess, listener: Listener) -> None:
    telling.source.faults = Faults(webhook_drop_rate=1)
    telling.webhooks.announce(an_event())
    await telling.settled()
    delivery = telling.webhooks.deliveries["evt_1"]
    assert (delivery.state, delivery.tries, delivery.last_status) == ("dropped", 0, None)
    assert listener.heard == []


async def test_what_is_held_back_comes_after_the_next_one_of_its_object(
    telling: InProcess, listener: Listener
) -> None:
    telling.source.faults = Faults(webhook_reorder_rate=1)
    telling.webhooks.announce(an_event(1, object="bank_1"))
    await asyncio.sleep(0.05)
    telling.source.faults = Faults()
    telling.webhooks.announce(an_event(2, object="bank_2"))
    telling.webhooks.announce(an_event(3, object="bank_1"))
    await telling.settled()
    order = [heard.json["id"] for heard in listener.heard]
    assert order.index("evt_1") > order.index("evt_3")


async def test_what_is_held_back_and_not_followed_comes_all_the_same(
    telling: InProcess, listener: Listener
) -> None:
    telling.source.faults = Faults(webhook_reorder_rate=1)
    started = time.monotonic()
    telling.webhooks.announce(an_event())
    await telling.settled()
    assert listener.heard[0].at - started >= 0.29


async def test_a_delay_passes_before_the_first_try(telling: InProcess, listener: Listener) -> None:
    telling.source.faults = Faults(webhook_delay=Latency(ms=200))
    started = time.monotonic()
    telling.webhooks.announce(an_event())
    await telling.settled()
    assert listener.heard[0].at - started >= 0.19


def test_a_reset_forgets_what_was_not_told_yet(simulator: Simulator, listener: Listener) -> None:
    simulator.tell(bank=listener.hook("bank"))
    simulator.set(settle_after_ms=500)
    simulator.pay("k1")
    listener.wait_for(1)
    simulator.http.post("/control/reset")
    assert simulator.deliveries() == []
    time.sleep(0.7)
    assert listener.types() == ["payment.accepted"]


def test_deliveries_are_listed_a_page_at_a_time(simulator: Simulator, listener: Listener) -> None:
    simulator.tell(bank=listener.hook("bank"))
    for n in range(3):
        simulator.pay(f"k{n}")
    listener.wait_for(3)
    page = simulator.http.get("/control/webhooks/deliveries", params={"after": 1, "limit": 1})
    assert page.json()["total"] == 3
    assert page.json()["deliveries"][0]["object"] == "bank_00000002"


@pytest.mark.parametrize(
    "hooks",
    [
        {"bank": {"url": "ftp://127.0.0.1/", "secret": SECRETS["bank"]}},
        {"bank": {"url": "http://127.0.0.1/", "secret": "whsec_short"}},
        {"bank": {"url": "http://127.0.0.1/", "secret": SECRETS["bank"][6:]}},
        {"kyc": {"url": "http://127.0.0.1/", "secret": "x"}},
    ],
)
def test_a_hook_that_makes_no_sense_changes_nothing(
    simulator: Simulator, listener: Listener, hooks: dict[str, Any]
) -> None:
    simulator.tell(bank=listener.hook("bank"))
    assert simulator.http.put("/control/webhooks", json=hooks).status_code == 400
    assert simulator.http.get("/control/webhooks").json()["bank"] == listener.hook("bank")


@pytest.mark.parametrize("option", ["kyc=http://127.0.0.1/", "bank", "bank=127.0.0.1"])
def test_a_webhook_url_that_makes_no_sense_is_named(tmp_path: Path, option: str) -> None:
    with pytest.raises(AssertionError, match="--webhook-url"):
        simulating(tmp_path, "--webhook-url", option).__enter__()


def test_an_event_has_the_same_id_for_the_same_thing_only() -> None:
    assert event_id("bank_1", "k1", "payment.settled") == event_id(
        "bank_1", "k1", "payment.settled"
    )
    assert event_id("ab", "c") != event_id("a", "bc")


def test_the_books_do_not_grow_while_nobody_listens(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    with simulating(tmp_path, "--books", str(file)) as simulator:
        simulator.pay("k1")
        assert simulator.deliveries() == []
        assert file.read_bytes().count(b"\n") == 1


def test_an_event_that_lies_ahead_is_kept_in_the_books_as_it_is() -> None:
    event = an_event(created_at=AT + timedelta(days=1))
    assert msgspec.json.decode(msgspec.json.encode(event), type=OutgoingEvent) == event
