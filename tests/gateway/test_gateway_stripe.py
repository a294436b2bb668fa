"""The adapter of Stripe, over the real SDK, and a Stripe that says exactly what a test wants."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import structlog.testing
from tests.builders import NOON, eur
from tests.gateway.answering import answering, http
from tests.gateway.ordering import a_charge, a_refund, an_account_holder, an_order

from paywright.core.money import Money
from paywright.gateway.model import (
    Approved,
    Declined,
    Lost,
    NotFound,
    Order,
    OrderKind,
    Pending,
    StatementLine,
    StatementUnavailable,
    Why,
)
from paywright.gateway.stripe.adapter import StripeProvider
from paywright.gateway.stripe.amounts import asked, told

CHARGE = a_charge()
REFUND = a_refund()
PAYOUT = an_order(creditor=an_account_holder())
KEY = str(CHARGE.payment_id)
Step = tuple[str, bytes]


def a_stripe(url: str, *, at: datetime = NOON, **changes: Any) -> StripeProvider:
    fields = {"api_key": "sk_test_4711", "timeout_ms": 1000, "webhook_secret": ""} | changes
    return StripeProvider(api_base=url.removesuffix("/v1"), clock=lambda: at, **fields)


class Scripted:
    """Expects requests in this order, and gives each its answer."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            method, target, _ = first.split()
            self.asked.append(f"{method} {urlsplit(target).path}")
            self.heads.append(fields)
            self.forms.append(dict(parse_qsl(urlsplit(target).query or body.decode())))
            expected, answer = self.steps.pop(0) if self.steps else ("nothing more", b"")
            writer.write(answer if self.asked[-1] == expected else http(500, b"off the script"))
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*steps: Step) -> AsyncIterator[Scripted]:
    it = Scripted(steps)
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
        assert it.steps == [], it.asked
    finally:
        server.close()


async def submit(order: Order, *steps: Step, at: datetime = NOON) -> Any:
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url, at=at)
        try:
            return await stripe.submit(order)
        finally:
            await stripe.close()


async def look_up(order: Order, *steps: Step) -> Any:
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url)
        try:
            return await stripe.look_up(order)
        finally:
            await stripe.close()


def ok(body: object) -> bytes:
    return http(200, json.dumps(body).encode())


def error(status: int, **fields: Any) -> bytes:
    body = {"error": {"type": "invalid_request_error", "message": "no"} | fields}
    return http(status, json.dumps(body).encode())


def page(*made: Any, has_more: bool = False) -> bytes:
    return ok({"object": "list", "data": made, "has_more": has_more})


def made(order: Order, **changes: Any) -> dict[str, Any]:
    key = order.idempotency_key
    return {
        "id": "pi_1",
        "amount": order.amount.minor,
        "currency": order.amount.currency.lower(),
        "metadata": {"paywright_id": key},
        "status": "succeeded",
        "transfer_group": key,
    } | changes


def a_transfer(**changes: Any) -> dict[str, Any]:
    return made(PAYOUT, id="tr_1", destination="acct_nordlicht", created=1_767_614_400) | changes


def a_payout(**changes: Any) -> dict[str, Any]:
    return made(PAYOUT, id="po_1", status="pending") | changes


INTENTS, CHARGES = "POST /v1/payment_intents", "GET /v1/charges"
REFUNDS, REFUNDED = "POST /v1/refunds", "GET /v1/refunds"
TRANSFERS, PAYOUTS = "POST /v1/transfers", "POST /v1/payouts"
TRANSFERRED, PAID_OUT = "GET /v1/transfers", "GET /v1/payouts"
REVERSALS = "POST /v1/transfers/tr_1/reversals"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("succeeded", Approved("pi_1")),
        ("processing", Pending("pi_1")),
        ("requires_payment_method", Declined("requires_payment_method", "", "pi_1")),
        ("canceled", Declined("canceled", "", "pi_1")),
    ],
)
async def test_a_charge_means_what_its_intent_says(status: str, answer: object) -> None:
    assert await submit(CHARGE, (INTENTS, ok(made(CHARGE, status=status)))) == answer


