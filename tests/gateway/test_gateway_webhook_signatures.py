"""Who sent a webhook: by signature, over the raw body, within five minutes."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.gateway.model import Notice, SignatureInvalid
from paywright.gateway.partner_bank import PartnerBank
from paywright.gateway.stripe import signature
from paywright.gateway.stripe.webhooks import read_notice
from paywright.simulator.webhooks import OutgoingEvent, body_of, signed

VECTORS = Path(__file__).parents[3] / "shared/testdata/01_stripe/signed_webhooks.jsonl"
SECRET = "whsec_of_a_test"
BANK_SECRET = "whsec_" + base64.b64encode(b"of a test, and long enough").decode()
STAMP = int(NOON.timestamp())


def by_stripe(body: bytes, *, at: int = STAMP, secret: str = SECRET) -> str:
    mac = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def is_stripes(header: str, body: bytes, *, at: datetime = NOON, secret: str = SECRET) -> bool:
    try:
        signature.verify(header, body, secret=secret, at=at)
    except SignatureInvalid:
        return False
    return True


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
def test_signatures_of_others_are_judged_as_they_should_be() -> None:
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    assert {vector["valid"] for vector in vectors} == {True, False}
    for vector in vectors:
        at = datetime.fromtimestamp(vector["verify_at"], UTC)
        found = is_stripes(
            vector["header"], vector["body"].encode(), secret=vector["secret"], at=at
        )
        assert found is vector["valid"], vector["case"]


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_what_is_too_old_or_from_the_future_is_not_taken(seconds: int, is_taken: bool) -> None:
    at = NOON + timedelta(seconds=seconds)
    assert is_stripes(by_stripe(b"{}"), b"{}", at=at) is is_taken


@pytest.mark.parametrize(
    "header",
    ["", "t=", "not a header", f"t={STAMP}", "v1=aa", f"t={STAMP},v0=aa", "t=x,v1=aa", "t=-1,v1=a",
     f"t={STAMP},v1=ключ", f"t={STAMP},v1=", "t=" + "9" * 400 + ",v1=aa", f"t=٣{STAMP},v1=aa"],
)  # fmt: skip
def test_what_is_no_signature_is_refused_and_nothing_breaks(header: str) -> None:
    assert not is_stripes(header, b"{}")


def test_one_good_signature_of_several_will_do_and_a_second_time_will_not() -> None:
    good = by_stripe(b"{}")
    time, value = good.split(",")
    assert is_stripes(f"{time},v1={'0' * 64},{value},v0=aa", b"{}")
    assert not is_stripes(f"t={STAMP + 1},{good}", b"{}")
    assert not is_stripes(good, b"{ }")
    assert not is_stripes(good, b"{}", secret=SECRET + "x")


@given(st.binary(max_size=200), st.text(max_size=30).map("whsec_{}".format), st.integers(0, 2**33))
def test_we_sign_and_verify_as_the_sdk_does(body: bytes, secret: str, at: int) -> None:
    from stripe import WebhookSignature  # noqa: PLC0415 - half a second

    header, moment = by_stripe(body, at=at, secret=secret), datetime.fromtimestamp(at, UTC)
    assert is_stripes(header, body, secret=secret, at=moment)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return  # the SDK reads nothing but UTF-8
    assert WebhookSignature.verify_header(text, header, secret)


def test_the_sdk_reads_the_same_event_from_what_we_take() -> None:
    import stripe  # noqa: PLC0415 - half a second

    body = an_event()
    now = datetime.now(UTC)  # the SDK asks the clock itself
    header = by_stripe(body, at=int(now.timestamp()))
    event: Any = stripe.Webhook.construct_event(body, header, SECRET)
    notice = read_notice({"stripe-signature": header}, body, secret=SECRET, at=now)
    assert (notice.event_id, notice.type) == (event.id, event.type)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, SECRET)
    with pytest.raises(SignatureInvalid):
        read_notice({"stripe-signature": header}, body + b" ", secret=SECRET, at=now)
    # The SDK takes what is from the future, as often as it is sent until then.
    early = by_stripe(body, at=int(now.timestamp()) + 3600)
    assert stripe.Webhook.construct_event(body, early, SECRET)
    with pytest.raises(SignatureInvalid):
        read_notice({"stripe-signature": early}, body, secret=SECRET, at=now)


def an_event(**changes: Any) -> bytes:
    made = {"id": "pi_1", "object": "payment_intent", "metadata": {"paywright_id": "pay_1"}}
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": STAMP,
        "data": {"object": made},
    }
    return json.dumps(event | changes).encode()


def test_a_notice_of_stripes_tells_our_key_and_its_name_for_the_object() -> None:
    body = an_event()
    assert read_notice(
        {"stripe-signature": by_stripe(body)}, body, secret=SECRET, at=NOON
    ) == Notice(
        event_id="evt_1",
        type="payment_intent.succeeded",
        key="pay_1",
        reference="pi_1",
        occurred_at=NOON,
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"\xff", b"[" * 5000, an_event(data={}), an_event(created="soon"),
     an_event(created=10**18)],
)  # fmt: skip
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureInvalid, match="not an event"):
        read_notice({"stripe-signature": by_stripe(body)}, body, secret=SECRET, at=NOON)


def test_without_a_secret_nothing_is_genuine() -> None:
    body = an_event()
    header = by_stripe(body, secret="")
    with pytest.raises(SignatureInvalid, match="no secret"):
        read_notice({"stripe-signature": header}, body, secret="", at=NOON)
    with pytest.raises(SignatureInvalid, match="no secret"):
        a_bank(webhook_secret="").read_webhook({}, b"{}", at=NOON)


# The bank's, by Standard Webhooks.


def a_bank(*, webhook_secret: str = BANK_SECRET) -> PartnerBank:
    return PartnerBank(
        url="http://127.0.0.1:9", token="t", timeout_ms=100, webhook_secret=webhook_secret
    )


EVENT = OutgoingEvent(
    side="bank",
    id="evt_1",
    type="payment.settled",
    object="bank_1",
    created_at=NOON,
    data={"id": "bank_1", "idempotency_key": "pay_1", "status": "settled"},
)
BODY = body_of(EVENT)
BANK = a_bank()
HEADERS = dict(signed("bank", "evt_1", BODY, secret=BANK_SECRET, at=NOON))


def is_the_banks(body: bytes = BODY, at: datetime = NOON, **headers: str) -> bool:
    changed = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        BANK.read_webhook(changed, body, at=at)
    except SignatureInvalid:
        return False
    return True


def test_a_notice_of_the_banks_has_the_id_of_its_message() -> None:
    assert a_bank().read_webhook(HEADERS, BODY, at=NOON) == Notice(
        event_id="evt_1",
        type="payment.settled",
        key="pay_1",
        reference="bank_1",
        occurred_at=NOON,
    )


def test_the_example_of_the_standard_is_verified() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, the test vector of its libraries
    from paywright.gateway import bank_webhooks  # noqa: PLC0415

    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    key = bank_webhooks.signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    assert bank_webhooks.verify(headers, body, key=key, at=at) == headers["webhook-id"]


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_the_banks_webhooks_are_young(seconds: int, is_taken: bool) -> None:
    assert is_the_banks(at=NOON + timedelta(seconds=seconds)) is is_taken


def test_each_part_of_the_banks_webhook_is_signed() -> None:
    good = HEADERS["webhook-signature"]
    assert is_the_banks(webhook_signature=f"v1a,x v1,{'A' * 43}= {good}")
    assert not is_the_banks(BODY + b" ")
    assert not is_the_banks(webhook_id="evt_2")
    assert not is_the_banks(webhook_timestamp=str(STAMP + 1))
    for wrong in ("", "v1", "v1,", "v1a," + good[3:], good + "x", "v1,ключ", good[3:]):
        assert not is_the_banks(webhook_signature=wrong), wrong
    for wrong in ("", "x", "-1", "9" * 400, "1e9"):
        assert not is_the_banks(webhook_timestamp=wrong), wrong
    for missing in HEADERS:
        assert not is_the_banks(**{missing.replace("-", "_"): ""})


def test_what_the_bank_signs_and_is_no_event_is_refused() -> None:
    good = json.loads(BODY)
    for body in (
        *(b"", b"null", b"\xff", b"[" * 5000),
        msgspec.json.encode(good | {"created_at": "2026-01-05T12:00:00"}),
        msgspec.json.encode(good | {"data": {}}),
    ):
        headers = signed("bank", "evt_1", body, secret=BANK_SECRET, at=NOON)
        with pytest.raises(SignatureInvalid, match="signed, but"):
            a_bank().read_webhook(headers, body, at=NOON)


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "whsec_x", base64.b64encode(b"k" * 32).decode(), "whsec_ключ",
     "whsec_" + base64.b64encode(b"k" * 23).decode()],
)  # fmt: skip
def test_a_secret_that_is_none_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and the base64"):
        a_bank(webhook_secret=secret)
