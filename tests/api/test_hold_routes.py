"""Holds over HTTP: made, posted, released, over; each once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.builders import a_cause
from tests.ledger.building import a_hold, a_post, moved, opened

from paywright.identity.permissions import Role
from paywright.ledger.expire import sweep
from paywright.ledger.model import Account, AccountKind
from paywright.ledger.status import freeze_account
from paywright.payments.verify import verify
from paywright.wiring import App

Client = httpx2.AsyncClient
PATH = "/api/v1/holds"


class House:
    """Jane has 1,000; the shop has nothing."""

    def __init__(self, app: App, jane: Account, shop: Account) -> None:
        self.app, self.jane, self.shop = app, jane, shop

    def asked(self, **changes: Any) -> dict[str, Any]:
        return {
            "debit_account_id": str(self.jane.id),
            "credit_account_id": str(self.shop.id),
            "amount_minor": 100,
            "currency": "EUR",
        } | changes


@pytest.fixture
async def house(app: App) -> Any:
    db = app.db
    bank = await opened(db, kind=AccountKind.ASSET, may_go_negative=True)
    jane, shop = await opened(db), await opened(db, owner="shop")
    await moved(db, a_post(bank, jane, 1000))
    yield House(app, jane, shop)
    report = await verify(db, at=datetime.now(UTC))
    assert report.is_sound, [check for check in report.checks if check.broken]


async def ask(client: Client, path: str, body: Any, key: str = "key-1") -> httpx2.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def held(client: Client, house: House, key: str = "hold", **changes: Any) -> str:
    answer = await ask(client, PATH, house.asked(**changes), key)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def status(client: Client, hold_id: str) -> str:
    answer = await client.get(f"{PATH}/{hold_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["status"]


async def test_what_is_held_is_there_and_cannot_be_spent(api: Client, house: House) -> None:
    answer = await ask(api, PATH, house.asked(expires_in_s=60, description="A room"))
    hold = answer.json()
    assert (answer.status_code, hold["type"], hold["status"]) == (201, "hold", "open")
    assert hold["balances"]["debit"]["after"] == {"balance_minor": 1000, "available_minor": 900}
    assert hold["balances"]["credit"]["after"] == {"balance_minor": 0, "available_minor": 0}
    lasts = datetime.fromisoformat(hold["expires_at"]) - datetime.fromisoformat(hold["created_at"])
    assert lasts == timedelta(seconds=60)
    assert (hold["posted_minor"], hold["description"]) == (0, "A room")
    refused = await ask(api, "/api/v1/transfers", house.asked(amount_minor=901), "pay")
    assert code(refused) == (422, "insufficient-funds")
    assert refused.json()["available_minor"] == 900


@pytest.mark.parametrize(("asked", "posted"), [({}, 100), ({"amount_minor": 60}, 60)])
async def test_a_hold_is_posted_in_whole_or_in_part(
    api: Client, house: House, asked: dict[str, Any], posted: int
) -> None:
    hold_id = await held(api, house)
    first = await ask(api, f"{PATH}/{hold_id}/post", asked, "post")
    again = await ask(api, f"{PATH}/{hold_id}/post", asked, "post")
    it = first.json()
    assert (first.status_code, it["id"], it["status"]) == (200, hold_id, "posted")
    assert (it["amount_minor"], it["posted_minor"]) == (100, posted)
    assert it["transfer_id"] != hold_id
    left = 1000 - posted
    assert it["balances"]["debit"]["after"] == {"balance_minor": left, "available_minor": left}
    assert it["balances"]["credit"]["after"]["available_minor"] == posted
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await status(api, hold_id) == "posted"


async def test_a_hold_that_is_released_is_available_again(api: Client, house: House) -> None:
    hold_id = await held(api, house)
    answer = await ask(api, f"{PATH}/{hold_id}/release", {}, "release")
    it = answer.json()
    assert (answer.status_code, it["status"], it["posted_minor"]) == (200, "released", 0)
    assert it["balances"]["debit"]["after"] == {"balance_minor": 1000, "available_minor": 1000}
    assert await status(api, hold_id) == "released"


async def test_a_hold_is_resolved_once(api: Client, house: House) -> None:
    hold_id = await held(api, house)
    ways = ("post", "release") * 5
    answers = await asyncio.gather(
        *(ask(api, f"{PATH}/{hold_id}/{way}", {}, f"k{i}") for i, way in enumerate(ways))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 9]
    late = await ask(api, f"{PATH}/{hold_id}/post", {}, "late")
    assert code(late) == (409, "hold-already-resolved")
    assert late.json()["resolved_by"] in ("posted", "released")


REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("post", {"amount_minor": 101}, 422, "amount-exceeds-hold", "amount_minor"),
    ("post", {"amount_minor": 0}, 422, "invalid-request", "amount_minor"),
    ("post", {"amount_minor": -1}, 422, "invalid-request", "amount_minor"),
    ("post", {"amount_minor": 2**63}, 422, "invalid-request", "amount_minor"),
    ("post", {"amount_minor": "1"}, 422, "invalid-request", "amount_minor"),
    ("post", {"amount": "1.00"}, 422, "invalid-request", "amount"),
    ("release", {"amount_minor": 1}, 422, "invalid-request", "amount_minor"),
]


@pytest.mark.parametrize(("way", "body", "status_code", "problem", "field"), REFUSED)
async def test_what_a_hold_cannot_be_resolved_by_names_its_field(
    api: Client, house: House, way: str, body: Any, status_code: int, problem: str, field: str
) -> None:
    hold_id = await held(api, house)
    answer = await ask(api, f"{PATH}/{hold_id}/{way}", body)
    assert code(answer) == (status_code, problem)
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await status(api, hold_id) == "open"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"expires_in_s": 0}, "expiry-invalid"),
        ({"expires_in_s": -1}, "expiry-invalid"),
        ({"expires_in_s": 10**12}, "expiry-invalid"),
        ({"expires_in_s": 10**30}, "expiry-invalid"),
        ({"expires_in_s": "60"}, "invalid-request"),
    ],
)
async def test_a_lifetime_has_bounds(
    api: Client, house: House, changes: dict[str, Any], problem: str
) -> None:
    answer = await ask(api, PATH, house.asked(**changes))
    assert code(answer) == (422, problem)
    assert [error["field"] for error in answer.json()["errors"]] == ["expires_in_s"]


async def test_a_hold_that_is_not_there_is_not_found(api: Client, house: House) -> None:
    transfer = (await ask(api, "/api/v1/transfers", house.asked())).json()["transfer_id"]
    nobody = f"trf_{str(house.jane.id)[4:]}"
    for index, hold_id in enumerate((nobody, transfer)):
        for way in ("post", "release"):
            answer = await ask(api, f"{PATH}/{hold_id}/{way}", {}, f"{way}-{index}")
            assert code(answer) == (404, "hold-not-found")
        assert code(await api.get(f"{PATH}/{hold_id}")) == (404, "hold-not-found")
    for hold_id in ("x", str(house.jane.id), "pay_" + transfer[4:]):
        assert code(await ask(api, f"{PATH}/{hold_id}/post", {}, "x"))[0] == 422
        assert code(await api.get(f"{PATH}/{hold_id}"))[0] == 422


async def test_an_expired_hold_is_over_before_any_sweep_and_after_it(
    api: Client, house: House
) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    hold = a_hold(house.jane, house.shop, 900, at=long_ago, expires_in_s=60)
    await moved(house.app.db, hold)
    late = await ask(api, f"{PATH}/{hold.id}/post", {}, "late")
    assert code(late) == (409, "hold-expired")
    # Somebody misses the money: it is there.
    assert (await ask(api, "/api/v1/transfers", house.asked(amount_minor=1000))).status_code == 201
    assert await status(api, str(hold.id)) == "expired"
    later = await ask(api, f"{PATH}/{hold.id}/release", {}, "later")
    assert code(later) == (409, "hold-expired")
    assert await sweep(house.app.db, a_cause(at=datetime.now(UTC))) == 0


async def test_a_frozen_account_gets_its_held_money_back_and_pays_none(
    api: Client, house: House
) -> None:
    hold_id = await held(api, house)
    await freeze_account(house.app.db, a_cause(), account_id=house.jane.id, reason="court order")
    answer = await ask(api, f"{PATH}/{hold_id}/post", {}, "post")
    assert code(answer) == (422, "account-frozen")
    assert (await ask(api, f"{PATH}/{hold_id}/release", {}, "release")).status_code == 200


async def test_open_holds_are_listed_newest_first_page_by_page(api: Client, house: House) -> None:
    ids = [await held(api, house, f"h{i}") for i in range(4)]
    await ask(api, f"{PATH}/{ids[1]}/release", {}, "release")
    wanted = [ids[3], ids[2], ids[0]]
    for query in ({}, {"account_id": str(house.shop.id)}, {"account_id": str(house.jane.id)}):
        page = (await api.get(PATH, params=query | {"limit": "2"})).json()
        rest = (await api.get(PATH, params=query | {"cursor": page["next_cursor"]})).json()
        assert [it["id"] for it in page["items"] + rest["items"]] == wanted
        assert rest["next_cursor"] is None
    for query in ({"cursor": "x"}, {"account_id": "x"}, {"limit": "0"}, {"limit": "201"}):
        assert (await api.get(PATH, params=query)).status_code == 422


async def test_who_may_hold_money(client_of: Any, api: Client, house: House) -> None:
    hold_id = await held(api, house)
    viewer, dispatcher = await client_of(Role.VIEWER), await client_of(Role.DISPATCHER)
    for path, body in ((PATH, house.asked()), *((f"{PATH}/{hold_id}/{w}", {}) for w in WAYS)):
        answer = await ask(viewer, path, body, "viewer")
        assert code(answer) == (403, "permission-missing")
        assert answer.json()["permission"] == "transfers:create"
        assert (await viewer.post(path, json=body)).status_code == 403
        assert (await dispatcher.post(path, json=body)).status_code == 400  # no key
    assert await status(viewer, hold_id) == "open"
    assert (await ask(dispatcher, f"{PATH}/{hold_id}/post", {}, "mine")).status_code == 200


WAYS = ("post", "release")
