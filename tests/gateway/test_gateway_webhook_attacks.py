"""Webhooks that somebody made up, changed or kept: none is taken for genuine, whatever it looks
like, and none costs much to refuse."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.gateway import bank_webhooks
from paywright.gateway.model import Notice, SignatureInvalid
from paywright.gateway.stripe.webhooks import read_notice

KEY = b"of a bank, and as long as it must be"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
STAMP = int(NOON.timestamp())
BANK_BODY = json.dumps(
    {
        "id": "evt_1",
        "type": "payment.settled",
        "created_at": NOON.isoformat(),
        "data": {"id": "bank_1", "idempotency_key": "pay_1"},
    }
).encode()
STRIPE_BODY = json.dumps(
    {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "created": STAMP,
        "data": {"object": {"id": "pi_1", "metadata": {"paywright_id": "pay_1"}}},
    }
).encode()
Read = Callable[[Mapping[str, str], bytes], Notice]


def mac_of(signed: bytes, key: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def from_bank(
    body: bytes = BANK_BODY, *, stamp: str = str(STAMP), key: bytes = KEY
) -> dict[str, str]:
    mac = mac_of(b"msg_1.%b.%b" % (stamp.encode(), body), key)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def from_stripe(
    body: bytes = STRIPE_BODY, *, stamp: str = str(STAMP), key: str = SECRET
) -> dict[str, str]:
    mac = mac_of(b"%b.%b" % (stamp.encode(), body), key.encode())
    return {"stripe-signature": f"t={stamp},v1={mac.hex()}"}


def bank(headers: Mapping[str, str], body: bytes = BANK_BODY, *, at: datetime = NOON) -> Notice:
    return bank_webhooks.read(headers, body, key=KEY, at=at)


def stripe(headers: Mapping[str, str], body: bytes = STRIPE_BODY, *, at: datetime = NOON) -> Notice:
    return read_notice(headers, body, secret=SECRET, at=at)


def refused(read: Callable[[], Notice]) -> None:
    with pytest.raises(SignatureInvalid):
        read()


def test_what_is_genuine_is_read() -> None:
    assert (bank(from_bank()).key, stripe(from_stripe()).key) == ("pay_1", "pay_1")


@given(st.data())
def test_not_a_bit_of_a_body_may_change(data: st.DataObject) -> None:
    for read, headers, body in (
        (bank, from_bank(), BANK_BODY),
        (stripe, from_stripe(), STRIPE_BODY),
    ):
        place = data.draw(st.integers(0, len(body) * 8 - 1))
        changed = bytearray(body)
        changed[place // 8] ^= 1 << place % 8
        refused(partial(read, headers, bytes(changed)))
    for change in (b"", b" ", b"\n", b"\0"):
        refused(partial(bank, from_bank(), BANK_BODY + change + b"}"))
        refused(partial(stripe, from_stripe(), change + STRIPE_BODY + b"\n"))


@pytest.mark.parametrize("seconds", [301, 3600, 10**9, -301, -3600])
def test_what_was_kept_or_made_for_later_is_refused(seconds: int) -> None:
    at = NOON + timedelta(seconds=seconds)
    refused(partial(bank, from_bank(), at=at))
    refused(partial(stripe, from_stripe(), at=at))


@pytest.mark.parametrize(
    "stamp",
    ["", " ", "0", "-1", f"{STAMP}.0", f" {STAMP}", f"{STAMP} ", f"+{STAMP}", "1e9", "0x1", "nan",
     "9" * 13, "9" * 100_000, "١٢٣٤", f"{STAMP}\n"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_however_well_it_is_signed(stamp: str) -> None:
    refused(partial(bank, from_bank(stamp=stamp)))
    refused(partial(stripe, from_stripe(stamp=stamp)))


def test_another_secret_signs_nothing() -> None:
    for key in (b"", KEY[:-1], KEY + b"x", SECRET.encode()):
        refused(partial(bank, from_bank(key=key)))
    # The whole secret signs at Stripe, `whsec_` included, and not what it stands for.
    for text in ("", SECRET[6:], SECRET + " ", SECRET.lower()):
        refused(partial(stripe, from_stripe(key=text)))


def test_no_signature_is_no_signature() -> None:
    for value in ("", " ", "v1", "v1,", "v1,=", "v1a," + "A" * 44, ",,,", "v0," + "A" * 44):
        refused(partial(bank, from_bank() | {"webhook-signature": value}))
        refused(partial(stripe, {"stripe-signature": f"t={STAMP},{value.replace(',', '=')}"}))
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        refused(partial(bank, {k: v for k, v in from_bank().items() if k != name}))
        refused(partial(bank, from_bank() | {name: ""}))
    refused(partial(stripe, {}))


def test_a_good_signature_of_another_version_or_kind_is_none() -> None:
    good = from_bank()["webhook-signature"].removeprefix("v1,")
    for value in (
        good,
        f"v2,{good}",
        f"V1,{good}",
        f"v1a,{good}",
        f"v1,{good[:-1]}",
        f"v1,{good}=",
    ):
        refused(partial(bank, from_bank() | {"webhook-signature": value}))
    header = from_stripe()["stripe-signature"]
    for value in (header.replace("v1", "v0"), header.upper(), header[:-1], header + "0"):
        refused(partial(stripe, {"stripe-signature": value}))


def test_an_id_is_signed_with_its_message() -> None:
    refused(partial(bank, from_bank() | {"webhook-id": "msg_2"}))
    # What stands before and behind a dot must not be moved across it.
    headers = from_bank() | {"webhook-id": "msg_1." + str(STAMP), "webhook-timestamp": "1"}
    refused(partial(bank, headers))


@pytest.mark.parametrize("text", ["ключ", "\x80\xff", "\ud800", "\ud800\udcff", "🔑", "\0"])
def test_a_header_of_any_characters_is_refused_and_breaks_nothing(text: str) -> None:
    for name, value in from_bank().items():
        for changed in (text, text + value, value + text):
            refused(partial(bank, from_bank() | {name: changed}))
    good = from_stripe()["stripe-signature"]
    for changed in (text, text + good, good + text, f"t={STAMP},v1={text}", f"t={text},v1=a"):
        refused(partial(stripe, {"stripe-signature": changed}))


def test_a_megabyte_of_signatures_is_refused_within_a_second() -> None:
    began = time.process_time()
    for one in ("v1={}".format, "v1,{}".format):
        for filling in ("a", "a" * 64, ""):
            part = one(filling)
            comma, space = (sign.join([part] * (1024 * 1024 // (len(part) + 1))) for sign in ", ")
            refused(partial(stripe, {"stripe-signature": f"t={STAMP},{comma}"}))
            refused(partial(bank, from_bank() | {"webhook-signature": space}))
    refused(partial(bank, from_bank() | {"webhook-id": "x" * 1024 * 1024}))
    refused(partial(stripe, {"stripe-signature": "t" * 1024 * 1024}))
    assert time.process_time() - began < 6, "14 headers"


def test_a_good_one_among_many_will_do() -> None:
    value = from_bank()["webhook-signature"]
    assert bank(from_bank() | {"webhook-signature": f"v1,AAAA {value} v2,BBBB"}).event_id == "msg_1"