async def test_what_is_sent_is_what_stripe_expects_and_the_key_is_ours() -> None:
    async with scripted((INTENTS, ok(made(CHARGE)))) as there:
        stripe = a_stripe(there.url)
        await stripe.submit(CHARGE)
        await stripe.close()
    [head], [form] = there.heads, there.forms
    assert head["idempotency-key"] == KEY
    assert head["authorization"] == "bearer sk_test_4711"
    assert head["stripe-version"]
    assert form == {
        "amount": "1234",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "payment_method_types[0]": "card",
        "confirm": "true",
        "off_session": "true",
        "transfer_group": KEY,
        "metadata[paywright_id]": KEY,
        "description": "Order 4711",
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "expired_card"}, "expired_card"),
        ({"code": "authentication_required"}, "authentication_required"),
        ({}, "card_error"),
    ],
)
async def test_a_card_error_is_a_decline_by_its_decline_code(
    fields: dict[str, str], code: str
) -> None:
    refused = error(402, type="card_error", payment_intent={"id": "pi_1"}, **fields)
    assert await submit(CHARGE, (INTENTS, refused)) == Declined(code, "no", "pi_1")
    # What is looked for is not declined by that: it may have been charged long ago.
    answer = await look_up(CHARGE, (CHARGES, refused))
    assert isinstance(answer, Lost)


@pytest.mark.parametrize(
    ("order", "where", "fields"),
    [
        (CHARGE, INTENTS, {"code": "amount_too_small"}),
        (CHARGE, INTENTS, {"code": "resource_missing", "param": "payment_method"}),
        (REFUND, REFUNDS, {"code": "charge_already_refunded"}),
        (PAYOUT, TRANSFERS, {"code": "resource_missing", "param": "destination"}),
    ],
)
async def test_what_is_wrong_with_the_order_itself_is_declined(
    order: Order, where: str, fields: dict[str, str]
) -> None:
    answer = await submit(order, (where, error(400, **fields)))
    assert answer == Declined(fields["code"], "no")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(400), Why.REFUSED),
        (error(400, code="parameter_unknown", param="amount"), Why.REFUSED),
        (error(400, code="resource_missing", param="payment_intent"), Why.REFUSED),
        (error(400, code="balance_insufficient"), Why.REFUSED),
        (error(404, code="resource_missing"), Why.REFUSED),
        (error(402, type="api_error"), Why.REFUSED),
        (error(400, type="idempotency_error"), Why.CONTRADICTION),
        (error(409, type="idempotency_error", code="idempotency_key_in_use"), Why.CONFLICT),
        (error(400, code="rate_limit"), Why.THROTTLED),
        (error(429, code="lock_timeout"), Why.THROTTLED),
        (error(401), Why.UNAUTHORIZED),
        (error(403, code="account_invalid"), Why.UNAUTHORIZED),
        (error(424, type="api_error"), Why.SERVER_ERROR),
        (error(500, type="card_error", code="card_declined"), Why.SERVER_ERROR),
        (http(503, b"<html>"), Why.SERVER_ERROR),
        (http(302, b"", "Location: http://127.0.0.1:9/"), Why.UNREADABLE),
        (http(400, b"[1]"), Why.REFUSED),
        (http(404, b'{"error":"not_found"}'), Why.REFUSED),
        (http(200, b""), Why.UNREADABLE),
        (http(200, b"null"), Why.UNREADABLE),
        (http(200, b"[" * 5000), Why.UNREADABLE),
        (http(200, b"<html>sign in to the hotel</html>"), Why.UNREADABLE),
        (http(200, b"\xff\xfe\x00"), Why.UNREADABLE),
        (http(200, b" " * 2_000_000), Why.UNREADABLE),
        (http(200, b'{"id":"pi_1"')[:-3], Why.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Why.CONNECTION_LOST),
        (b"", Why.CONNECTION_LOST),
    ],
)
@pytest.mark.parametrize("order", [CHARGE, REFUND, PAYOUT], ids=["charge", "refund", "payout"])
async def test_what_is_no_answer_settles_nothing(order: Order, answer: bytes, why: Why) -> None:
    async with answering(answer) as server:
        stripe = a_stripe(server.url)
        for lost in (await stripe.submit(order), await stripe.look_up(order)):
            assert isinstance(lost, Lost), lost
            assert (lost.why, lost.sent) == (why, True)
            assert len(lost.detail) < 120
        await stripe.close()
        assert len(server.requests) == 2  # nothing is repeated by itself


