"""Batches over HTTP: each element has an answer of its own, and none is done twice."""

from typing import Any

import httpx2
import pytest
from tests.builders import NOON
from tests.ledger.building import a_post, moved, opened

from paywright.identity.permissions import Role
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountKind
from paywright.payments.verify import verify
from paywright.wiring import App

Client = httpx2.AsyncClient
PATH = "/api/v1/transfers/batch"


class House:
    """Jane has 10,000; the shop has nothing."""

    def __init__(self, app: App, jane: Account, shop: Account) -> None:
        self.app, self.jane, self.shop = app, jane, shop

    def pays(self, amount_minor: int = 1, **changes: Any) -> dict[str, Any]:
        """An element; what is None is left out."""
        body = {
            "debit_account_id": str(self.jane.id),
            "credit_account_id": str(self.shop.id),
            "amount_minor": amount_minor,
            "currency": "EUR",
        }
        return {key: value for key, value in (body | changes).items() if value is not None}

    async def taken(self) -> int:
        """What the shop has."""
        async with self.app.db.snapshot() as tx:
            found = await accounts_store.select(tx, [self.shop.id])
        return found[self.shop.id].balances().balance


@pytest.fixture
async def house(app: App) -> Any:
    db = app.db
    bank = await opened(db, kind=AccountKind.ASSET, may_go_negative=True)
    jane, shop = await opened(db), await opened(db, owner="shop")
    await moved(db, a_post(bank, jane, 10_000))
    yield House(app, jane, shop)
    report = await verify(db, at=NOON)
    assert report.is_sound, [check for check in report.checks if check.broken]


async def ask(client: Client, *elements: Any, key: str | None = "batch-1") -> httpx2.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(PATH, json={"transfers": elements}, headers=headers)


async def told(client: Client, *elements: Any, key: str | None = "batch-1") -> list[dict[str, Any]]:
    """The results of a batch that is taken, checked to be in order and counted."""
    answer = await ask(client, *elements, key=key)
    assert answer.status_code == 200, answer.text
    batch = answer.json()
    found = batch["results"]
    assert [it["index"] for it in found] == list(range(len(elements)))
    assert [("answer" in it, "problem" in it) for it in found] == [
        (it["status"] < 300, it["status"] >= 300) for it in found
    ]
    assert batch["succeeded"] == sum(it["status"] < 300 for it in found)
    assert batch["refused"] == len(elements) - batch["succeeded"]
    return found


def words(found: list[dict[str, Any]]) -> list[str]:
    return [
        it["problem"].get("result", it["problem"]["type"]) if "problem" in it else "moved"
        for it in found
    ]


async def test_each_element_succeeds_or_is_refused_on_its_own(api: Client, house: House) -> None:
    found = await told(api, house.pays(1), house.pays(50_000), house.pays(2))
    assert words(found) == ["moved", "exceeds_available", "moved"]
    assert found[1]["problem"]["errors"][0]["field"] == "debit_account_id"
    assert await house.taken() == 3
    alone = await api.get(f"/api/v1/transfers/{found[2]['answer']['id']}")
    assert alone.json() == found[2]["answer"]


async def test_the_balances_of_a_thousand_chain_up(api: Client, house: House) -> None:
    found = await told(api, *[house.pays(1 + i % 7) for i in range(1000)])
    assert words(found) == ["moved"] * 1000
    for side, grows in (("debit", -1), ("credit", 1)):
        balance = found[0]["answer"]["balances"][side]["before"]["balance_minor"]
        for it in found:
            told_of = it["answer"]["balances"][side]
            assert told_of["before"]["balance_minor"] == balance
            balance += grows * it["answer"]["amount_minor"]
            assert told_of["after"]["balance_minor"] == balance
    times = [it["answer"]["created_at"] for it in found]
    assert len(set(times)) == 1000
    assert times == sorted(times)


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_from_one_to_a_thousand_elements(
    api: Client, house: House, count: int
) -> None:
    answer = await ask(api, *[house.pays()] * count)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "transfers"
    assert await house.taken() == 0


