"""Nothing secret survives, and nothing harmless is lost."""

import dataclasses
import json
import time
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.core.ids import IssueId
from paywright.telemetry.patterns import is_card_number, scrub
from paywright.telemetry.redaction import MASK, TEXT_MAX, is_sensitive_key, redact

API_KEY = "pk_" + "aB3-_" * 8 + "xyz"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    "key",
    [
        *("authorization", "Authorization", "API_KEY", "x-api-key", "X-API-Key", "apiKey"),
        *("password", "db_password", "client_secret", "access_token", "otp", "Set-Cookie"),
        *("encryption_key", "ENCRYPTION-KEY", "card_number", "cardNumber", "pan", "cvc", "cvv"),
        *("iban", "email", "customer_email", "phone", "customer_name", "payment_method"),
    ],
)
def test_values_of_sensitive_keys_are_masked(key: str) -> None:
    assert redact({key: "Erika"}) == {key: MASK}
    assert redact({key: 123}) == {key: MASK}
    assert redact({"a": [{key: {"nested": ["Erika"]}}]}) == {"a": [{key: MASK}]}


@pytest.mark.parametrize(
    "key",
    [
        *("code", "error_code", "name", "reference", "idempotency_key", "encryption_key_id"),
        *("timespan", "japan", "company", "email_index", "tokens_max", "payment_method_type"),
    ],
)
def test_other_keys_survive(key: str) -> None:
    assert redact({key: "card_declined"}) == {key: "card_declined"}
    assert not is_sensitive_key(key)


def test_that_something_is_missing_or_only_a_flag_can_be_seen() -> None:
    told = {"email": None, "otp": True, "phone": ""}
    assert redact(told) == told


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("card 4111111111111111.", "card [card]."),
        ("4111 1111 1111 1111", "[card]"),
        ("pan=5500-0055-5555-5559,", "pan=[card],"),
        ("no. 12 4111 1111 1111 1111 for 3 items", "no. 12 [card] for 3 items"),
        ("4111111111111111 5500005555555559", "[card] [card]"),
        ("amex 3782 822463 10005", "amex [card]"),
        ("13 digits: 4222222222222", "13 digits: [card]"),
        ("19 digits: 6304000000000000000", "19 digits: [card]"),
        ("ref_4111111111111111", "ref_[card]"),
        ("mail to a.b+c@mail.example.co.uk!", "mail to [email]!"),
        ("Key (email)=(zoë@exämple.de) exists", "Key (email)=([email]) exists"),
        ("Authorization: Bearer abc.def-123", "Authorization: [redacted]"),
        ("sent bearer abcdefgh", "sent bearer [redacted]"),
        ("{'Authorization': 'Basic dXNlcjpwdw=='}", "{'Authorization': '[redacted]'}"),
        ('{"api_key": "s3cret", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
        ("GET /x?token=abc&page=2", "GET /x?token=[redacted]&page=2"),
        ("set-cookie: sid=1; theme=dark", "set-cookie: [redacted]"),
        (f"key {API_KEY} used", "key [key] used"),
        (f"jwt {JWT}", "jwt [jwt]"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[key]"),
        ("to DE89370400440532013000", "to [iban]"),
        ("to GB82 WEST 1234 5698 7654 32 PLEASE", "to [iban] PLEASE"),
        ("postgres://app:s3:cr@t/x@db:5432/pay", "postgres://app:[redacted]@db:5432/pay"),
        ("redis://:hunter2@cache/0", "redis://:[redacted]@cache/0"),
    ],
)
def test_secrets_are_found_by_their_shape(text: str, clean: str) -> None:
    assert redact(text) == clean
    assert redact({"event": [text]}) == {"event": [clean]}
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # does not pass the Luhn check
        "reference 1234567890123",
        "1732174294000 1732174294000000",  # milliseconds and microseconds, one in ten passes
        "DE89370400440532013001",  # does not pass mod 97
        "took 0.4111111111111111 s",
        "41111111111111114111111111111111",  # 32 digits: half of a hash
        "req_0f3c1d2e4b5a69788796a5b4c3d2e1f0",
        "iss_01jf8m3q5n9w2x4y6z8a0b1c2d",
        "0190a1b2-1234-7123-8123-123456789012",
        "12345678-1234-1234-1234-123456789012",
        "id 7db7fae2-123d-43e4-be61-13bb3a71a6fc ends like a Belgian IBAN",
        "a411111111111111b 4111111111111111f",
        "insufficient_funds: 12.00 EUR at 2026-11-21T07:31:41.123456Z",
        "GET /api/v1/issues?limit=20&type=decline",
        "192.168.100.200:5432 a@b @home",
        "task_timeout pk_short eyJ",
    ],
)
def test_harmless_text_survives(text: str) -> None:
    assert redact(text) == text


