"""What every adapter must do with every kind of order that it handles, against the simulator as a
process of its own. Another adapter joins by one more entry in `providing.CASES`.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import eur
from tests.gateway.providing import CASES, Case, entries, orders_of
from tests.processes import free_port, until
from tests.simulator.simulating import Simulator

from paywright.core.money import Money
from paywright.gateway.model import (
    Answer,
    Approved,
    ChargeOrder,
    Declined,
    Lost,
    NotFound,
    Order,
    Pending,
    Provider,
    SignatureInvalid,
    Why,
)


class Opened:
    """Opens providers, makes their orders, and closes them at the end."""

    def __init__(self, case: Case, simulator: Simulator) -> None:
        self.case = case
        self.simulator = simulator
        self.providers: list[Provider] = []

    def __call__(
        self, *, is_known: bool = True, timeout_ms: int = 10_000, port: int | None = None
    ) -> Provider:
        urls = self.simulator.urls
        if port is not None:
            there = urls["url"].rsplit(":", 1)[1]
            urls = {name: url.replace(there, str(port)) for name, url in urls.items()}
        self.providers.append(self.case.open(urls, is_known=is_known, timeout_ms=timeout_ms))
        return self.providers[-1]

    async def orders(self, count: int, **changes: Any) -> list[Order]:
        return await orders_of(self.case, self.simulator.urls, count, **changes)

    async def order(self, **changes: Any) -> Order:
        return (await self.orders(1, **changes))[0]

    def carried(self) -> tuple[int, int]:
        """Minor units and number of what was really done."""
        return self.case.carried(self.simulator)

    def requests(self) -> dict[str, int]:
        return self.simulator.books()["requests_by_side"][self.case.side]


@pytest.fixture(params=CASES)
async def opened(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[Opened]:
    it = Opened(CASES[request.param], simulator)
    yield it
    for provider in it.providers:
        await provider.close()


@pytest.fixture
def provider(opened: Opened) -> Provider:
    return opened()


def reference_of(answer: Answer | NotFound) -> str | None:
    assert isinstance(answer, Approved | Pending | Declined), answer
    return answer.reference


async def settled(provider: Provider, order: Order, answer: Answer | NotFound) -> Any:
    """What becomes of it, where that takes a while."""
    deadline = time.monotonic() + 10
    while isinstance(answer, Pending):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
        answer = await provider.look_up(order)
    return answer


async def carried_out(provider: Provider, order: Order) -> Any:
    """As payments do it: what is lost is looked up, what was never seen is submitted again."""
    answer: Answer | NotFound = await provider.submit(order)
    while isinstance(answer, Lost | NotFound | Pending):
        answer = await provider.look_up(order)
        if isinstance(answer, NotFound):
            answer = await provider.submit(order)
    return answer


async def test_what_is_carried_out_is_approved_and_stays_so(
    opened: Opened, provider: Provider
) -> None:
    order = await opened.order()
    assert order.kind in provider.handles
    answer = await settled(provider, order, await provider.submit(order))
    assert isinstance(answer, Approved)
    assert await provider.look_up(order) == answer
    assert opened.carried() == (12_34, 1)


async def test_the_same_order_again_is_the_same_payment(opened: Opened, provider: Provider) -> None:
    order = await opened.order()
    answers = await asyncio.gather(*(carried_out(provider, order) for _ in range(20)))
    assert {type(answer) for answer in answers} == {Approved}
    assert len({reference_of(answer) for answer in answers}) == 1
    assert opened.carried() == (12_34, 1)


async def test_an_order_from_long_ago_is_the_same_payment_still(
    opened: Opened, provider: Provider
) -> None:
    order = await opened.order(asked_at=datetime.now(UTC) - timedelta(days=3))
    answers = [await carried_out(provider, order) for _ in range(3)]
    assert len({reference_of(answer) for answer in answers}) == 1
    assert opened.carried() == (12_34, 1)


async def test_another_order_under_the_same_id_is_not_taken_for_declined(
    opened: Opened, provider: Provider
) -> None:
    order = await opened.order()
    await carried_out(provider, order)
    other = msgspec.structs.replace(order, amount=eur(99_99))
    # The first one has moved money: to say "declined" would give it back.
    for answer in (await provider.submit(other), await provider.look_up(other)):
        assert isinstance(answer, Lost)
        assert answer.why == Why.CONTRADICTION
    assert opened.carried() == (12_34, 1)


async def test_a_rejection_is_declined_with_its_code(opened: Opened, provider: Provider) -> None:
    for changes, code in opened.case.declined:
        order = await opened.order(**changes)
        answer = await settled(provider, order, await provider.submit(order))
        assert isinstance(answer, Declined), answer
        assert answer.code == code
        assert answer.reference
        found = await provider.look_up(order)
        assert isinstance(found, Declined)
        assert (found.code, found.reference) == (answer.code, answer.reference)
    assert opened.carried() == (0, 0)


async def test_what_cannot_be_taken_in_is_declined_and_leaves_no_trace(
    opened: Opened, provider: Provider
) -> None:
    for changes, code in opened.case.refused:
        order = await opened.order(**changes)
        answer = await provider.submit(order)
        assert isinstance(answer, Declined), answer
        assert (answer.code, answer.reference) == (code, None)
        assert await provider.look_up(order) == NotFound()


async def test_what_is_accepted_is_pending_until_it_is_decided(
    opened: Opened, provider: Provider, simulator: Simulator
) -> None:
    orders = [(await opened.order(**changes), end) for changes, end in opened.case.later]
    simulator.set(settle_after_ms=1000)
    for order, end in orders:
        answer = await provider.submit(order)
        assert isinstance(answer, Pending)
        assert await provider.look_up(order) == answer
        decided = await settled(provider, order, answer)
        assert isinstance(decided, Approved if end is Approved else Declined)
        assert reference_of(decided) == answer.reference


async def test_an_order_that_never_came_is_not_found(opened: Opened, provider: Provider) -> None:
    assert await provider.look_up(await opened.order()) == NotFound()


@pytest.mark.parametrize(
    ("knobs", "why", "is_applied"),
    [
        ({"failure_rate": 1}, Why.SERVER_ERROR, False),
        ({"drop_rate": 1}, Why.CONNECTION_LOST, False),
        ({"timeout_after_apply_rate": 1}, Why.TIMEOUT, True),
        ({"timeout_after_apply_rate": 1, "lost_answer": "close"}, Why.CONNECTION_LOST, True),
        ({"error_after_apply_rate": 1}, Why.SERVER_ERROR, True),
        ({"garbage_rate": 1}, Why.UNREADABLE, True),
    ],
)
async def test_a_lost_answer_is_lost_whatever_happened_and_is_found_out_later(
    opened: Opened, simulator: Simulator, knobs: dict[str, object], why: Why, is_applied: bool
) -> None:
    provider, order = opened(timeout_ms=400), await opened.order()
    simulator.set(**knobs)
    answer = await provider.submit(order)
    assert isinstance(answer, Lost)
    assert (answer.why, answer.sent) == (why, True)
    # Of two steps the second was never asked for.
    is_whole = is_applied and opened.case.steps == 1
    assert opened.carried()[1] == is_whole
    # A look-up that is lost, too, is no "not found".
    looked_up = await provider.look_up(order)
    assert isinstance(looked_up, Lost)
    assert looked_up.why == why
    simulator.set()
    assert isinstance(await provider.look_up(order), Approved if is_whole else NotFound)
    # To submit it once more is safe either way.
    assert isinstance(await carried_out(provider, order), Approved)
    assert opened.carried() == (12_34, 1)
    if opened.case.steps == 2:
        assert len(entries(simulator, "transfers")) == 1


async def test_nothing_is_repeated_by_itself(
    opened: Opened, provider: Provider, simulator: Simulator
) -> None:
    order = await opened.order()
    before = sum(opened.requests().values())
    simulator.set(failure_rate=1)
    await provider.submit(order)
    assert sum(opened.requests().values()) == before + 1


async def test_who_is_throttled_learns_for_how_long(
    opened: Opened, provider: Provider, simulator: Simulator
) -> None:
    orders = await opened.orders(3)
    simulator.set(rate_limit_per_s=1, retry_after_s=7)
    answers = [await provider.submit(order) for order in orders]
    lost = [answer for answer in answers if isinstance(answer, Lost)]
    assert lost
    assert {(answer.why, answer.retry_after_s) for answer in lost} == {(Why.THROTTLED, 7.0)}


async def test_a_wrong_token_is_no_decline_and_no_not_found(opened: Opened) -> None:
    provider, order = opened(is_known=False), await opened.order()
    for answer in (await provider.submit(order), await provider.look_up(order)):
        assert isinstance(answer, Lost)
        assert answer.why == Why.UNAUTHORIZED
    assert opened.carried() == (0, 0)


async def test_one_deadline_holds_for_the_whole_call(opened: Opened, simulator: Simulator) -> None:
    order = await opened.order()
    simulator.set(latency={"ms": 5000})
    started = time.monotonic()
    answer = await opened(timeout_ms=300).submit(order)
    assert isinstance(answer, Lost)
    assert answer.why == Why.TIMEOUT
    assert time.monotonic() - started < 1.5


async def test_a_provider_that_nobody_reaches_has_got_nothing(opened: Opened) -> None:
    provider, order = opened(port=free_port()), await opened.order()
    for answer in (await provider.submit(order), await provider.look_up(order)):
        assert isinstance(answer, Lost)
        assert (answer.why, answer.sent) == (Why.UNREACHABLE, False)


async def test_many_orders_at_once_are_each_carried_out_once_though_much_is_lost(
    opened: Opened, simulator: Simulator
) -> None:
    provider, orders = opened(timeout_ms=1000), await opened.orders(60)
    simulator.set(
        failure_rate=0.1,
        drop_rate=0.1,
        timeout_after_apply_rate=0.1,
        lost_answer="close",
        garbage_rate=0.1,
        latency={"kind": "lognormal", "ms": 5, "sigma": 1},
    )
    answers = await asyncio.gather(*(carried_out(provider, order) for order in orders))
    assert {type(answer) for answer in answers} == {Approved}
    assert len({reference_of(answer) for answer in answers}) == 60
    assert opened.carried() == (60 * 12_34, 60)
    assert {"answered", "failed", "dropped", "closed", "garbage"} <= opened.requests().keys()
    if opened.case.steps == 2:
        assert len(entries(simulator, "transfers")) == 60


async def test_a_statement_tells_what_was_carried_out_once_and_in_order(
    opened: Opened, provider: Provider
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    orders = await opened.orders(7)
    answers = [await carried_out(provider, order) for order in orders]
    [(changes, _), *_] = opened.case.declined
    await carried_out(provider, await opened.order(**changes))
    until_then = datetime.now(UTC) + timedelta(seconds=1)
    told = [
        line
        async for line in provider.statement(since, until_then)
        if line.kind is opened.case.kind and line.amount == eur(12_34)
    ]
    assert [(line.reference, line.key) for line in told] == [
        (reference_of(answer), order.idempotency_key)
        for answer, order in zip(answers, orders, strict=True)
    ]
    assert all(since <= line.booked_at < until_then for line in told)
    before = provider.statement(since - timedelta(days=1), since)
    assert [line async for line in before] == []


async def test_a_webhook_of_the_provider_is_read_and_anothers_is_not(
    opened: Opened, provider: Provider, simulator: Simulator
) -> None:
    order = await opened.order()
    came: list[tuple[dict[str, str], bytes]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")[1:]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        came.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    simulator.tell(**{opened.case.side: {"url": url, "secret": opened.case.secret}})
    await carried_out(provider, order)

    async def is_told() -> bool:
        at = datetime.now(UTC)
        notices = [provider.read_webhook(headers, body, at=at) for headers, body in came]
        return any(notice.key == order.idempotency_key for notice in notices)

    await until(is_told, what="a webhook about the order")
    headers, body = came[0]
    for forged, at in ((body + b" ", datetime.now(UTC)), (body, datetime(2026, 1, 1, tzinfo=UTC))):
        with pytest.raises(SignatureInvalid):
            provider.read_webhook(headers, forged, at=at)
    simulator.tell()
    server.close()


# What only some have.


async def test_a_bank_is_told_large_amounts_and_names_as_they_are(simulator: Simulator) -> None:
    case = CASES["partner_bank-payout"]
    bank = case.open(simulator.urls, is_known=True, timeout_ms=10_000)
    order = case.make(amount=Money(9_007_199_254_740_993, "JPY"))
    assert isinstance(await bank.submit(order), Approved)
    await bank.close()
    [payment] = simulator.books()["payments"]
    assert (payment["idempotency_key"], payment["end_to_end_id"]) == (order.idempotency_key,) * 2
    assert (payment["amount_minor"], payment["currency"]) == (9_007_199_254_740_993, "JPY")
    assert payment["creditor"]["name"] == "Nordlicht Bau GmbH"


async def test_what_stripe_could_not_pay_out_is_back_with_us(simulator: Simulator) -> None:
    case = CASES["stripe-payout"]
    stripe = case.open(simulator.urls, is_known=True, timeout_ms=10_000)
    [(changes, _)] = case.declined
    order = case.make(**changes)
    for _ in range(3):
        assert isinstance(await carried_out(stripe, order), Declined)
    await stripe.close()
    [transfer], [reversal] = entries(simulator, "transfers"), entries(simulator, "reversals")
    assert (reversal["transfer"], reversal["amount"]) == (transfer["id"], 12_34)


async def test_a_charge_of_stripes_can_be_given_back_but_once(simulator: Simulator) -> None:
    charge, refund = CASES["stripe-charge"], CASES["stripe-refund"]
    stripe = charge.open(simulator.urls, is_known=True, timeout_ms=10_000)
    order = charge.make()
    assert isinstance(order, ChargeOrder)
    approved = await stripe.submit(order)
    assert isinstance(approved, Approved)
    first, second = (refund.make(charge_reference=approved.reference) for _ in range(2))
    assert isinstance(await stripe.submit(first), Approved)
    declined = await stripe.submit(second)
    assert isinstance(declined, Declined)
    assert declined.code == "charge_already_refunded"
    assert await stripe.look_up(second) == NotFound()
    await stripe.close()
