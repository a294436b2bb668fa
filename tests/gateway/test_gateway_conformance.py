"""What every adapter of a bank must do, against the simulator as a process of its own.

Another adapter joins by one more entry in ADAPTERS: how to open it on a running simulator.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from tests.builders import eur
from tests.gateway.ordering import a_creditor, an_order
from tests.processes import free_port
from tests.simulator.simulating import TOKEN, Simulator

from paywright.core.money import Money
from paywright.gateway.model import (
    Answer,
    Approved,
    Bank,
    Declined,
    Lost,
    NotFound,
    Order,
    Pending,
    Why,
)
from paywright.gateway.partner_bank import PartnerBank

# From the URLs of a simulator, a token and a time limit.
ADAPTERS: dict[str, Callable[[dict[str, str], str, int], Bank]] = {
    "partner_bank": lambda urls, token, timeout_ms: PartnerBank(
        url=urls["bank"], token=token, timeout_ms=timeout_ms
    )
}


class Opened:
    """Opens banks, and closes them at the end."""

    def __init__(self, name: str, urls: dict[str, str]) -> None:
        self._open = ADAPTERS[name]
        self._urls = urls
        self.banks: list[Bank] = []

    def __call__(
        self, *, token: str = TOKEN, timeout_ms: int = 10_000, port: int | None = None
    ) -> Bank:
        urls = self._urls
        if port is not None:
            there = urls["url"].rsplit(":", 1)[1]
            urls = {name: url.replace(there, str(port)) for name, url in urls.items()}
        self.banks.append(self._open(urls, token, timeout_ms))
        return self.banks[-1]


@pytest.fixture(params=ADAPTERS)
async def opened(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[Opened]:
    it = Opened(request.param, simulator.urls)
    yield it
    for bank in it.banks:
        await bank.close()


@pytest.fixture
def bank(opened: Opened) -> Bank:
    return opened()


def reference_of(answer: Answer | NotFound) -> str | None:
    assert isinstance(answer, Approved | Pending | Declined), answer
    return answer.reference


async def test_what_is_settled_is_approved_and_stays_so(bank: Bank, simulator: Simulator) -> None:
    order = an_order(amount=Money(9_007_199_254_740_993, "JPY"))
    answer = await bank.submit(order)
    assert isinstance(answer, Approved)
    assert await bank.look_up(order) == answer
    [payment] = simulator.books()["payments"]
    assert payment["id"] == answer.reference
    assert (payment["idempotency_key"], payment["end_to_end_id"]) == (str(order.payment_id),) * 2
    assert (payment["amount_minor"], payment["currency"]) == (9_007_199_254_740_993, "JPY")
    assert payment["creditor"]["name"] == "Nordlicht Bau GmbH"


async def test_the_same_order_again_is_the_same_payment(bank: Bank, simulator: Simulator) -> None:
    order = an_order()
    answers = await asyncio.gather(*(bank.submit(order) for _ in range(20)))
    assert len({reference_of(answer) for answer in answers}) == 1
    assert simulator.books()["payments_total"] == 1


async def test_another_order_under_the_same_id_is_not_taken_for_declined(
    bank: Bank, simulator: Simulator
) -> None:
    order = an_order()
    await bank.submit(order)
    other = an_order(payment_id=order.payment_id, amount=eur(99_99))
    answer = await bank.submit(other)
    # The first one has moved money: to say "declined" would give it back.
    assert isinstance(answer, Lost)
    assert answer.why == Why.REFUSED
    looked_up = await bank.look_up(other)
    assert isinstance(looked_up, Lost)
    assert looked_up.why == Why.CONTRADICTION
    assert simulator.books()["settled_minor"] == {"EUR": 12_34}


@pytest.mark.parametrize("code", ["AC01", "AC04", "AM04", "RR04", "MS03"])
async def test_a_rejection_is_declined_with_its_code(bank: Bank, code: str) -> None:
    order = an_order(creditor=a_creditor(name=f"Nordlicht {code}"))
    answer = await bank.submit(order)
    assert isinstance(answer, Declined)
    assert (answer.code, bool(answer.reason), bool(answer.reference)) == (code, True, True)
    assert await bank.look_up(order) == answer


async def test_an_impossible_account_is_declined_before_it_is_taken_in(bank: Bank) -> None:
    order = an_order(creditor=a_creditor(iban="DE00370400440532013000"))
    answer = await bank.submit(order)
    assert isinstance(answer, Declined)
    assert (answer.code, answer.reference) == ("AC01", None)
    assert await bank.look_up(order) == NotFound()


async def test_an_account_number_and_a_bank_code_will_do(bank: Bank) -> None:
    creditor = a_creditor(iban=None, account_number="000123456789", bank_code="021000021")
    assert isinstance(await bank.submit(an_order(creditor=creditor)), Approved)


@pytest.mark.parametrize(
    ("name", "kind"), [("Nordlicht Later", Approved), ("Nordlicht Returned", Declined)]
)
async def test_what_is_accepted_is_pending_until_it_is_decided(
    bank: Bank, name: str, kind: type
) -> None:
    order = an_order(creditor=a_creditor(name=name))
    answer = await bank.submit(order)
    assert isinstance(answer, Pending)
    assert await bank.look_up(order) == answer
    await asyncio.sleep(2.05)
    decided = await bank.look_up(order)
    assert isinstance(decided, kind)
    assert reference_of(decided) == answer.reference


async def test_an_order_that_never_came_is_not_found(bank: Bank) -> None:
    assert await bank.look_up(an_order()) == NotFound()


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
    opened: Opened,
    simulator: Simulator,
    knobs: dict[str, object],
    why: Why,
    is_applied: bool,
) -> None:
    bank, order = opened(timeout_ms=400), an_order()
    simulator.set(**knobs)
    answer = await bank.submit(order)
    assert isinstance(answer, Lost)
    assert (answer.why, answer.sent) == (why, True)
    assert simulator.books()["payments_total"] == is_applied
    # A look-up that is lost, too, is no "not found".
    looked_up = await bank.look_up(order)
    assert isinstance(looked_up, Lost)
    assert looked_up.why == why
    simulator.set()
    assert isinstance(await bank.look_up(order), Approved if is_applied else NotFound)
    # To submit it once more is safe either way.
    assert isinstance(await bank.submit(order), Approved)
    assert simulator.books()["payments_total"] == 1


async def test_nothing_is_repeated_by_itself(bank: Bank, simulator: Simulator) -> None:
    simulator.set(failure_rate=1)
    await bank.submit(an_order())
    assert sum(simulator.books()["requests"].values()) == 1


async def test_who_is_throttled_learns_for_how_long(bank: Bank, simulator: Simulator) -> None:
    simulator.set(rate_limit_per_s=1)
    answers = [await bank.submit(an_order()) for _ in range(3)]
    lost = [answer for answer in answers if isinstance(answer, Lost)]
    assert lost
    assert {(answer.why, answer.retry_after_s) for answer in lost} == {(Why.THROTTLED, 1.0)}


async def test_a_wrong_token_is_no_decline_and_no_not_found(
    opened: Opened, simulator: Simulator
) -> None:
    bank, order = opened(token="wrong"), an_order()
    for answer in (await bank.submit(order), await bank.look_up(order)):
        assert isinstance(answer, Lost)
        assert answer.why == Why.UNAUTHORIZED
    assert simulator.books()["payments_total"] == 0


async def test_one_deadline_holds_for_the_whole_call(opened: Opened, simulator: Simulator) -> None:
    simulator.set(latency={"ms": 5000})
    started = time.monotonic()
    answer = await opened(timeout_ms=300).submit(an_order())
    assert isinstance(answer, Lost)
    assert answer.why == Why.TIMEOUT
    assert time.monotonic() - started < 1.5


async def test_a_bank_that_nobody_reaches_has_got_nothing(opened: Opened) -> None:
    bank = opened(port=free_port())
    for answer in (await bank.submit(an_order()), await bank.look_up(an_order())):
        assert isinstance(answer, Lost)
        assert (answer.why, answer.sent) == (Why.UNREACHABLE, False)


async def test_many_orders_at_once_are_each_paid_once_though_much_is_lost(
    opened: Opened, simulator: Simulator
) -> None:
    bank, orders = opened(timeout_ms=500), [an_order() for _ in range(100)]
    simulator.set(
        failure_rate=0.1,
        drop_rate=0.1,
        timeout_after_apply_rate=0.1,
        lost_answer="close",
        garbage_rate=0.1,
        latency={"kind": "lognormal", "ms": 5, "sigma": 1},
    )

    async def carry_out(order: Order) -> Answer:
        answer = await bank.submit(order)
        while isinstance(answer, Lost | NotFound):
            answer = await bank.look_up(order)
            if isinstance(answer, NotFound):
                answer = await bank.submit(order)
        return answer

    answers = await asyncio.gather(*map(carry_out, orders))
    assert {type(answer) for answer in answers} == {Approved}
    books = simulator.books()
    assert books["settled_minor"] == {"EUR": 100 * 12_34}
    assert {payment["id"] for payment in books["payments"]} == set(map(reference_of, answers))
    assert len(books["requests"]) == 5  # everything did go wrong
