"""A transfer as a bank confirms one: weighed, challenged when risky, held, then moved."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from tests.ledger.building import a_post, moved, opened

from paywright.cli import prepare
from paywright.core.ids import PaymentId
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.identity.permissions import Role
from paywright.issues.payment_review import open_payment_review
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger.model import HOUSE, Account, AccountKind
from paywright.notifications.views import list_messages
from paywright.payments.cancel import cancel_unconfirmed
from paywright.payments.verify import verify
from paywright.screening.load import load_list
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/transfers"
HIGH = 1_200_000  # above 10,000.00: 50 points
LIST = b"""id,name,kind,aliases,birth_date,country,programs,identifiers
1,"MORVANE, Ulric Casimir",person,Ulrich Morvane,,,TEST,
"""


START = 5_000_000  # what Jane has, in minor units


class House:
    """Jane and the shop are known and verified; Jane has 50,000.00."""

    def __init__(self, app: App, bank: Account, jane: Account, shop: Account) -> None:
        self.app, self.bank, self.jane, self.shop = app, bank, jane, shop

    def asked(self, **changes: Any) -> dict[str, Any]:
        body = {
            "debit_account_id": str(self.jane.id),
            "credit_account_id": str(self.shop.id),
            "amount_minor": HIGH,
            "currency": "EUR",
        }
        return {key: value for key, value in (body | changes).items() if value is not None}

    async def available(self, account: Account) -> int:
        return await self.app.db.pool.fetchval(
            "select credits_posted - debits_posted - debits_pending from accounts where id = $1",
            account.id,
        )

    async def status(self, payment_id: str) -> str:
        return await self.app.db.pool.fetchval(
            "select status from payments where id = $1", PaymentId.parse(payment_id)
        )


async def a_customer(app: App, customer_id: str, name: str, **changes: Any) -> None:
    fields = {
        "id": customer_id,
        "name": name,
        "email": f"{customer_id}@example.com",
        "country": "DE",
        "customer_since": datetime(2025, 1, 1, tzinfo=UTC),
    }
    cause = prepare.system_cause()
    await register_customer(app.db, app.keys, cause, customer=Customer(**fields | changes))
    await decide_by_hand(
        app.db, app.keys, cause, customer_id=customer_id, status=KycStatus.VERIFIED, reason="seen"
    )


async def furnished(app: App) -> House:
    """Jane and the shop, known and verified, and Jane's money on the books."""
    await a_customer(app, "jane", "Jane Okonjo-Berg")
    await a_customer(app, "shop", "Shop Keeper")
    db = app.db
    bank = await opened(db, kind=AccountKind.ASSET, may_go_negative=True, owner=HOUSE)
    jane, shop = await opened(db, owner="jane"), await opened(db, owner="shop")
    await moved(db, a_post(bank, jane, START))
    return House(app, bank, jane, shop)


@pytest.fixture
async def house(app: App) -> House:
    return await furnished(app)


async def ask(client: Client, body: Any, key: str = "key-1") -> httpx2.Response:
    return await client.post(PATH, json=body, headers={"Idempotency-Key": key})