@pytest.mark.parametrize(
    "answer",
    [
        made(CHARGE, amount=1),
        made(CHARGE, currency="usd"),
        made(CHARGE, metadata={"paywright_id": "pay_other"}),
        made(CHARGE, metadata={}),
    ],
)
async def test_an_answer_about_another_charge_settles_nothing(answer: object) -> None:
    lost = await submit(CHARGE, (INTENTS, ok(answer)))
    assert isinstance(lost, Lost)
    assert lost.why == Why.CONTRADICTION


async def test_what_nobody_is_there_to_confirm_is_withdrawn_and_declined() -> None:
    waiting = (INTENTS, ok(made(CHARGE, status="requires_action")))
    cancel = "POST /v1/payment_intents/pi_1/cancel"
    answer = await submit(CHARGE, waiting, (cancel, ok(made(CHARGE, status="canceled"))))
    assert isinstance(answer, Declined)
    assert (answer.code, answer.reference) == ("authentication_required", "pi_1")
    lost = await submit(CHARGE, waiting, (cancel, http(500, b"")))
    assert isinstance(lost, Lost)


@pytest.mark.parametrize(
    ("charges", "answer"),
    [
        ([], NotFound()),
        ([{"status": "succeeded"}], Approved("pi_1")),
        ([{"status": "pending"}], Pending("pi_1")),
        (
            [{"status": "failed", "outcome": {"reason": "stolen_card"}, "failure_message": "no"}],
            Declined("stolen_card", "no", "pi_1"),
        ),
        ([{"status": "failed", "failure_code": "x"}], Declined("x", "", "pi_1")),
        # Long after the key was forgotten it was tried again, and then paid.
        ([{"status": "succeeded"}, {"status": "failed"}], Approved("pi_1")),
    ],
)
async def test_a_charge_is_looked_up_among_what_was_charged(
    charges: list[dict[str, Any]], answer: object
) -> None:
    found = [made(CHARGE, id="ch_1", payment_intent="pi_1", **charge) for charge in charges]
    assert await look_up(CHARGE, (CHARGES, page(*found))) == answer


async def test_a_double_charge_is_for_a_person_and_not_approved() -> None:
    charge = made(CHARGE, payment_intent="pi_1")
    with structlog.testing.capture_logs() as logs:
        lost = await look_up(CHARGE, (CHARGES, page(charge, charge)))
    assert isinstance(lost, Lost)
    assert lost.why == Why.CONTRADICTION
    assert [line["log_level"] for line in logs] == ["error"]


async def test_a_refund_is_looked_up_on_all_pages_of_its_charge() -> None:
    others = [made(REFUND, id=f"re_{n}", metadata={}, payment_intent="pi_1") for n in range(3)]
    ours = made(REFUND, id="re_9", payment_intent="pi_1")
    steps = [(REFUNDED, page(*others, has_more=True)), (REFUNDED, page(ours))]
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url)
        assert await stripe.look_up(REFUND) == Approved("re_9")
        await stripe.close()
    assert [form.get("starting_after") for form in there.forms] == [None, "re_2"]
    # A part of the list does not tell what is not on it.
    lost = await look_up(REFUND, (REFUNDED, page(*others, has_more=True)), (REFUNDED, b""))
    assert isinstance(lost, Lost)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("succeeded", Approved("re_1")),
        ("pending", Pending("re_1")),
        ("requires_action", Pending("re_1")),
        ("failed", Declined("lost_or_stolen_card", "", "re_1")),
        ("canceled", Declined("lost_or_stolen_card", "", "re_1")),
    ],
)
async def test_a_refund_means_what_its_status_says(status: str, answer: object) -> None:
    refund = made(
        REFUND,
        id="re_1",
        status=status,
        payment_intent="pi_1",
        failure_reason="lost_or_stolen_card",
    )
    assert await submit(REFUND, (REFUNDS, ok(refund))) == answer


