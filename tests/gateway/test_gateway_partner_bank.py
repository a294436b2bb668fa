"""The adapter of the partner bank and a bank that does not say what it should."""

import gzip
import json
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog.testing
from tests.builders import NOON
from tests.gateway.answering import answering, http
from tests.gateway.ordering import a_charge, a_refund, an_order

from paywright.gateway.model import (
    Approved,
    Declined,
    Lost,
    NotFound,
    Order,
    Pending,
    StatementUnavailable,
    Why,
)
from paywright.gateway.partner_bank import PartnerBank

ORDER = an_order()
PAYMENT = {
    "id": "bank_1",
    "idempotency_key": str(ORDER.payment_id),
    "status": "settled",
    "amount_minor": 12_34,
    "currency": "EUR",
}


def a_payment(**changes: Any) -> bytes:
    return json.dumps(PAYMENT | changes).encode()


async def ask(answer: bytes, order: Order = ORDER, **options: Any) -> tuple[Any, Any]:
    """What the adapter makes of an answer to a submission, and to a look-up."""
    async with answering(answer, **options) as server:
        bank = PartnerBank(url=server.url, token="t", timeout_ms=500)
        try:
            both = await bank.submit(order), await bank.look_up(order)
        finally:
            await bank.close()
        assert len(server.requests) == 2
        return both


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", Why.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Why.CONNECTION_LOST),
        (http(200, a_payment())[:-20], Why.CONNECTION_LOST),  # cut short
        (http(200, b""), Why.UNREADABLE),
        (http(200, b"null"), Why.UNREADABLE),
        (http(200, b"[" * 5000), Why.UNREADABLE),
        (http(200, b"<html>sign in to the hotel</html>"), Why.UNREADABLE),
        (http(200, b'{"id": "bank_1", "status": "set'), Why.UNREADABLE),
        (http(200, b"\xff\xfe\x00"), Why.UNREADABLE),
        (http(200, b"not gzip", "Content-Encoding: gzip"), Why.UNREADABLE),
        (http(200, gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"), Why.UNREADABLE),
        (http(200, b" " * 100_000), Why.UNREADABLE),
        (http(200, a_payment(status="done")), Why.UNREADABLE),
        (http(200, a_payment(amount_minor="12.34")), Why.UNREADABLE),
        (http(204, b""), Why.UNREADABLE),
        (http(302, b"", "Location: http://127.0.0.1:9/"), Why.UNREADABLE),
        (http(200, a_payment(idempotency_key="pay_other")), Why.CONTRADICTION),
        (http(200, a_payment(amount_minor=1)), Why.CONTRADICTION),
        (http(200, a_payment(currency="USD")), Why.CONTRADICTION),
        (http(400, b'{"code":"malformed"}'), Why.REFUSED),
        (http(400, b'{"code":"x","reason_code":"AC01"}'), Why.REFUSED),
        (http(422, b'{"code":"idempotency_key_reused"}'), Why.CONTRADICTION),
        (http(422, b'{"code":"x","reason_code":"no idea"}'), Why.REFUSED),
        (http(422, b"AC01"), Why.REFUSED),
        (http(404, b"<html>no such page</html>"), Why.REFUSED),
        (http(404, b'{"code":"not_found"}'), Why.REFUSED),
        (http(401, b""), Why.UNAUTHORIZED),
        (http(403, b"{}"), Why.UNAUTHORIZED),
        (http(408, b""), Why.TIMEOUT),
        (http(409, b"{}"), Why.CONFLICT),
        (http(429, b"{}"), Why.THROTTLED),
        (http(500, a_payment()), Why.SERVER_ERROR),
        (http(503, b""), Why.SERVER_ERROR),
    ],
)
async def test_what_is_no_answer_settles_nothing(answer: bytes, why: Why) -> None:
    for lost in await ask(answer):
        assert isinstance(lost, Lost), lost
        assert (lost.why, lost.sent) == (why, True)
        assert len(lost.detail) < 120


async def test_a_bank_that_trickles_meets_the_deadline() -> None:
    started = time.monotonic()
    for lost in await ask(http(200, a_payment()), chunk_pause_s=0.02):
        assert isinstance(lost, Lost)
        assert lost.why == Why.TIMEOUT
    assert time.monotonic() - started < 3


async def test_not_found_only_in_the_banks_own_words_and_only_when_looked_up() -> None:
    submitted, looked_up = await ask(http(404, b'{"code":"payment_not_found"}'))
    assert isinstance(submitted, Lost)
    assert looked_up == NotFound()


async def test_a_refusal_is_about_an_order_and_not_about_a_look_up() -> None:
    body = json.dumps({"code": "x", "message": "m" * 500, "reason_code": "AC04"}).encode()
    submitted, looked_up = await ask(http(422, body))
    assert submitted == Declined("AC04", "m" * 200)
    assert isinstance(looked_up, Lost)