def test_timestamps_are_no_cards_even_when_they_pass_the_luhn_check() -> None:
    assert not any(is_card_number(str(1_732_174_294_000 + ms)) for ms in range(100))
    assert is_card_number("135412345678911")  # UATP: 15 digits that begin with 1


def luhn(body: str) -> str:
    doubled = [sum(divmod(int(d) * 2, 10)) for d in body[-1::-2]]
    return body + str(-(sum(doubled) + sum(map(int, body[-2::-2]))) % 10)


CARDS = st.from_regex(r"[2-9][0-9]{11,17}", fullmatch=True).map(luhn)


@given(
    CARDS,
    st.sampled_from(["", " ", "x ", ": ", "\n", "('", "12 ", "pan_"]),
    st.sampled_from(["", " ", "',", " 7", "-7", ". x", "_x"]),
)
def test_every_card_is_masked_wherever_it_is(card: str, before: str, after: str) -> None:
    spaced = "-".join(card[i : i + 4] for i in range(0, len(card), 4))
    assert card not in redact(before + card + after)
    assert spaced not in redact(before + spaced + after)
    assert card not in json.dumps(redact({"n": int(card)}))


def test_numbers_are_looked_at_too() -> None:
    assert redact([4111111111111111, 1732174294000, 2**70, -5, 1.5]) == [
        *("[card]", 1732174294000, str(2**70), -5, 1.5)
    ]


class Colour(StrEnum):
    RED = "red"


class Customer(msgspec.Struct):
    id: str
    email: str


@dataclasses.dataclass
class Card:
    number: str
    cvc: int


def test_objects_are_opened_and_not_left_to_the_serializer() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    issue_id = IssueId.new(at)
    assert redact([Customer("c1", "a@b.co"), Card("4111111111111111", 123)]) == [
        {"id": "c1", "email": MASK},
        {"number": "[card]", "cvc": MASK},
    ]
    assert redact({"id": issue_id, "at": at, "colour": Colour.RED, "e": ValueError("a@b.co")}) == {
        "id": str(issue_id),
        "at": "2026-01-02T00:00:00+00:00",
        "colour": "red",
        "e": "[email]",
    }


def test_bytes_and_header_pairs_are_read() -> None:
    headers = [(b"authorization", b"Bearer x"), (b"accept", b"*/*"), ("x-api-key", "k")]
    assert redact(headers) == [["authorization", MASK], ["accept", "*/*"], ["x-api-key", MASK]]
    assert redact([b"a@b.co", b"\xff\xfe"]) == ["[email]", "[2 bytes]"]


def test_keys_are_scrubbed_too() -> None:
    assert redact({"a@b.co": 1, 5: 2, b"password": "x"}) == {"[email]": 1, "5": 2, "password": MASK}


def test_cycles_depth_and_size_are_bounded() -> None:
    circle: dict[str, object] = {"a": 1}
    circle["self"] = [circle]
    assert redact(circle) == {"a": 1, "self": ["[circular]"]}
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    assert "[too deep]" in json.dumps(redact(deep))
    shared: list[object] = ["x"]
    for _ in range(40):
        shared = [shared, shared, shared]  # no cycle, and yet 3**40 paths
    started = time.monotonic()
    assert isinstance(redact(shared), list)
    assert redact(list(range(6000))) == "[6000 items]"
    assert time.monotonic() - started < 2


def test_a_long_text_is_cut_and_no_half_of_a_secret_is_left_at_the_cut() -> None:
    text = "x " * (TEXT_MAX // 2 - 4) + "4111 1111 1111 1111"
    clean = redact(text)
    assert clean.endswith(f"[{len(text)} characters]")
    assert "4111" not in clean


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_read_does_not_raise() -> None:
    assert redact({"a": Broken(), "b": 1}) == {"a": "[Broken]", "b": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(JSON)
def test_anything_becomes_plain_json_and_stays_as_it_is(value: object) -> None:
    clean = redact(value)
    assert json.dumps(redact(clean)) == json.dumps(clean)


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 32_000, "a" * 32_000 + "@", "://a:" * 6400 + "@", "1 " * 16_000 + "x"),
        *("9" * 32_000, "eyJ" * 10_000, "AB12" * 8000, "cookie:" * 4500, "bearer " * 4500),
        *("token='" * 4500, "a.b@" * 8000, "a@" + "b." * 16_000, "11111111-" * 3500),
    ],
    ids=lambda text: text[-12:],
)
def test_no_text_makes_a_pattern_slow(text: str) -> None:
    started = time.monotonic()
    scrub(text)
    assert time.monotonic() - started < 1