@pytest.mark.parametrize(
    ("order", "where", "first"),
    [
        (CHARGE, CHARGES, [made(CHARGE, payment_intent="pi_1")]),
        (REFUND, REFUNDED, [made(REFUND, payment_intent="pi_1")]),
    ],
    ids=["charge", "refund"],
)
async def test_an_old_order_is_looked_up_before_it_is_sent_again(
    order: Order, where: str, first: list[Any]
) -> None:
    """After a day its key may be forgotten: to send it blindly would carry it out twice."""
    late, young = NOON + timedelta(hours=23, seconds=1), NOON + timedelta(hours=23)
    send = (INTENTS if order is CHARGE else REFUNDS, ok(made(order, payment_intent="pi_1")))
    assert await submit(order, (where, page(*first)), at=late) == Approved("pi_1")
    assert await submit(order, (where, page()), send, at=late) == Approved("pi_1")
    assert await submit(order, send, at=young) == Approved("pi_1")
    lost = await submit(order, (where, http(500, b"")), at=late)
    assert isinstance(lost, Lost)  # and nothing was sent


async def test_a_payout_is_a_transfer_and_then_a_payout_from_there() -> None:
    steps = [(TRANSFERS, ok(a_transfer())), (PAYOUTS, ok(a_payout()))]
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url)
        assert await stripe.submit(PAYOUT) == Pending("tr_1")
        await stripe.close()
    key = str(PAYOUT.payment_id)
    assert [head["idempotency-key"] for head in there.heads] == [key, f"{key}:payout"]
    assert [head.get("stripe-account") for head in there.heads] == [None, "acct_nordlicht"]
    assert there.forms[0]["destination"] == "acct_nordlicht"
    assert there.forms[0]["transfer_group"] == key


@pytest.mark.parametrize(
    ("transfer", "payout", "answer"),
    [
        ({}, {"status": "paid"}, Approved("tr_1")),
        ({}, {"status": "in_transit"}, Pending("tr_1")),
        ({"reversed": True}, None, Declined("reversed", "", "tr_1")),
        (
            {"reversed": True, "amount_reversed": 1234},
            {"status": "failed", "failure_code": "account_closed"},
            Declined("account_closed", "", "tr_1"),
        ),
        # Made by who died before the next step: the payout was never asked for.
        ({}, None, NotFound()),
    ],
)
async def test_a_payout_is_looked_up_by_its_transfer_and_its_metadata(
    transfer: dict[str, Any], payout: dict[str, Any] | None, answer: object
) -> None:
    other = a_payout(id="po_0", metadata={})
    ours = [] if payout is None else [a_payout(**payout)]
    steps = [(TRANSFERRED, page(a_transfer(**transfer))), (PAID_OUT, page(other, *ours))]
    assert await look_up(PAYOUT, *steps) == answer


async def test_a_payout_that_failed_is_declined_once_its_money_is_back() -> None:
    failed = a_payout(status="failed", failure_code="account_closed", failure_message="closed")
    found = [(TRANSFERRED, page(a_transfer())), (PAID_OUT, page(failed))]
    back = Declined("account_closed", "closed", "tr_1")
    assert await look_up(PAYOUT, *found, (REVERSALS, ok({"id": "trr_1"}))) == back
    for lost_answer in (http(500, b""), error(400, code="balance_insufficient")):
        lost = await look_up(PAYOUT, *found, (REVERSALS, lost_answer))
        assert isinstance(lost, Lost)  # to say "declined" would give away what is not back


