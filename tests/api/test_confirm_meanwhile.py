"""What changes between the question for a code and the code, and input that is meant to hurt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from tests.api.test_confirm_routes import (
    HIGH,
    LIST,
    PATH,
    START,
    House,
    ask,
    code_of,
    furnished,
    problem,
)
from tests.builders import TEST_KEY

from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.payments.cancel import cancel_unconfirmed
from paywright.payments.verify import verify
from paywright.screening.load import load_list
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
PAYEE = {"name": "Nordlicht Bau GmbH", "iban": "DE89370400440532013000"}


@pytest.fixture
def settings() -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url="http://127.0.0.1:9/bank/v1",  # nobody is there: nothing is ever sent
        partner_bank_token="meanwhile",
    )


@pytest.fixture
async def house(app: App) -> AsyncIterator[House]:
    """Jane and the shop, known and verified; Jane has 50,000.00. Books are sound after it all."""
    yield await furnished(app)
    report = await verify(app.db, at=prepare.system_cause().at)
    assert report.is_sound, [check for check in report.checks if check.broken]


async def ends_as(api: Client, house: House, body: dict[str, Any], payment_id: str) -> str:
    """The refusal of a payment with the right code: final, the code used up, and the same answer
    whoever asks again, with the code, with another one, and without."""
    refused = await ask(api, body | {"otp": await code_of(house)})
    for again in (body | {"otp": "000000"}, body):
        answer = await ask(api, again)
        assert answer.content == refused.content
        assert answer.headers["idempotency-replayed"] == "true"
    challenges = await house.app.db.pool.fetch(
        "select status, code_hash from challenges where payment_id = $1",
        PaymentId.parse(payment_id),
    )
    assert [(it["status"], it["code_hash"]) for it in challenges] == [("passed", None)]
    return problem(refused, refused.status_code)


def sent_to(house: House, name: str) -> dict[str, Any]:
    return house.asked(amount_minor=100, credit_account_id=None, beneficiary=PAYEE | {"name": name})


async def waiting(api: Client, body: dict[str, Any]) -> str:
    answer = await ask(api, body)
    assert (answer.status_code, answer.json()["status"]) == (202, "requires_otp"), answer.text
    return answer.json()["id"]


# --- what changes meanwhile --------------------------------------------------------------------


async def test_a_payee_whose_name_changes_to_a_listed_one_is_not_paid(
    api: Client, house: House
) -> None:
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    payment_id = await waiting(api, house.asked())
    named = {"name": "Ulric Casimir Morvane", "customer_since": "2025-01-01T00:00:00Z"}
    assert (await api.put("/api/v1/customers/shop", json=named)).status_code == 200
    assert await ends_as(api, house, house.asked(), payment_id) == "payment-declined"
    assert await house.status(payment_id) == "declined"
    assert await house.available(house.jane) == START
    queued = await house.app.db.pool.fetchval(
        "select count(*) from pgqueuer where dedupe_key = $1", f"review:{payment_id}:declined"
    )
    assert queued == 1


async def test_a_payee_at_another_bank_who_is_listed_meanwhile_is_not_paid(
    api: Client, house: House
) -> None:
    body = house.asked(credit_account_id=None, beneficiary=PAYEE | {"name": "Ulric C. Morvane"})
    payment_id = await waiting(api, body)
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    assert await ends_as(api, house, body, payment_id) == "payment-declined"
    assert await house.status(payment_id) == "declined"
    assert await house.available(house.jane) == START


async def verdict(house: House, status: KycStatus) -> None:
    await decide_by_hand(
        house.app.db,
        house.app.keys,
        prepare.system_cause(),
        customer_id="jane",
        status=status,
        reason="the papers do not match",
    )


async def test_a_payer_rejected_meanwhile_is_weighed_anew(api: Client, house: House) -> None:
    # 50 points for the amount and 40 for the verdict: the code is still what they ask for.
    payment_id = await waiting(api, house.asked())
    await verdict(house, KycStatus.REJECTED)
    paid = await ask(api, house.asked(otp=await code_of(house)))
    assert (paid.status_code, paid.json()["id"]) == (201, payment_id)


async def test_a_payer_rejected_meanwhile_after_many_payments_is_declined(
    api: Client, house: House
) -> None:
    for i in range(5):
        small = await ask(api, house.asked(amount_minor=100 + i), key=f"small-{i}")
        assert small.status_code == 201, small.text
    payment_id = await waiting(api, house.asked())
    await verdict(house, KycStatus.REJECTED)
    assert await ends_as(api, house, house.asked(), payment_id) == "payment-declined"
    assert await house.available(house.jane) == START - 510


@pytest.mark.parametrize(
    ("side", "verb"), [("jane", "freeze"), ("shop", "freeze"), ("shop", "close")]
)
async def test_an_account_frozen_or_closed_meanwhile_ends_the_payment_for_good(
    api: Client, house: House, side: str, verb: str
) -> None:
    payment_id = await waiting(api, house.asked())
    account = getattr(house, side)
    path = f"/api/v1/accounts/{account.id}"
    changed = await api.post(f"{path}/{verb}", json={"reason": "a report of the police"})
    assert changed.status_code == 200, changed.text
    reason = "account-frozen" if verb == "freeze" else "account-closed"
    assert await ends_as(api, house, house.asked(), payment_id) == reason
    assert await house.status(payment_id) == "failed"
    if verb == "freeze":
        await api.post(f"{path}/unfreeze", json={"reason": "an error"})
        assert problem(await ask(api, house.asked())) == reason
        assert problem(await ask(api, house.asked(otp="123456"))) == reason
    assert await house.available(house.jane) == START


async def test_of_the_sweep_and_a_late_code_one_wins(api: Client, house: House) -> None:
    later = prepare.system_cause()
    later = msgspec.structs.replace(later, at=later.at + timedelta(minutes=21))
    for turn in range(4):
        body, key = house.asked(amount_minor=HIGH - turn), f"key-{turn}"
        payment_id = (await ask(api, body, key)).json()["id"]
        body["otp"] = await code_of(house)
        before = await house.available(house.jane)
        answer, canceled = await asyncio.gather(
            ask(api, body, key), cancel_unconfirmed(house.app.db, later)
        )
        if canceled:
            assert problem(answer, 409) == "payment-not-waiting"
            assert await house.status(payment_id) == "canceled"
            assert await house.available(house.jane) == before
        else:
            assert answer.status_code == 201, answer.text
            assert await house.available(house.jane) == before - HIGH + turn


async def test_the_hold_of_a_payment_is_not_resolved_by_hand_nor_in_a_batch(
    api: Client, house: House
) -> None:
    body = house.asked(credit_account_id=None, beneficiary=PAYEE)
    payment_id = await waiting(api, body)
    sent = await ask(api, body | {"otp": await code_of(house)})
    assert sent.json()["status"] == "processing", sent.text
    hold = f"trf_{PaymentId.parse(payment_id).suffix()}"
    for step in ("post", "release"):
        refused = await api.post(
            f"/api/v1/holds/{hold}/{step}", json={}, headers={"Idempotency-Key": step}
        )
        assert problem(refused, 409) == "hold-of-payment"
    elements = [
        {"type": "release_hold", "hold_id": hold},
        {"type": "post_hold", "hold_id": hold, "amount_minor": 1},
        house.asked(amount_minor=100, linked=True),
        {"type": "release_hold", "hold_id": hold, "idempotency_key": "own-1"},
    ]
    answer = await api.post(
        f"{PATH}/batch", json={"transfers": elements}, headers={"Idempotency-Key": "batch-1"}
    )
    told = answer.json()
    assert (told["succeeded"], told["refused"]) == (0, 4), answer.text
    assert told["results"][3]["problem"]["type"].endswith("hold-of-payment")
    assert await house.available(house.jane) == START - HIGH


# --- input that is meant to hurt ---------------------------------------------------------------


LISTED = (
    "MORVANE Ulric Casimir",
    "Морване Ульрик Казимир",
    "Ούλρικ Κασιμίρ Μορβάνε",
    "Ｕｌｒｉｃ　Ｃａｓｉｍｉｒ　Ｍｏｒｖａｎｅ",  # noqa: RUF001 - full width
    "Ülrìc Cäsîmir Mörváne",
    "U\u0301l\u0308ric\u0327 Casimir M\u0323orvane",
    "Ulric Cаsimir Mоrvane",  # noqa: RUF001 - the second a and the o are Cyrillic
    "ulric\u00a0casimir\u2003morvane",
    "Ulrich Morvane",
    "𝐔𝐥𝐫𝐢𝐜 𝐂𝐚𝐬𝐢𝐦𝐢𝐫 𝐌𝐨𝐫𝐯𝐚𝐧𝐞",  # noqa: RUF001 - of mathematics
)


async def test_a_listed_name_is_recognised_in_whatever_letters_it_is_written(
    api: Client, house: House
) -> None:
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    for number, name in enumerate(LISTED):
        refused = await ask(api, sent_to(house, name), f"key-{number}")
        assert problem(refused) == "payment-declined", name
    assert await house.available(house.jane) == START


HIDING = (
    *("", " ", "N" * 141, "N" * 10_000, "Nord\u0000licht", "Nord\u202elicht", "\u2066Nord\u2069"),
    *("Nord\u200dlicht", "Nord\u0007licht", "Nord\ufefflicht"),
)


async def test_names_that_hide_something_are_refused_and_nothing_is_held(
    api: Client, house: House
) -> None:
    for name in HIDING:
        refused = await ask(api, sent_to(house, name))
        assert refused.status_code == 422, refused.text
        assert [it["field"] for it in refused.json()["errors"]] == ["beneficiary.name"]
        assert len(refused.content) < 2_000  # what was sent is not sent back
    assert await house.available(house.jane) == START
    assert (await ask(api, house.asked(amount_minor=100))).status_code == 201  # the key is free


async def test_descriptions_have_an_end_and_no_nul(api: Client, house: House) -> None:
    for text in ("D" * 501, "D" * 10_000, "Re\u0000nt", ""):
        refused = await ask(api, house.asked(amount_minor=100, description=text))
        assert problem(refused) == "invalid-request"
        assert [it["field"] for it in refused.json()["errors"]] == ["description"]


async def test_half_a_character_is_no_json(api: Client, house: House) -> None:
    raw = msgspec.json.encode(house.asked(description="HALF")).replace(b"HALF", b"\\ud800")
    headers = {"Idempotency-Key": "key-1", "Content-Type": "application/json"}
    refused = await api.post(PATH, content=raw, headers=headers)
    assert problem(refused, 400) == "malformed-body"


ODD = (b"", b" ", b"a b", b"a\tb", "schlüssel".encode(), b"k" * 256, b"\x7f", b"\xff\xfe")


async def test_keys_with_odd_characters_are_refused(api: Client, house: House) -> None:
    one = house.asked(amount_minor=100)
    for key in ODD:
        for path, body in ((PATH, one), (f"{PATH}/batch", {"transfers": [one]})):
            refused = await api.post(path, json=body, headers=[(b"idempotency-key", key)])
            assert refused.status_code in (400, 422), (key, path, refused.text)
    assert await house.available(house.jane) == START


async def test_keys_that_look_like_something_else_are_keys(api: Client, house: House) -> None:
    keys = ["';drop--", "%00", "../../x", "k" * 255, "{}", "$1", "\\", "key", "KEY", "null"]
    for number, key in enumerate(keys, start=1):
        body = house.asked(amount_minor=HIGH if key == "%00" else 100 + number)
        answer = await ask(api, body, key)
        assert answer.status_code in (201, 202), answer.text
        assert (await ask(api, body, key)).content == answer.content
        if answer.status_code == 202:
            paid = await ask(api, body | {"otp": await code_of(house)}, key)
            assert paid.status_code == 201, paid.text