async def test_answers_with_more_in_them_than_we_know_are_read() -> None:
    assert await ask(http(200, a_payment(fee_minor=3))) == (Approved("bank_1"),) * 2
    submitted, looked_up = await ask(http(201, a_payment(status="accepted")))
    assert submitted == Pending("bank_1")
    assert isinstance(looked_up, Lost)  # nothing is created by looking
    pending, _ = await ask(http(202, a_payment(status="accepted")))
    assert pending == Pending("bank_1")
    declined, _ = await ask(http(200, a_payment(status="rejected")))
    assert declined == Declined("NARR", "", "bank_1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("999999999999", 3600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None),
     ("٣", None), ("", None)],
)  # fmt: skip
async def test_how_long_to_wait_is_read_in_seconds(text: str, seconds: float | None) -> None:
    answer = http(503, b"").replace(b"\r\n\r\n", f"\r\nRetry-After: {text}\r\n\r\n".encode())
    submitted, _ = await ask(answer)
    assert submitted.retry_after_s == seconds


async def test_what_is_sent_is_what_the_bank_expects() -> None:
    async with answering(http(500, b"")) as server:
        bank = PartnerBank(url=server.url + "/", token="s3cret", timeout_ms=500)
        await bank.submit(an_order(payment_id=ORDER.payment_id, description="d" * 500))
        await bank.close()
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/payments http/1.1"
    assert f"idempotency-key: {ORDER.payment_id}" in lines
    assert "authorization: bearer s3cret" in lines
    assert msgspec.json.decode(body) == {
        "amount_minor": 1234,
        "currency": "EUR",
        "debtor_reference": "cust_1",
        "creditor": {
            "name": "Nordlicht Bau GmbH",
            "country": "DE",
            "iban": "DE89370400440532013000",
        },
        "end_to_end_id": str(ORDER.payment_id),
        "description": "d" * 140,
    }


async def test_a_wrong_token_is_told_loudly_and_no_secret_with_it() -> None:
    with structlog.testing.capture_logs() as logs:
        await ask(http(401, b'{"code":"unauthorized"}'))
    assert {(line["event"], line["log_level"]) for line in logs} == {("gateway.refused", "error")}
    assert "Nordlicht" not in str(logs)


@pytest.mark.parametrize(
    ("url", "token"),
    [("bank.example.com", "t"), ("ftp://bank.example.com", "t"), ("https://", "t"),
     ("https://bank.example.com", ""), ("https://bank.example.com", "a\r\nb"),
     ("https://bank.example.com", "ключ")],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_the_start(url: str, token: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|needs a token"):
        PartnerBank(url=url, token=token, timeout_ms=1000)


async def test_a_bank_has_nothing_to_do_with_cards() -> None:
    bank = PartnerBank(url="http://127.0.0.1:9", token="t", timeout_ms=100)
    for order in (a_charge(), a_refund()):
        with pytest.raises(ValueError, match="nothing to do with"):
            await bank.submit(order)
        with pytest.raises(ValueError, match="nothing to do with"):
            await bank.look_up(order)
    await bank.close()


LINE = {
    "reference": "bank_1",
    "idempotency_key": "pay_1",
    "type": "payout",
    "amount_minor": 1234,
    "currency": "EUR",
    "booked_at": "2026-01-05T12:30:00Z",
}


def a_page(*lines: dict[str, Any], next_cursor: str | None = None) -> bytes:
    return http(200, json.dumps({"lines": lines, "next_cursor": next_cursor}).encode())


async def statement(answer: bytes) -> list[Any]:
    async with answering(answer) as server:
        bank = PartnerBank(url=server.url, token="t", timeout_ms=500)
        try:
            return [it async for it in bank.statement(NOON, NOON + timedelta(hours=1))]
        finally:
            await bank.close()


async def test_a_statement_is_read_with_more_in_it_than_we_know() -> None:
    [line] = await statement(a_page(LINE | {"text": "Invoice"}))
    assert (line.reference, line.key, line.amount.minor) == ("bank_1", "pay_1", 1234)


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", http(500, b""), http(401, b"{}"), http(200, b"<html>"), http(200, b"[" * 5000)),
        a_page(LINE, next_cursor="x"),  # the same again, for ever
        a_page(next_cursor="x"),
        a_page(LINE | {"amount_minor": 0}),
        a_page(LINE | {"amount_minor": -5}),
        a_page(LINE | {"currency": "XXY"}),
        a_page(LINE | {"type": "loan"}),
        a_page(LINE | {"booked_at": "2026-01-05T13:00:00Z"}),
        a_page(LINE | {"booked_at": "2026-01-05T12:30:00"}),
    ],
)
async def test_a_part_of_a_statement_is_no_statement(answer: bytes) -> None:
    with pytest.raises(StatementUnavailable):
        await statement(answer)
