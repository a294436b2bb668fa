"""Invented bills of vendors as requests, and what people ask about those on file."""

import random
from collections.abc import Iterator

import msgspec

from bench.vendor_fill import CURRENCIES, VENDORS, vendor_id

LINES = 10
_PATH = "/api/v1/vendor-payments"
_WORK = ("Repair", "Tow", "Inspection", "Spare part", "Cleaning", "Overtime")


def bills(count: int, *, seed: int, secret: str) -> list[bytes]:
    """`POST /api/v1/vendor-payments` with ten lines, ready to be sent. None resembles another.

    seed: no two calls on one database have the same
    """
    dice = random.Random(20_261_101 * 1_000 + seed)
    return [_post(_bill(dice, f"{seed}{number:06}"), secret, dice) for number in range(count)]


def the_same_bill(
    count: int, *, seed: int, secret: str, number: str, amount_minor: int
) -> list[bytes]:
    """Bills that the first vendor has sent before: each is refused, and names the one on file."""
    dice = random.Random(20_261_102 * 1_000 + seed)
    prices = [1] * (LINES - 1) + [amount_minor - LINES + 1]
    asked = _bill(dice, number) | {
        "vendor_id": vendor_id(0),
        "bill_number": number,
        "amount_minor": amount_minor,
        "lines": [
            {"description": "Repair", "quantity": 1, "unit_price_minor": price} for price in prices
        ],
    }
    return [_post(asked, secret, dice) for _ in range(count)]


def _bill(dice: random.Random, number: str) -> dict[str, object]:
    lines = [
        {
            "description": f"{dice.choice(_WORK)} {dice.randrange(1000)}",
            "quantity": dice.randrange(1, 5),
            "unit_price_minor": dice.randrange(100, 100_000),
        }
        for _ in range(LINES)
    ]
    return {
        "vendor_id": vendor_id(dice.randrange(VENDORS)),
        "amount_minor": sum(int(it["quantity"]) * int(it["unit_price_minor"]) for it in lines),
        "currency": CURRENCIES[0],
        "payer_type": dice.choice(("back_office", "driver", "carrier")),
        "incident_id": f"case_{number}",
        "work_order": f"wo_{number}",
        "bill_number": f"{dice.choice('ABCDEFGH')}{number}",
        "bill_date": "2026-11-02",
        "lines": lines,
        "metadata": {"depot": f"D{dice.randrange(90)}", "vehicle": f"V{dice.randrange(9000)}"},
    }


def _post(asked: dict[str, object], secret: str, dice: random.Random) -> bytes:
    body = msgspec.json.encode(asked)
    head = (
        f"POST {_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {secret}\r\nidempotency-key: {dice.getrandbits(128):032x}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def reading(path: str, *, secret: str) -> bytes:
    """`GET` of a path below `/api/v1`."""
    return (
        f"GET /api/v1{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {secret}\r\n\r\n"
    ).encode()


def lists(*, deep_cursor: str, newest_cursor: str, between: str) -> Iterator[tuple[str, str]]:
    """What is asked of the lists, by name.

    deep_cursor:   of the queue, in its middle
    newest_cursor: of the list of all, at its oldest tenth
    between:       a time in the middle of what is on file
    """
    list_ = "/vendor-payments"
    yield "all, newest first", list_
    yield "all, deep page", f"{list_}?cursor={newest_cursor}"
    yield "by status", f"{list_}?status=failed"
    yield "by vendor, much paid", f"{list_}?vendor_id={vendor_id(0)}"
    yield "by vendor, little paid", f"{list_}?vendor_id={vendor_id(VENDORS - 1)}"
    yield "by vendor and status", f"{list_}?vendor_id={vendor_id(7)}&status=failed"
    yield "by incident", f"{list_}?incident_id=inc_1000"
    yield "made before a time", f"{list_}?created_before={between}"
    yield "by amount, many", f"{list_}?currency=EUR&amount_min_minor=1000"
    yield "by amount, few", f"{list_}?currency=EUR&amount_min_minor=200450"
    yield "by currency, none", f"{list_}?currency=CHF"
    yield "pending, deep page, 200 rows", f"{list_}/pending?limit=200&cursor={deep_cursor}"


REPORTS = (
    ("payouts, all, by month", "/reports/vendor-payouts"),
    (
        "payouts, a month, by day",
        "/reports/vendor-payouts?from=2026-10-01&to=2026-11-01&group_by=day",
    ),
    ("incident costs, all", "/reports/incident-costs"),
    ("incident costs, a month", "/reports/incident-costs?from=2026-10-01&to=2026-11-01"),
    ("approval ageing, all", "/reports/approval-ageing"),
    ("approval ageing, a month", "/reports/approval-ageing?from=2026-10-01&to=2026-11-01"),
    ("spend by payer type, all", "/reports/payer-type-spend"),
)
