"""Attacks on confirming: codes that are guessed, replayed, and carried over to other payments."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from tests.api.test_confirm_routes import (
    HIGH,
    PATH,
    START,
    House,
    ask,
    code_of,
    furnished,
    problem,
)
from tests.builders import TEST_KEY

from paywright.api.app import create_api
from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]


@pytest.fixture
def settings() -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url="http://127.0.0.1:9/bank/v1",  # nobody is there: nothing is ever sent
        partner_bank_token="attacks",
    )


@pytest.fixture
async def house(app: App) -> AsyncIterator[House]:
    """Jane and the shop, known and verified; Jane has 50,000.00. Books are sound after it all."""
    yield await furnished(app)
    report = await verify(app.db, at=prepare.system_cause().at)
    assert report.is_sound, [check for check in report.checks if check.broken]


@pytest.fixture
async def doors(app: App, settings: Settings, database_url: str) -> AsyncIterator[list[Client]]:
    """The same API twice, each with its own pool, desk and caches, as two processes have them."""
    other = await build(settings, url=database_url, application="test")
    _, secret = await create_key(
        app.db, prepare.system_cause(), name="attacker", role=Role.DISPATCHER
    )
    clients = [
        Client(
            transport=httpx2.ASGITransport(create_api(it), raise_app_exceptions=False),
            base_url="http://test",
            headers={"Authorization": f"Bearer {secret}"},
        )
        for it in (app, other)
    ]
    yield clients
    for client in clients:
        await client.aclose()
    await other.close()


def guesses(code: str, count: int) -> list[str]:
    """Codes that are all wrong."""
    return [f"{(int(code) + i) % 1_000_000:06}" for i in range(1, count + 1)]


def told(answers: list[httpx2.Response]) -> Counter[str]:
    """How often each refusal, or status of a payment, was the answer."""
    counts: Counter[str] = Counter()
    for answer in answers:
        body = answer.json()
        is_refusal = answer.status_code >= 400
        counts[body["type"].rsplit("/", 1)[-1] if is_refusal else body["status"]] += 1
    return counts


async def counted(house: House, event: str) -> int:
    return await house.app.db.pool.fetchval("select count(*) from events where type = $1", event)


# --- guessing ----------------------------------------------------------------------------------


async def test_guesses_at_two_processes_at_once_have_five_chances_between_them(
    doors: list[Client], house: House
) -> None:
    await ask(doors[0], house.asked())
    code = await code_of(house)
    asks = [ask(doors[i % 2], house.asked(otp=guess)) for i, guess in enumerate(guesses(code, 40))]
    assert told(await asyncio.gather(*asks)) == {"otp-invalid": 5, "otp-locked": 35}
    assert await counted(house, "challenge.failed") == 5
    for door in doors:
        assert problem(await ask(door, house.asked(otp=code)), 409) == "otp-locked"
    assert await house.available(house.jane) == START


async def test_a_right_code_among_guesses_moves_the_money_once_or_never(
    doors: list[Client], house: House
) -> None:
    for turn in range(2):
        key, amount = f"key-{turn}", HIGH + turn
        await ask(doors[0], house.asked(amount_minor=amount), key)
        code = await code_of(house)
        tries = [*guesses(code, 4), *[code] * 4]
        asks = [
            ask(door, house.asked(amount_minor=amount, otp=it), key)
            for it in tries
            for door in doors
        ]
        counts = told(await asyncio.gather(*asks))
        assert counts["otp-invalid"] <= 5
        assert counts.keys() <= {"otp-invalid", "otp-locked", "succeeded"}, counts
    paid = await house.app.db.pool.fetch(
        "select amount_minor from payments where status = 'succeeded' and amount_minor >= $1", HIGH
    )
    assert await counted(house, "challenge.passed") == len(paid)
    assert await house.available(house.jane) == START - sum(row["amount_minor"] for row in paid)


async def test_ten_wrong_codes_over_many_payments_close_the_payer_for_new_ones(
    doors: list[Client], house: House
) -> None:
    keys = [f"key-{i}" for i in range(4)]
    for i, key in enumerate(keys):
        assert (await ask(doors[i % 2], house.asked(), key)).status_code == 202
    code = await code_of(house)
    asks = [
        ask(doors[i % 2], house.asked(otp=guess), key)
        for key in keys[:3]
        for i, guess in enumerate(guesses(code, 6))
    ]
    counts = told(await asyncio.gather(*asks))
    assert counts == {"otp-invalid": 10, "otp-locked": 8}
    assert problem(await ask(doors[0], house.asked(otp=code), keys[3]), 409) == "otp-locked"
    assert problem(await ask(doors[1], house.asked(), "one-more"), 409) == "otp-locked"
    assert await house.available(house.jane) == START


NO_CODES = (
    "",
    "0" * 10_000,
    "１２３４５６",  # noqa: RUF001 - full width
    "1234567",
    "-12345",
    "12\u000034",
    "12345\n",
    "\u202e12345",
)


async def test_what_is_no_code_is_a_wrong_one_and_counts(api: Client, house: House) -> None:
    for number, otp in enumerate(NO_CODES):
        body, key = house.asked(amount_minor=HIGH - number), f"key-{number}"
        await ask(api, body, key)
        refused = await ask(api, body | {"otp": otp}, key)
        assert problem(refused) == "otp-invalid", otp
        assert refused.json()["tries_left"] == 4
        assert len(refused.content) < 1_000
    paid = await ask(api, body | {"otp": await code_of(house)}, key)
    assert paid.status_code == 201, paid.text


# --- replaying ---------------------------------------------------------------------------------


async def test_a_right_code_at_two_processes_at_once_has_one_effect_and_one_answer(
    doors: list[Client], house: House
) -> None:
    for turn in range(4):
        key, body = f"key-{turn}", house.asked(amount_minor=HIGH - turn)
        await ask(doors[0], body, key)
        body["otp"] = await code_of(house)
        answers = await asyncio.gather(*(ask(door, body, key) for door in doors * 5))
        assert {it.status_code for it in answers} == {201}, [it.text for it in answers]
        assert len({it.content for it in answers}) == 1
        fresh = [it for it in answers if "idempotency-replayed" not in it.headers]
        assert len(fresh) == 1
    assert await counted(house, "payment.completed") == 4


async def test_a_used_code_opens_nothing_under_another_key(api: Client, house: House) -> None:
    await ask(api, house.asked())
    code = await code_of(house)
    assert (await ask(api, house.asked(otp=code))).status_code == 201
    assert problem(await ask(api, house.asked(otp=code), "key-2")) == "otp-not-asked"
    assert (await ask(api, house.asked(), "key-2")).status_code == 202
    assert problem(await ask(api, house.asked(otp=code), "key-2")) == "otp-invalid"
    assert await house.available(house.jane) == START - HIGH


async def test_whatever_else_is_asked_with_a_code_is_refused_and_costs_no_try(
    api: Client, house: House
) -> None:
    await ask(api, house.asked(description="Rent"))
    code = await code_of(house)
    payee = {"name": "Nordlicht Bau GmbH", "iban": "DE89370400440532013000"}
    for changes, differs in (
        ({"currency": "USD"}, ["currency"]),
        ({"description": "Yacht"}, ["description"]),
        ({"description": None}, ["description"]),
        ({"amount_minor": HIGH - 1}, ["amount_minor"]),
        ({"debit_account_id": str(house.bank.id)}, ["debit_account_id"]),
        ({"credit_account_id": str(house.bank.id)}, ["credit_account_id"]),
        ({"credit_account_id": None, "beneficiary": payee}, None),
    ):
        refused = await ask(api, house.asked(otp=code, **{"description": "Rent"} | changes))
        assert problem(refused) == "key-reused", changes
        assert differs is None or refused.json()["fields"] == differs
    assert await counted(house, "challenge.failed") == 0
    paid = await ask(api, house.asked(otp=code, description="Rent"))
    assert paid.status_code == 201, paid.text


async def test_a_code_is_bound_to_the_account_at_the_other_bank(api: Client, house: House) -> None:
    def asked(**payee: str) -> dict[str, Any]:
        ours = {"name": "Nordlicht Bau GmbH", "iban": "DE89370400440532013000"}
        return house.asked(credit_account_id=None, beneficiary=ours | payee)

    waiting = await ask(api, asked())
    assert waiting.status_code == 202, waiting.text
    code = await code_of(house)
    for payee in ({"name": "Nordlicht Bau"}, {"iban": "GB82WEST12345698765432"}):
        refused = await ask(api, asked(**payee) | {"otp": code})
        assert problem(refused) == "key-reused"
    sent = await ask(api, asked(iban="de89 3704 0044 0532 0130 00") | {"otp": code})
    assert (sent.status_code, sent.json()["status"]) == (202, "processing")
    again = await ask(api, asked() | {"otp": code})
    assert again.content == sent.content
    assert await house.available(house.jane) == START - HIGH


async def test_who_may_not_move_money_spends_no_try_and_another_dispatcher_may_confirm(
    client_of: ClientOf, house: House
) -> None:
    first, second = await client_of(Role.DISPATCHER), await client_of(Role.DISPATCHER)
    viewer, nobody = await client_of(Role.VIEWER), await client_of(None)
    waiting = (await ask(first, house.asked())).json()
    code = await code_of(house)
    for client, status in ((viewer, 403), (nobody, 401)):
        for otp in (code, "000000"):
            assert (await ask(client, house.asked(otp=otp))).status_code == status
    assert await counted(house, "challenge.failed") == 0
    # The key names the payment, not its caller: the code is what proves the payer's consent.
    paid = await ask(second, house.asked(otp=code))
    assert (paid.status_code, paid.json()["id"]) == (201, waiting["id"])
    actors = await house.app.db.pool.fetch(
        "select distinct actor from events where subject = $1", waiting["id"]
    )
    assert len(actors) == 2  # who asked, and who confirmed
    assert (await ask(first, house.asked(otp=code))).content == paid.content


# --- fields that are not asked for -------------------------------------------------------------


FORBIDDEN: list[dict[str, Any]] = [
    {"status": "succeeded"},
    {"id": "pay_00000000000000000000000000"},
    {"assessment": {"level": "low"}},
    {"challenge": None},
    {"completes": "pay_00000000000000000000000000"},
    {"problem": None},
    {"kind": "vendor_payment"},
    {"otp_passed": True},
    {"provider": "nobody"},
    {"created_at": "2020-01-01T00:00:00Z"},
    {"linked": True},
    {"expires_in_s": 1},
    {"otp": 123456},
    {"otp": ["123456"]},
    {"otp": {"$ne": ""}},
]


async def test_fields_that_nobody_may_set_are_refused_and_nothing_is_kept(
    api: Client, house: House
) -> None:
    for extra in FORBIDDEN:
        assert problem(await ask(api, house.asked() | extra)) == "invalid-request", extra
    assert await house.available(house.jane) == START
    assert await counted(house, "payment.challenged") == 0
    assert (await ask(api, house.asked(amount_minor=100))).status_code == 201


async def test_routes_that_know_no_code_refuse_one(api: Client, house: House) -> None:
    otp = {"otp": "123456"}
    batch = {"transfers": [house.asked(amount_minor=1) | otp]}
    hold = "trf_00000000000000000000000000"
    for path, body in (
        (f"{PATH}/batch", batch),
        ("/api/v1/holds", house.asked(amount_minor=1) | otp),
        (f"/api/v1/holds/{hold}/post", otp),
        (f"/api/v1/holds/{hold}/release", otp),
        ("/api/v1/accounts", {"owner": "jane", "currency": "EUR", "kind": "liability"} | otp),
    ):
        refused = await api.post(path, json=body, headers={"Idempotency-Key": "otp-1"})
        assert problem(refused) == "invalid-request", refused.text
    assert await house.available(house.jane) == START


async def test_a_waiting_payment_cannot_be_finished_through_a_batch_or_its_id(
    api: Client, house: House
) -> None:
    waiting = (await ask(api, house.asked(idempotency_key="own-1"), "own-1")).json()
    element = house.asked(idempotency_key="own-1")
    for key in ("batch-1", "batch-2"):
        answer = await api.post(
            f"{PATH}/batch", json={"transfers": [element]}, headers={"Idempotency-Key": key}
        )
        assert (answer.json()["succeeded"], answer.json()["waiting"]) == (0, 1), answer.text
    hold = f"trf_{PaymentId.parse(waiting['id']).suffix()}"
    for step in ("post", "release"):
        refused = await api.post(
            f"/api/v1/holds/{hold}/{step}", json={}, headers={"Idempotency-Key": step}
        )
        assert problem(refused, 404) == "hold-not-found", refused.text
    assert await house.status(waiting["id"]) == "requires_otp"
    assert await house.available(house.jane) == START