async def test_who_died_between_the_steps_of_a_payout_is_completed_without_a_second_transfer() -> (
    None
):
    found = [(TRANSFERRED, page(a_transfer())), (PAID_OUT, page())]
    late = NOON + timedelta(days=2)
    assert await submit(PAYOUT, *found, (PAYOUTS, ok(a_payout())), at=late) == Pending("tr_1")


@pytest.mark.parametrize("answer", [http(500, b""), b"", error(400, code="balance_insufficient")])
async def test_a_payout_whose_second_step_is_lost_may_have_been_sent(answer: bytes) -> None:
    lost = await submit(PAYOUT, (TRANSFERS, ok(a_transfer())), (PAYOUTS, answer))
    assert isinstance(lost, Lost)
    assert lost.sent


async def test_a_payout_whose_second_step_reaches_nobody_has_been_sent_all_the_same() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.close()  # nobody listens from now on
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(a_transfer()))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    stripe = a_stripe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    lost = await stripe.submit(PAYOUT)
    await stripe.close()
    assert isinstance(lost, Lost)
    assert (lost.why, lost.sent) == (Why.UNREACHABLE, True)


async def test_a_payout_that_is_refused_for_good_is_taken_back_first() -> None:
    refused = (PAYOUTS, error(400, code="payouts_not_allowed"))
    transfer = (TRANSFERS, ok(a_transfer()))
    back = (REVERSALS, ok({"id": "trr_1"}))
    declined = await submit(PAYOUT, transfer, refused, back)
    assert declined == Declined("payouts_not_allowed", "no", "tr_1")


@pytest.mark.parametrize(
    "transfers",
    [
        [a_transfer(), a_transfer(id="tr_2")],
        [a_transfer(destination="acct_other")],
        [a_transfer(amount=1)],
        [a_transfer(amount_reversed=5)],
    ],
)
async def test_a_transfer_that_is_not_as_it_was_asked_for_is_for_a_person(
    transfers: list[Any],
) -> None:
    lost = await look_up(PAYOUT, (TRANSFERRED, page(*transfers)))
    assert isinstance(lost, Lost)
    assert lost.why == Why.CONTRADICTION


async def test_a_payout_to_no_account_of_stripes_is_a_bug() -> None:
    stripe = a_stripe("http://127.0.0.1:9")
    for call in (stripe.submit, stripe.look_up):
        with pytest.raises(ValueError, match="its own accounts"):
            await call(an_order())
    await stripe.close()


async def test_one_deadline_holds_for_all_steps_of_a_call() -> None:
    async with answering(page(a_transfer()), chunk_pause_s=0.005) as server:
        stripe = a_stripe(server.url, timeout_ms=300)
        started = time.monotonic()
        lost = await stripe.look_up(PAYOUT)
        await stripe.close()
    assert isinstance(lost, Lost)
    assert (lost.why, lost.sent) == (Why.TIMEOUT, True)
    assert time.monotonic() - started < 1


async def test_how_long_to_wait_is_known_also_from_who_is_not_stripe() -> None:
    for body in (b"slower", b'{"code":"too_many_requests"}', b'{"error":{"type":"api_error"}}'):
        lost = await submit(CHARGE, (INTENTS, http(429, body, "Retry-After: 7")))
        assert isinstance(lost, Lost)
        assert (lost.why, lost.retry_after_s) == (Why.THROTTLED, 7.0)


async def test_a_mistake_of_ours_is_told_loudly_and_no_secret_with_it() -> None:
    with structlog.testing.capture_logs() as logs:
        await submit(CHARGE, (INTENTS, error(401, message="Invalid API Key: sk_test_*4711")))
    assert [(line["event"], line["log_level"]) for line in logs] == [("gateway.refused", "error")]
    assert "sk_test" not in str(logs)
    assert "pm_card" not in str(logs)


