"""A call of a provider: what is repeated, how long is waited, and what is listed."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing
from prometheus_client.parser import text_string_to_metric_families
from tests.gateway.answering import Answering, http
from tests.gateway.gateway_calls_on_file import POLICY
from tests.gateway.ordering import a_creditor, an_order
from tests.processes import free_port
from tests.simulator.simulating import TOKEN, Simulator

from paywright.gateway.calling import Called, Gateway, Retries, pause_s
from paywright.gateway.model import (
    Answer,
    Approved,
    Declined,
    Lost,
    NotFound,
    Order,
    OrderKind,
    Pending,
    Provider,
    Why,
)
from paywright.gateway.partner_bank import PartnerBank
from paywright.gateway.routes import Routes, parse_routes
from paywright.telemetry import metrics

ORDER = an_order()
SETTLED = http(
    200,
    json.dumps(
        {
            "id": "bank_1",
            "idempotency_key": str(ORDER.payment_id),
            "status": "settled",
            "amount_minor": 12_34,
            "currency": "EUR",
        }
    ).encode(),
)
NEVER_SEEN = http(404, b'{"code":"payment_not_found"}')


def retries(**changes: Any) -> Retries:
    return Retries(**{"retries_max": 3, "backoff_ms": [20, 40], "deadline_ms": 5_000} | changes)


class Script(Answering):
    """Answers the first connection with the first answer, and so on; the last one stays."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        super().__init__(answers[0])
        self._answers = list(answers)
        self.times: list[float] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.times.append(time.monotonic())
        self._answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await super().__call__(reader, writer)


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Script]:
    it = Script(answers)
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield it
    finally:
        server.close()


@asynccontextmanager
async def a_gateway(
    url: str, *, timeout_ms: int = 2_000, token: str = "t", jitter: float = 0.5, **changes: Any
) -> AsyncIterator[Gateway]:
    bank = PartnerBank(url=url, token=token, timeout_ms=timeout_ms)
    gateway = over({"partner_bank": bank}, jitter=lambda: jitter, **changes)
    try:
        yield gateway
    finally:
        await gateway.close()


def over(providers: dict[str, Provider], *, jitter: Callable[[], float], **changes: Any) -> Gateway:
    return Gateway(
        providers,
        retries=retries(**changes),
        policy=POLICY,
        routes=Routes({}),
        jitter=jitter,
        monotonic=time.monotonic,
    )


async def called(*answers: bytes, call: Any = "submit", **changes: Any) -> tuple[Called, Script]:
    async with scripted(*answers) as script, a_gateway(script.url, **changes) as gateway:
        return await gateway.call("partner_bank", ORDER, call), script


def words(it: Called) -> list[str]:
    """Each try: what was asked, and how it ended."""
    found = []
    for one in it.tries:
        lost = isinstance(one.answer, Lost)
        found.append(f"{one.call} {one.answer.why if lost else type(one.answer).__name__}")
    return found


async def test_what_fails_in_passing_is_asked_again_under_the_same_key() -> None:
    it, script = await called(http(503, b""), b"", http(500, b"x"), SETTLED)
    assert words(it) == [
        "submit server_error",
        "submit connection_lost",
        "submit server_error",
        "submit Approved",
    ]
    assert it.answer == Approved("bank_1")
    assert len({request.partition(b"\r\n\r\n")[2] for request in script.requests}) == 1
    key = f"idempotency-key: {ORDER.payment_id}".encode()
    assert all(key in request.lower() for request in script.requests)


async def test_a_decline_is_never_repeated() -> None:
    it, script = await called(http(422, b'{"code":"x","reason_code":"AC04"}'), SETTLED)
    assert it.answer == Declined("AC04", "")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [http(401, b""), http(400, b"{}"), http(409, b"{}"), http(200, b"{}"), http(404, b"x")],
)
async def test_what_waiting_does_not_mend_is_not_repeated(answer: bytes) -> None:
    it, script = await called(answer, SETTLED)
    assert isinstance(it.answer, Lost)
    assert len(script.requests) == 1


@pytest.mark.parametrize("retries_max", [0, 1, 4])
async def test_what_keeps_failing_is_given_up(retries_max: int) -> None:
    it, script = await called(http(500, b""), retries_max=retries_max, backoff_ms=[1])
    assert words(it) == ["submit server_error"] * (retries_max + 1)
    assert len(script.requests) == retries_max + 1


async def test_what_was_never_seen_is_submitted_in_the_same_call() -> None:
    it, script = await called(http(500, b""), NEVER_SEEN, http(500, b""), SETTLED, call="look_up")
    assert words(it) == [
        "look_up server_error",
        "look_up NotFound",
        "submit server_error",
        "submit Approved",
    ]
    assert [request.split(b" ")[0] for request in script.requests] == [
        b"GET", b"GET", b"POST", b"POST",
    ]  # fmt: skip


async def test_what_is_found_is_not_submitted() -> None:
    it, script = await called(SETTLED, call="look_up")
    assert words(it) == ["look_up Approved"]
    assert len(script.requests) == 1


