"""Codes over HTTP: send one again, set up an authenticator app."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pyotp
import pytest
from tests.builders import a_cause
from tests.challenges.challenging import a_binding

from paywright.challenges.model import Challenge, Subject
from paywright.challenges.open import open_challenges
from paywright.core.ids import PaymentId
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PASSWORD = "correct horse battery staple 42"
TOTP = "/api/v1/customers/cust_totp/totp"


@pytest.fixture
async def customer(api: Client) -> str:
    body = {"customer_since": "2025-01-05T12:00:00Z", "email": "mina@example.org"}
    answer = await api.put("/api/v1/customers/cust_totp", json=body)
    assert answer.status_code == 201
    return "cust_totp"


def kind_of(answer: httpx2.Response) -> str:
    """The last part of the problem's type."""
    return answer.json()["type"].rpartition("/")[2]


async def waiting_payment(app: App, customer: str, *, since: timedelta) -> PaymentId:
    """A payment that has asked for a code some time ago."""
    binding = a_binding()
    cause = a_cause(at=datetime.now(UTC) - since)
    async with app.db.transaction() as tx:
        (made,) = await open_challenges(
            tx, app.keys, [(cause, binding, Subject("customer", customer))]
        )
    assert isinstance(made, Challenge)
    return PaymentId.of(binding.payment_id)


async def test_a_code_is_sent_again_and_not_told(app: App, api: Client, customer: str) -> None:
    payment_id = await waiting_payment(app, customer, since=timedelta(minutes=1))
    answer = await api.post(f"/api/v1/transfers/{payment_id}/otp")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told.keys() == {"channel", "recipient", "expires_at", "resends_left"}
    assert (told["channel"], told["recipient"]) == ("email", "m***@example.org")
    assert told["resends_left"] == 2
    assert answer.headers["cache-control"] == "no-store"


async def test_asked_again_at_once_it_says_how_long_to_wait(
    app: App, api: Client, customer: str
) -> None:
    payment_id = await waiting_payment(app, customer, since=timedelta(minutes=1))
    movement = f"trf_{payment_id.suffix()}"
    assert (await api.post(f"/api/v1/transfers/{movement}/otp")).status_code == 200
    answer = await api.post(f"/api/v1/transfers/{payment_id}/otp")
    assert answer.status_code == 429
    assert kind_of(answer) == "resend-too-soon"
    assert 28 <= int(answer.headers["retry-after"]) <= 30


@pytest.mark.parametrize(
    ("payment", "status"),
    [("pay_01jf0000000000000000000000", 404), ("pay_x", 422), ("x" * 5000, 422), ("%00", 422)],
)
async def test_no_code_is_sent_for_what_is_no_payment(
    api: Client, payment: str, status: int
) -> None:
    answer = await api.post(f"/api/v1/transfers/{payment}/otp")
    assert answer.status_code == status, answer.text


async def test_a_customer_gets_an_app_in_two_steps(api: Client, customer: str) -> None:
    made = await api.post(TOTP)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    app = pyotp.TOTP(made.json()["secret"])
    code = app.now()
    done = await api.post(f"{TOTP}/confirm", json={"code": f"{code[:3]} {code[3:]}"})
    assert (done.status_code, done.content) == (204, b"")
    again = await api.post(TOTP, json={})
    assert (again.status_code, kind_of(again)) == (409, "totp-enrolled")


async def test_the_secret_cannot_be_read(api: Client, customer: str) -> None:
    secret = (await api.post(TOTP)).json()["secret"]
    assert (await api.get(TOTP)).status_code == 405
    assert secret not in (await api.get("/api/v1/customers/cust_totp")).text


async def test_an_app_goes_with_a_code_or_by_an_administrator(
    client_of: ClientOf, api: Client, customer: str
) -> None:
    operator = await client_of(Role.OPERATOR)
    app = pyotp.TOTP((await operator.post(TOTP)).json()["secret"])
    code = app.now()
    await operator.post(f"{TOTP}/confirm", json={"code": code})
    assert (await operator.delete(TOTP)).status_code == 403
    used = await operator.request("DELETE", TOTP, json={"code": code})
    assert (used.status_code, kind_of(used)) == (422, "otp-invalid")
    assert (await api.delete(TOTP)).status_code == 204
    assert (await api.delete(TOTP)).status_code == 404


async def test_an_api_key_has_no_app_of_its_own(api: Client) -> None:
    for answer in (
        await api.post("/api/v1/me/totp"),
        await api.post("/api/v1/me/totp/confirm", json={"code": "123456"}),
        await api.request("DELETE", "/api/v1/me/totp", json={"code": "123456"}),
    ):
        assert (answer.status_code, kind_of(answer)) == (403, "not-a-person")


async def test_a_person_sets_up_an_app_and_takes_it_away(app: App, client_of: ClientOf) -> None:
    await create_user(
        app.db,
        app.identity,
        a_cause(),
        email="petra@example.org",
        name="Petra Probe",
        role=Role.VIEWER,
        password=PASSWORD,
    )
    client = await client_of(None)
    proof = {"email": "petra@example.org", "password": PASSWORD}
    signed_in = (await client.post("/api/v1/sessions", json=proof)).json()
    client.headers["authorization"] = f"Bearer {signed_in['access_token']}"
    made = await client.post("/api/v1/me/totp")
    assert made.status_code == 201, made.text
    totp = pyotp.TOTP(made.json()["secret"])
    used = totp.now()
    done = await client.post("/api/v1/me/totp/confirm", json={"code": used})
    assert done.status_code == 204, done.text
    replayed = await client.request("DELETE", "/api/v1/me/totp", json={"code": used})
    assert kind_of(replayed) == "otp-invalid"
    fresh = totp.at(datetime.now(UTC) + timedelta(seconds=30))
    gone = await client.request("DELETE", "/api/v1/me/totp", json={"code": fresh})
    assert gone.status_code == 204, gone.text


async def test_only_administrators_reset_the_app_of_a_user(client_of: ClientOf) -> None:
    path = "/api/v1/users/usr_01jf0000000000000000000000/totp"
    for role in Role:
        answer = await (await client_of(role)).delete(path)
        assert answer.status_code == (404 if role is Role.ADMIN else 403), role


@pytest.mark.parametrize(
    "body",
    [
        {"code": "1" * 10_000},
        {"code": ""},
        {"code": 123456},
        {"code": None},
        {"code": "123456", "admin": True},
        {},
        [],
        {"code": "12345\u0000"},
    ],
)
async def test_a_body_that_is_none_is_refused(api: Client, customer: str, body: Any) -> None:
    await api.post(TOTP)
    answer = await api.post(f"{TOTP}/confirm", json=body)
    assert answer.status_code == 422, answer.text


async def test_a_stranger_is_refused(client_of: ClientOf) -> None:
    stranger = await client_of(None)
    for path in ("/api/v1/me/totp", TOTP, "/api/v1/transfers/pay_x/otp"):
        assert (await stranger.post(path)).status_code == 401