@pytest.mark.parametrize(
    ("amount", "units"),
    [(Money(12_34, "EUR"), 1234), (Money(500, "JPY"), 500), (Money(500, "ISK"), 50_000),
     (Money(7, "UGX"), 700), (Money(700, "MGA"), 7), (Money(701, "MGA"), None)],
)  # fmt: skip
async def test_amounts_are_told_in_the_units_that_stripe_counts(
    amount: Money, units: int | None
) -> None:
    assert asked(amount) == units
    if units is None:
        assert isinstance(await submit(a_charge(amount=amount)), Declined)  # nothing was sent
    else:
        assert told(units, amount.currency.lower()) == amount


SINCE, HOUR = datetime(2026, 1, 5, tzinfo=UTC), timedelta(hours=1)
BALANCE = "GET /v1/balance_transactions"


def a_transaction(number: int, type: str, **changes: Any) -> dict[str, Any]:
    source = made(CHARGE, id=f"ch_{number}", payment_intent=f"pi_{number}")
    return {
        "id": f"txn_{number}",
        "type": type,
        "created": int(SINCE.timestamp()) + number,
        "fee": 10,
        "currency": "eur",
        "source": source,
    } | changes


async def statement(until: datetime, *steps: Step) -> list[StatementLine]:
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url)
        try:
            return [line async for line in stripe.statement(SINCE, until)]
        finally:
            await stripe.close()


async def test_a_statement_tells_what_moved_in_the_order_of_booking() -> None:
    refund = made(REFUND, id="re_2", payment_intent="pi_1")
    newest_first = page(
        a_transaction(6, "refund", source={**refund, "status": "failed"}),
        a_transaction(5, "transfer", source=a_transfer(reversed=True)),
        a_transaction(4, "stripe_fee", source=None),
        a_transaction(3, "transfer", fee=0, source=a_transfer()),
        a_transaction(2, "refund", fee=0, source=refund),
        has_more=True,
    )
    steps = [(BALANCE, newest_first), (BALANCE, page(a_transaction(1, "charge")))]
    lines = await statement(SINCE + HOUR, *steps)
    assert [(line.kind, line.reference, line.key) for line in lines] == [
        (OrderKind.CHARGE, "pi_1", KEY),
        (OrderKind.REFUND, "re_2", str(REFUND.refund_id)),
        (OrderKind.PAYOUT, "tr_1", str(PAYOUT.payment_id)),
    ]
    assert [line.fee for line in lines] == [eur(10), eur(0), eur(0)]
    assert lines[0].booked_at == SINCE + timedelta(seconds=1)


async def test_a_statement_is_asked_for_by_the_hour_and_in_whole_seconds() -> None:
    steps = [(BALANCE, page())] * 2
    async with scripted(*steps) as there:
        stripe = a_stripe(there.url)
        until = SINCE + HOUR + timedelta(milliseconds=1500)
        assert [line async for line in stripe.statement(SINCE, until)] == []
        await stripe.close()
    start = int(SINCE.timestamp())
    assert [(form["created[gte]"], form["created[lt]"]) for form in there.forms] == [
        (str(start), str(start + 3600)),
        (str(start + 3600), str(start + 3602)),
    ]
    assert there.forms[0]["expand[0]"] == "data.source"


@pytest.mark.parametrize(
    "second",
    [b"", http(500, b""), page(has_more=True), page({"id": "txn_1"}),
     page(a_transaction(1, "charge", source="ch_1")),
     page(a_transaction(1, "charge", currency="xxx"))],
)  # fmt: skip
async def test_a_part_of_a_statement_is_no_statement(second: bytes) -> None:
    steps = [(BALANCE, page(a_transaction(2, "charge"), has_more=True)), (BALANCE, second)]
    with pytest.raises(StatementUnavailable):
        await statement(SINCE + HOUR, *steps)


@pytest.mark.parametrize(
    ("base", "key"),
    [("api.stripe.com", "sk"), ("ftp://api.stripe.com", "sk"), ("https://", "sk"),
     ("https://api.stripe.com", ""), ("", "a\r\nb"), ("", "ключ")],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_the_start(base: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|needs a key"):
        a_stripe(base, api_key=key)