async def test_how_long_the_provider_wants_to_be_left_alone_is_kept_to() -> None:
    throttled = http(429, b"{}", "Retry-After: 1")
    it, script = await called(throttled, SETTLED, jitter=0.0)
    assert words(it) == ["submit throttled", "submit Approved"]
    assert 1.0 <= script.times[1] - script.times[0] < 1.5


async def test_a_wait_that_is_longer_than_what_is_left_ends_the_call_at_once() -> None:
    began = time.monotonic()
    it, script = await called(http(429, b"{}", "Retry-After: 7"), SETTLED)
    assert words(it) == ["submit throttled"]
    assert time.monotonic() - began < 1
    assert len(script.requests) == 1


async def test_the_deadline_holds_for_all_tries_together() -> None:
    silent = await asyncio.start_server(_hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with a_gateway(url, timeout_ms=300, deadline_ms=700) as gateway:
        began = time.monotonic()
        it = await gateway.call("partner_bank", ORDER, "submit")
        took_s = time.monotonic() - began
    silent.close()
    assert words(it) == ["submit timeout"] * 3
    assert 0.6 < took_s < 1.0
    assert 250 <= it.tries[0].latency_ms <= 450
    assert it.tries[2].latency_ms < 250


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(1000):
            pass
    finally:
        writer.close()


async def test_who_cannot_be_reached_was_sent_nothing() -> None:
    async with a_gateway(f"http://127.0.0.1:{free_port()}", backoff_ms=[1]) as gateway:
        it = await gateway.call("partner_bank", ORDER, "submit")
    assert words(it) == ["submit unreachable"] * 4
    assert not any(isinstance(one.answer, Lost) and one.answer.sent for one in it.tries)


async def test_a_provider_that_is_set_up_no_more_is_asked_nothing() -> None:
    it = await over({}, jitter=lambda: 0.0).call("gone_bank", ORDER, "look_up")
    [only] = it.tries
    assert only.answer == Lost(why=Why.UNREACHABLE, detail="not set up", sent=False)


class Broken:
    """An adapter with a bug."""

    handles = frozenset({OrderKind.PAYOUT})

    async def submit(self, order: Order) -> Answer:
        raise KeyError("Nordlicht Bau GmbH")

    look_up = submit


async def test_a_bug_of_an_adapter_is_a_lost_answer_and_told_loudly() -> None:
    gateway = over({"broken": Broken()}, jitter=lambda: 0.0)  # type: ignore[dict-item]
    with structlog.testing.capture_logs() as logs:
        it = await gateway.call("broken", ORDER, "submit")
    assert [one.answer for one in it.tries] == [Lost(why=Why.UNREADABLE, detail="KeyError")]
    assert [line["event"] for line in logs] == ["gateway.adapter_failed"]


async def test_who_is_canceled_stays_canceled_and_is_not_counted_as_under_way() -> None:
    silent = await asyncio.start_server(_hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with a_gateway(url) as gateway:
        task = asyncio.create_task(gateway.call("partner_bank", ORDER, "submit"))
        await asyncio.sleep(0.1)
        assert metric("paywright_provider_calls_under_way", provider="partner_bank") == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    silent.close()
    assert metric("paywright_provider_calls_under_way", provider="partner_bank") == 0


def metric(name: str, **labels: str) -> float:
    families = text_string_to_metric_families(metrics.render()[0].decode())
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found[0] if found else 0


async def test_each_try_is_measured_by_provider_and_outcome() -> None:
    name = "paywright_provider_call_duration_seconds_count"
    labels = [{"provider": "partner_bank", "outcome": it} for it in ("lost", "approved")]
    before = [metric(name, **it) for it in labels]
    await called(http(500, b""), SETTLED)
    assert [metric(name, **it) for it in labels] == [it + 1 for it in before]


@pytest.mark.parametrize(
    ("answer", "tried", "left_s", "jitter", "wait_s"),
    [
        (Lost(why=Why.TIMEOUT), 0, 10, 0.0, 0.0),
        (Lost(why=Why.TIMEOUT), 0, 10, 0.5, 0.125),
        (Lost(why=Why.TIMEOUT), 1, 10, 0.5, 0.5),
        (Lost(why=Why.TIMEOUT), 2, 10, 0.5, 0.5),  # the last stands for all further
        (Lost(why=Why.TIMEOUT), 3, 10, 0.5, None),
        (Lost(why=Why.TIMEOUT), 1, 0.4, 0.5, None),
        (Lost(why=Why.THROTTLED, retry_after_s=2.0), 0, 10, 0.5, 2.125),
        (Lost(why=Why.SERVER_ERROR, retry_after_s=2.0), 0, 2.0, 0.0, None),
        (Lost(why=Why.CONFLICT), 0, 10, 0.5, None),
        (Lost(why=Why.REFUSED), 0, 10, 0.5, None),
        (Declined("AC04"), 0, 10, 0.5, None),
        (Pending("bank_1"), 0, 10, 0.5, None),
        (Approved("bank_1"), 0, 10, 0.5, None),
        (NotFound(), 0, 10, 0.5, None),
    ],
)
def test_waits_are_fully_jittered_and_within_the_deadline(
    answer: Any, tried: int, left_s: float, jitter: float, wait_s: float | None
) -> None:
    policy = retries(backoff_ms=[250, 1000])
    assert pause_s(policy, answer, tried=tried, left_s=left_s, jitter=jitter) == wait_s


async def test_hundreds_of_calls_wait_for_a_slow_provider_at_once(simulator: Simulator) -> None:
    simulator.set(latency={"kind": "fixed", "ms": 100})
    bank = PartnerBank(
        url=simulator.urls["bank"], token=TOKEN, timeout_ms=30_000, connections_max=300
    )
    gateway = over({"partner_bank": bank}, jitter=lambda: 0.5, deadline_ms=60_000)
    orders = [an_order(description=str(n)) for n in range(500)]
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while True:
            under_way = metric("paywright_provider_calls_under_way", provider="partner_bank")
            most = max(most, under_way)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    many = asyncio.Semaphore(256)

    async def call(order: Order) -> Called:
        async with many:
            return await gateway.call("partner_bank", order, "submit")

    answers = await asyncio.gather(*map(call, orders))
    watching.cancel()
    await gateway.close()
    assert {type(it.answer) for it in answers} == {Approved}
    assert most >= 200
    assert simulator.books()["payments_total"] == 500


async def test_orders_are_carried_out_once_through_a_bad_line(simulator: Simulator) -> None:
    simulator.set(failure_rate=0.2, drop_rate=0.1, timeout_after_apply_rate=0.1,
                  lost_answer="close", error_after_apply_rate=0.1)  # fmt: skip
    bank = PartnerBank(url=simulator.urls["bank"], token=TOKEN, timeout_ms=2_000)
    dice = random.Random(7)
    gateway = over({"partner_bank": bank}, jitter=dice.random, retries_max=9, backoff_ms=[5])
    orders = [an_order() for _ in range(100)]
    answers = await asyncio.gather(*(gateway.call("partner_bank", it, "submit") for it in orders))
    await gateway.close()
    assert max(len(it.tries) for it in answers) > 2
    approved = sum(isinstance(it.answer, Approved) for it in answers)
    assert approved >= 98
    assert approved <= simulator.books()["payments_total"] <= 100


async def test_a_refusal_by_the_bank_is_final_also_through_the_gateway(
    simulator: Simulator,
) -> None:
    async with a_gateway(simulator.urls["bank"], token=TOKEN) as gateway:
        order = an_order(creditor=a_creditor(name="Nordlicht AC04"))
        it = await gateway.call("partner_bank", order, "submit")
    assert isinstance(it.answer, Declined)
    assert len(it.tries) == 1


def bank_of(*kinds: OrderKind) -> Any:
    class Some(Broken):
        handles = frozenset(kinds)

    return Some()


def test_routes_say_who_is_asked_in_which_order() -> None:
    bank, card = bank_of(OrderKind.PAYOUT), bank_of(OrderKind.CHARGE, OrderKind.REFUND)
    providers = {"a_bank": bank, "b_bank": bank, "cards": card, "cards_2": card}
    routes = parse_routes(
        "charge = cards; payout:EUR=b_bank,a_bank ;payout=a_bank;", known=list(providers)
    )
    routes.check(providers)
    assert routes.of(OrderKind.CHARGE, "USD", providers) == ("cards",)
    assert routes.of(OrderKind.PAYOUT, "EUR", providers) == ("b_bank", "a_bank")
    assert routes.of(OrderKind.PAYOUT, "USD", providers) == ("a_bank",)
    assert routes.of(OrderKind.REFUND, "EUR", providers) == ("cards", "cards_2")
    none = parse_routes("  ", known=list(providers))
    assert none.of(OrderKind.PAYOUT, "EUR", providers) == ("a_bank", "b_bank")
    assert none.of(OrderKind.PAYOUT, "EUR", {}) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("charge", "must look like"),
        ("refund=cards", "charge or payout"),
        ("Charge=cards", "must look like"),
        ("charge=", "'' in 'charge=' is not set up"),
        ("charge=stripe", "those that are: cards, a_bank"),
        ("payout:XXQ=a_bank", "'XXQ' in"),
        ("payout:=a_bank", "is not a currency"),
        ("payout=a_bank,a_bank", "twice"),
        ("payout=a_bank;payout=a_bank", "'payout' is there twice"),
    ],
)
def test_routes_that_cannot_be_read_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_routes(text, known=["cards", "a_bank"])


def test_a_route_to_who_cannot_do_it_is_refused_at_the_start() -> None:
    routes = parse_routes("charge=a_bank", known=["a_bank"])
    with pytest.raises(ValueError, match="a_bank is not set up for charge"):
        routes.check({"a_bank": bank_of(OrderKind.PAYOUT)})
    with pytest.raises(ValueError, match="backoff"):
        retries(backoff_ms=[])