async def test_the_same_batch_again_gets_the_same_bytes(api: Client, house: House) -> None:
    elements = [house.pays(1), house.pays(50_000)]
    first, again = await ask(api, *elements), await ask(api, *elements)
    assert (again.status_code, again.content) == (200, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for other in ([house.pays(1)], elements[::-1], [*elements, house.pays(1)]):
        answer = await ask(api, *other)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/key-reused")
    assert await house.taken() == 1


async def test_linked_elements_succeed_or_fail_together(api: Client, house: House) -> None:
    found = await told(
        api,
        house.pays(1, linked=True),
        house.pays(2),
        house.pays(4, linked=True),
        house.pays(50_000, linked=True),
        house.pays(8),
        house.pays(16),
        house.pays(32, linked=True),
    )
    assert words(found) == [
        "moved", "moved", "linked_failed", "exceeds_available", "linked_failed", "moved",
        "chain_open",
    ]  # fmt: skip
    assert await house.taken() == 19


async def test_holds_may_be_made_and_resolved_inside(api: Client, house: House) -> None:
    hold, other = await told(
        api, house.pays(100, type="hold"), house.pays(50, type="hold", expires_in_s=60)
    )
    assert hold["answer"]["type"] == other["answer"]["type"] == "hold"
    hold_id, other_id = hold["answer"]["id"], other["answer"]["id"]
    found = await told(
        api,
        {"type": "post_hold", "hold_id": hold_id, "amount_minor": 70},
        {"type": "release_hold", "hold_id": other_id},
        {"type": "post_hold", "hold_id": other_id},
        {"type": "post_hold", "hold_id": hold_id[:-1]},
        {"type": "release_hold"},
        house.pays(9930),
        key="batch-2",
    )
    assert [it["status"] for it in found] == [200, 200, 409, 422, 422, 201]
    assert [it["answer"]["status"] for it in found[:2]] == ["posted", "released"]
    assert await house.taken() == 10_000


async def test_a_balancing_element_moves_what_there_is(api: Client, house: House) -> None:
    found = await told(
        api,
        house.pays(4000, balancing_debit=True),
        house.pays(amount_minor=None, balancing_debit=True) | {"currency": "EUR"},
        house.pays(1, balancing_debit=True),
    )
    assert [it["status"] for it in found] == [201, 201, 422]
    assert [it["answer"]["amount_minor"] for it in found[:2]] == [4000, 6000]


MISPLACED: list[tuple[dict[str, Any], str]] = [
    ({"hold_id": "trf_01ke70ehg0ecwrg9jk8ksmdfte"}, "hold_id"),
    ({"expires_in_s": 60}, "expires_in_s"),
    ({"type": "hold", "hold_id": "trf_01ke70ehg0ecwrg9jk8ksmdfte"}, "hold_id"),
    ({"debit_account_id": None}, "debit_account_id"),
    ({"credit_account_id": "x"}, "credit_account_id"),
    ({"currency": None}, "currency"),
    ({"amount_minor": None}, "amount_minor"),
    ({"amount_minor": 0}, "amount_minor"),
    ({"amount_minor": 10**40}, "amount_minor"),
    ({"amount": "0.01"}, "amount"),
    ({"amount_minor": 0, "balancing_debit": True}, "amount_minor"),
]


@pytest.mark.parametrize("own_key", [None, "own"])
@pytest.mark.parametrize(("changes", "field"), MISPLACED)
async def test_an_element_that_makes_no_sense_fails_alone_and_names_its_field(
    api: Client, house: House, changes: dict[str, Any], field: str, own_key: str | None
) -> None:
    found = await told(api, house.pays(1), house.pays(**changes, idempotency_key=own_key))
    assert [it["status"] for it in found] == [201, 422]
    assert [error["field"] for error in found[1]["problem"]["errors"]] == [field]
    assert await house.taken() == 1
    if own_key:  # which stayed free
        (later,) = await told(api, house.pays(2, idempotency_key=own_key), key=None)
        assert later["status"] == 201
        assert "replayed" not in later


async def test_fields_of_a_move_are_misplaced_where_a_hold_is_resolved(
    api: Client, house: House
) -> None:
    (made,) = await told(api, house.pays(100, type="hold"))
    hold = {"type": "post_hold", "hold_id": made["answer"]["id"]}
    wrong = [
        *[hold | {name: house.pays()[name]} for name in house.pays() if name != "amount_minor"],
        hold | {"amount": "0.10"},
        hold | {"expires_in_s": 60},
        hold | {"type": "release_hold", "amount_minor": 1},
    ]
    found = await told(api, *wrong, key="batch-2")
    assert [it["status"] for it in found] == [422] * len(wrong), words(found)
    assert (await api.get(f"/api/v1/holds/{hold['hold_id']}")).json()["status"] == "open"


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ({"type": "gift"}, "transfers[1].type"),
        ({"linked": "yes"}, "transfers[1].linked"),
        ({"note": "x"}, "transfers[1].note"),
        ({"idempotency_key": "two words"}, "transfers[1].idempotency_key"),
        ({"idempotency_key": "own"}, "transfers[1].idempotency_key"),
    ],
)
async def test_a_batch_that_cannot_be_read_is_refused_as_a_whole(
    api: Client, house: House, element: dict[str, Any], field: str
) -> None:
    answer = await ask(api, house.pays(1, idempotency_key="own"), house.pays(1) | element)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert await house.taken() == 0
    assert (await ask(api, house.pays(1))).status_code == 200  # the key is free


async def test_elements_with_keys_of_their_own_need_none_for_the_batch(
    api: Client, house: House
) -> None:
    answer = await ask(api, house.pays(1, idempotency_key="a"), house.pays(2), key=None)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")
    own = [house.pays(2**i, idempotency_key=f"own-{i}") for i in range(3)]
    first = await told(api, *own[:2], key=None)
    second = await told(api, *own[1:], key=None)
    assert [it.get("replayed", False) for it in second] == [True, False]
    assert second[0]["answer"] == first[1]["answer"]
    alone = await api.post(
        "/api/v1/transfers", json=house.pays(4), headers={"Idempotency-Key": "own-2"}
    )
    assert alone.headers["idempotency-replayed"] == "true"
    assert alone.json() == second[1]["answer"]
    assert await house.taken() == 7


async def test_a_refused_element_keeps_its_answer_under_its_own_key(
    api: Client, house: House
) -> None:
    first = await told(api, house.pays(50_000, idempotency_key="own"), key=None)
    again = await told(api, house.pays(50_000, idempotency_key="own"), house.pays(1))
    assert again[0]["replayed"]
    assert again[0]["problem"] == first[0]["problem"]


async def test_who_may_send_batches(client_of: Any, house: House) -> None:
    viewer, dispatcher = await client_of(Role.VIEWER), await client_of(Role.DISPATCHER)
    assert (await ask(viewer, house.pays(1))).status_code == 403
    assert (await ask(dispatcher, house.pays(1))).status_code == 200