async def code_of(house: House) -> str:
    """The code that was sent last, as its recipient reads it."""
    page = await list_messages(
        house.app.db,
        house.app.keys,
        prepare.system_cause(),
        reveal=True,
        channel=None,
        status=None,
        cursor=None,
        limit=1,
    )
    content = page.items[0].content
    assert content is not None
    found = re.search(r"\b\d{6}\b", content.text)
    assert found, content.text
    return found[0]


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def problem(answer: httpx2.Response, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["type"].rsplit("/", 1)[-1]


async def test_a_small_transfer_of_a_known_customer_goes_through(api: Client, house: House) -> None:
    answer = await ask(api, house.asked(amount_minor=2_500))
    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text


async def test_a_large_one_waits_for_a_code(api: Client, house: House) -> None:
    answer = await ask(api, house.asked())
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told["status"] == "requires_otp"
    assert told["challenge"]["channel"] == "email"
    assert await house.available(house.jane) == 5_000_000
    again = await ask(api, house.asked())
    assert again.content == answer.content
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_same_request_with_the_code_moves_the_money_once(
    api: Client, house: House
) -> None:
    waiting = (await ask(api, house.asked())).json()
    code = await code_of(house)
    answers = await asyncio.gather(*(ask(api, house.asked(otp=code)) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}, [it.text for it in answers]
    assert len({answer.content for answer in answers}) == 1
    paid = answers[0].json()
    assert (paid["id"], paid["status"]) == (waiting["id"], "succeeded")
    assert await house.available(house.jane) == 5_000_000 - HIGH
    # The key now stands for the payment that was made, with a code and without one.
    for body in (house.asked(), house.asked(otp="000000")):
        again = await ask(api, body)
        assert again.content == answers[0].content
        assert again.headers["idempotency-replayed"] == "true"
    assert (await api.get(f"{PATH}/{paid['id']}")).json() == paid


async def test_a_wrong_code_moves_nothing_and_the_sixth_is_too_late(
    api: Client, house: House
) -> None:
    await ask(api, house.asked())
    code = await code_of(house)
    for tries_left in (4, 3, 2, 1):
        refused = await ask(api, house.asked(otp=other(code)))
        assert problem(refused) == "otp-invalid"
        assert refused.json()["tries_left"] == tries_left
    await ask(api, house.asked(otp=other(code)))
    assert problem(await ask(api, house.asked(otp=code)), 409) == "otp-locked"
    assert await house.available(house.jane) == 5_000_000


async def test_a_code_is_for_one_amount_and_one_payee(api: Client, house: House) -> None:
    await ask(api, house.asked())
    code = await code_of(house)
    for changes in ({"amount_minor": HIGH + 1}, {"credit_account_id": str(house.bank.id)}):
        refused = await ask(api, house.asked(otp=code, **changes))
        assert problem(refused) == "key-reused"
    # Nor does it open a payment of its own.
    await ask(api, house.asked(amount_minor=HIGH + 1), key="key-2")
    refused = await ask(api, house.asked(amount_minor=HIGH + 1, otp=code), key="key-2")
    assert problem(refused) == "otp-invalid"
    assert await house.available(house.jane) == 5_000_000


async def test_a_code_that_nobody_asked_for_is_refused_and_the_key_stays_free(
    api: Client, house: House
) -> None:
    refused = await ask(api, house.asked(amount_minor=100, otp="123456"))
    assert problem(refused) == "otp-not-asked"
    assert (await ask(api, house.asked(amount_minor=100))).status_code == 201


async def test_who_has_too_little_by_then_is_told_so_under_the_same_key(
    api: Client, house: House
) -> None:
    waiting = (await ask(api, house.asked())).json()
    code = await code_of(house)
    await moved(house.app.db, a_post(house.jane, house.shop, 4_500_000))
    for body in (house.asked(otp=code), house.asked()):
        assert problem(await ask(api, body)) == "insufficient-funds"
    assert await house.status(waiting["id"]) == "failed"
    assert (await api.get(f"{PATH}/{waiting['id']}")).json()["failure_code"] == "insufficient_funds"


async def test_what_nobody_confirms_is_canceled(api: Client, house: House) -> None:
    waiting = (await ask(api, house.asked())).json()
    code = await code_of(house)
    cause = prepare.system_cause()
    assert await cancel_unconfirmed(house.app.db, cause) == 0
    later = msgspec.structs.replace(cause, at=cause.at + timedelta(minutes=21))
    assert await cancel_unconfirmed(house.app.db, later) == 1
    assert await house.status(waiting["id"]) == "canceled"
    assert problem(await ask(api, house.asked(otp=code)), 409) == "payment-not-waiting"
    assert await house.available(house.jane) == 5_000_000


@pytest.mark.parametrize("side", ["payer", "payee"])
async def test_a_party_on_a_sanctions_list_stops_the_payment_and_a_person_looks_at_it(
    client_of: ClientOf, house: House, side: str
) -> None:
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    await a_customer(house.app, "listed", "Ulric Casimir Morvane")
    listed = await opened(house.app.db, owner="listed")
    await moved(house.app.db, a_post(house.bank, listed, 10_000))
    sides = (
        {"debit_account_id": str(listed.id)}
        if side == "payer"
        else {"credit_account_id": str(listed.id)}
    )
    dispatcher, reviewer = await client_of(Role.DISPATCHER), await client_of(Role.REVIEWER)
    refused = await ask(dispatcher, house.asked(amount_minor=100, **sides))
    assert problem(refused) == "payment-declined"
    assert "sanction" not in refused.text.lower()  # who is stopped is not tipped off
    payment_id = refused.json()["payment_id"]
    assert (await ask(dispatcher, house.asked(amount_minor=100, **sides))).json() == refused.json()
    assert await house.status(payment_id) == "declined"
    assert await house.available(listed) == 10_000
    found = (await reviewer.get(f"{PATH}/{payment_id}/assessment")).json()
    assert found["level"] == "blocked"
    assert "sanctions-hit" in [it["rule_id"] for it in found["fired"]]
    assert (await dispatcher.get(f"{PATH}/{payment_id}/assessment")).status_code == 403
    for _ in range(2):  # a job may come twice
        await open_payment_review(
            house.app.db,
            prepare.system_cause(),
            payment_id=PaymentId.parse(payment_id),
            reason="declined",
        )
    issues = (await reviewer.get("/api/v1/issues?type=payment_review")).json()["items"]
    assert [it["transaction_id"] for it in issues] == [payment_id]
    assert issues[0]["details"]["score"] >= 100


async def test_a_name_is_compared_with_a_list_that_came_after_it(api: Client, house: House) -> None:
    await a_customer(house.app, "listed", "Ulric Casimir Morvane")
    listed = await opened(house.app.db, owner="listed")
    asked = house.asked(amount_minor=100, credit_account_id=str(listed.id))
    assert (await ask(api, asked)).status_code == 201
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    assert problem(await ask(api, asked, key="key-2")) == "payment-declined"


async def test_a_batch_goes_on_around_what_waits_and_what_is_declined(
    api: Client, house: House
) -> None:
    elements = [
        house.asked(amount_minor=100),
        house.asked(idempotency_key="own-1"),
        house.asked(),  # without a key of its own it cannot be confirmed
        house.asked(amount_minor=200),
    ]
    answer = await api.post(
        f"{PATH}/batch", json={"transfers": elements}, headers={"Idempotency-Key": "batch-1"}
    )
    told = answer.json()
    assert (told["succeeded"], told["waiting"], told["refused"]) == (2, 1, 1), answer.text
    assert told["results"][2]["problem"]["type"].endswith("otp-required")
    paid = await ask(api, house.asked(otp=await code_of(house)), key="own-1")
    assert paid.status_code == 201, paid.text
    assert await house.available(house.jane) == 5_000_000 - HIGH - 300


async def test_chains_and_holds_cannot_wait_for_a_code(api: Client, house: House) -> None:
    elements = [
        house.asked(amount_minor=100, linked=True, idempotency_key="own-1"),
        house.asked(idempotency_key="own-2"),
    ]
    answer = await api.post(
        f"{PATH}/batch", json={"transfers": elements}, headers={"Idempotency-Key": "batch-1"}
    )
    told = answer.json()
    assert told["refused"] == 2, answer.text
    hold = await api.post("/api/v1/holds", json=house.asked(), headers={"Idempotency-Key": "h-1"})
    assert problem(hold) == "otp-required"
    assert await house.available(house.jane) == 5_000_000


async def test_our_own_money_needs_no_code_and_is_not_sent_to_who_is_listed(
    api: Client, house: House
) -> None:
    asked = house.asked(debit_account_id=str(house.bank.id))
    assert (await ask(api, asked)).status_code == 201
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    await a_customer(house.app, "listed", "Ulric Casimir Morvane")
    listed = await opened(house.app.db, owner="listed")
    asked = house.asked(
        debit_account_id=str(house.bank.id), credit_account_id=str(listed.id), amount_minor=1
    )
    assert problem(await ask(api, asked, key="key-2")) == "payment-declined"


async def test_the_sixth_payment_of_a_day_and_an_unknown_payer_score_together(
    api: Client, house: House
) -> None:
    await a_customer(house.app, "jane", "Jane Okonjo-Berg", email="other@example.com")
    await decide_by_hand(
        house.app.db,
        house.app.keys,
        prepare.system_cause(),
        customer_id="jane",
        status=KycStatus.REJECTED,
        reason="the papers do not match",
    )
    for i in range(5):
        answer = await ask(api, house.asked(amount_minor=100 + i), key=f"key-{i}")
        assert answer.status_code == 201, answer.text
    assert (await ask(api, house.asked(amount_minor=500), key="key-6")).status_code == 202


async def test_books_are_sound_after_all_of_it(api: Client, house: House) -> None:
    await ask(api, house.asked())
    await ask(api, house.asked(otp=await code_of(house)))
    report = await verify(house.app.db, at=prepare.system_cause().at)
    assert report.is_sound, [check for check in report.checks if check.broken]


async def test_a_new_name_is_screened_before_the_next_payment(api: Client, house: House) -> None:
    await load_list(house.app.db, prepare.system_cause(), name="test", source=LIST)
    assert (await ask(api, house.asked(amount_minor=100))).status_code == 201
    body = {"name": "Ulric Casimir Morvane", "customer_since": "2025-01-01T00:00:00Z"}
    assert (await api.put("/api/v1/customers/shop", json=body)).status_code == 200
    refused = await ask(api, house.asked(amount_minor=100), key="key-2")
    assert problem(refused) == "payment-declined"


async def test_what_was_refused_for_want_of_money_is_no_payment_of_the_day(
    api: Client, house: House
) -> None:
    for i in range(7):
        refused = await ask(api, house.asked(debit_account_id=str(house.shop.id)), key=f"key-{i}")
        assert refused.status_code in (202, 422), refused.text
    poor = await opened(house.app.db, owner="jane")
    for i in range(7):
        asked = house.asked(debit_account_id=str(poor.id), amount_minor=100)
        assert problem(await ask(api, asked, key=f"poor-{i}")) == "insufficient-funds"
    found = await ask(api, house.asked(amount_minor=600_000), key="first")
    assert found.status_code == 201, found.text


async def test_who_is_listed_while_the_code_is_on_its_way_is_declined_with_the_evidence(
    client_of: ClientOf, house: House
) -> None:
    api = await client_of(Role.ADMIN)
    waiting = (await ask(api, house.asked())).json()
    code = await code_of(house)
    listing = LIST.replace(b"MORVANE, Ulric Casimir", b"KEEPER, Shop")
    await load_list(house.app.db, prepare.system_cause(), name="test", source=listing)
    assert problem(await ask(api, house.asked(otp=code))) == "payment-declined"
    assert await house.status(waiting["id"]) == "declined"
    found = (await api.get(f"{PATH}/{waiting['id']}/assessment")).json()
    assert found["level"] == "blocked"
    assert "sanctions-hit" in [it["rule_id"] for it in found["fired"]]
    page = (await api.get("/api/v1/risk/assessments?limit=1")).json()
    rest = (await api.get(f"/api/v1/risk/assessments?cursor={page['next_cursor']}")).json()
    assert [it["level"] for it in (*page["items"], *rest["items"])] == ["blocked", "high"]
    assert await house.available(house.jane) == 5_000_000
