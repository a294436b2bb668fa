"""Transfers over HTTP: what is refused and why, what a repetition gets, and the way past the
framework, which must not be told from the way through it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import msgspec
import pytest
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, moved, opened
from tests.processes import until

from paywright.api import holds, transfers
from paywright.api.app import create_api, create_litestar
from paywright.api.edge import Edge
from paywright.api.hot import Desk, HotRoutes
from paywright.api.movement_answers import RENDER
from paywright.batching import Coalescer
from paywright.cli import prepare
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.ledger.model import Account, AccountKind
from paywright.ledger.status import close_account, freeze_account
from paywright.payments.move import move_money
from paywright.payments.verify import verify
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/transfers"


class House:
    """Jane has 1,000; the shop has nothing."""

    def __init__(self, app: App, bank: Account, jane: Account, shop: Account) -> None:
        self.app, self.bank, self.jane, self.shop = app, bank, jane, shop

    def asked(self, **changes: Any) -> dict[str, Any]:
        """The body of a transfer; what is None is left out."""
        body = {
            "debit_account_id": str(self.jane.id),
            "credit_account_id": str(self.shop.id),
            "amount_minor": 100,
            "currency": "EUR",
        }
        return {key: value for key, value in (body | changes).items() if value is not None}

    async def moved(self) -> int:
        """How many transfers there are."""
        return await self.app.db.pool.fetchval(
            "select count(*) from payments where kind='transfer'"
        )


@pytest.fixture
async def house(app: App) -> AsyncIterator[House]:
    db = app.db
    bank = await opened(db, kind=AccountKind.ASSET, may_go_negative=True)
    jane, shop = await opened(db), await opened(db, owner="shop")
    await moved(db, a_post(bank, jane, 1000))
    yield House(app, bank, jane, shop)
    report = await verify(db, at=NOON)
    assert report.is_sound, [check for check in report.checks if check.broken]


async def ask(
    client: Client, body: Any, key: str | None = "key-1", path: str = PATH, **headers: str
) -> httpx2.Response:
    headers |= {} if key is None else {"Idempotency-Key": key}
    return await client.post(path, json=body, headers=headers)


def named(answer: httpx2.Response, status: int = 422) -> list[str]:
    """The fields that a refusal names, checked to be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["instance"]) == (status, PATH)
    assert problem["request_id"]
    return [error["field"] for error in problem.get("errors", [])]


# --- what happens ------------------------------------------------------------------------------


async def test_a_transfer_is_answered_with_what_it_did(api: Client, house: House) -> None:
    answer = await ask(api, house.asked(description="Lunch"))
    assert answer.status_code == 201, answer.text
    paid = answer.json()
    assert paid["type"] == "transfer"
    assert (paid["status"], paid["amount_minor"], paid["description"]) == (
        "succeeded",
        100,
        "Lunch",
    )
    assert paid["id"][4:] == paid["transfer_id"][4:]
    assert paid["balances"]["debit"]["after"] == {"balance_minor": 900, "available_minor": 900}
    assert "idempotency-replayed" not in answer.headers
    for id_ in (paid["id"], paid["transfer_id"]):
        assert (await api.get(f"{PATH}/{id_}")).json() == paid


async def test_a_repetition_is_the_same_to_the_byte_and_says_so(api: Client, house: House) -> None:
    first = await ask(api, house.asked())
    again = await ask(api, house.asked())
    in_body = await ask(api, house.asked(idempotency_key="key-1"), key=None)
    for answer in (again, in_body):
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer.headers["idempotency-replayed"] == "true"
    assert await house.moved() == 1


async def test_an_amount_is_the_same_however_it_is_written(api: Client, house: House) -> None:
    await ask(api, house.asked(amount="1.00", amount_minor=None))
    assert (await ask(api, house.asked())).headers["idempotency-replayed"] == "true"


async def test_a_refusal_for_what_the_accounts_are_is_replayed(api: Client, house: House) -> None:
    first = await ask(api, house.asked(amount_minor=1001))
    assert named(first) == ["debit_account_id"]
    assert first.json()["type"] == "/problems/insufficient-funds"
    assert first.json()["available_minor"] == 1000
    await moved(house.app.db, a_post(house.bank, house.jane, 9))
    again = await ask(api, house.asked(amount_minor=1001))
    assert (again.status_code, again.content) == (422, first.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotency-replayed"] == "true"


async def test_another_request_under_the_key_is_refused(api: Client, house: House) -> None:
    await ask(api, house.asked())
    answer = await ask(api, house.asked(amount_minor=101, description="More"))
    assert answer.json()["type"] == "/problems/key-reused"
    assert answer.json()["fields"] == ["amount_minor", "description"]
    assert await house.moved() == 1


# --- what is refused ---------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0}, "amount_minor"),
    ({"amount_minor": -1}, "amount_minor"),
    ({"amount_minor": 2**63}, "amount_minor"),
    ({"amount_minor": 10**40}, "amount_minor"),
    ({"amount_minor": "100"}, "amount_minor"),
    ({"amount_minor": 1.5}, "amount_minor"),
    ({"amount_minor": True}, "amount_minor"),
    ({"amount_minor": None}, "amount_minor"),
    ({"amount": "1.00"}, "amount"),
    ({"amount_minor": None, "amount": "1.234"}, "amount"),
    ({"amount_minor": None, "amount": "1.5", "currency": "JPY"}, "amount"),
    ({"amount_minor": None, "amount": "1.2345", "currency": "BHD"}, "amount"),
    ({"amount_minor": None, "amount": "0.00"}, "amount"),
    ({"amount_minor": None, "amount": "-1.00"}, "amount"),
    ({"amount_minor": None, "amount": "1e3"}, "amount"),
    ({"amount_minor": None, "amount": " 1.00"}, "amount"),
    ({"amount_minor": None, "amount": "1.00\n"}, "amount"),
    ({"amount_minor": None, "amount": "\u0661.\u0660\u0660"}, "amount"),
    ({"amount_minor": None, "amount": "92233720368547758.08"}, "amount"),
    ({"amount_minor": None, "amount": 1.00}, "amount"),
    ({"currency": "XXQ"}, "currency"),
    ({"currency": "eur"}, "currency"),
    ({"currency": "EURO"}, "currency"),
    ({"currency": None}, "currency"),
    ({"debit_account_id": "jane"}, "debit_account_id"),
    ({"debit_account_id": None}, "debit_account_id"),
    ({"credit_account_id": "trf_01ke70ehg0ecwrg9jk8ksmdfte"}, "credit_account_id"),
    ({"credit_account_id": "acc_" + "x" * 100}, "credit_account_id"),
    ({"description": ""}, "description"),
    ({"description": "x" * 501}, "description"),
    ({"description": "\0"}, "description"),
    ({"idempotency_key": "x" * 256}, "idempotency_key"),
    ({"idempotency_key": "another"}, "idempotency_key"),
    ({"expires_in_s": 60}, "expires_in_s"),
    ({"linked": True}, "linked"),
]


@pytest.mark.parametrize(("changes", "field"), REFUSED, ids=lambda it: str(it)[:60])
async def test_what_makes_no_sense_names_its_field_and_leaves_the_key_free(
    api: Client, house: House, changes: dict[str, Any], field: str
) -> None:
    assert named(await ask(api, house.asked(**changes))) == [field]
    assert await house.app.db.pool.fetchval("select count(*) from idempotency_keys") == 0
    answer = await ask(api, house.asked())
    assert (answer.status_code, await house.moved()) == (201, 1)


@pytest.mark.parametrize(("currency", "amount", "minor"), [("BHD", "1.234", 1234), ("JPY", "7", 7)])
async def test_an_amount_has_the_digits_of_its_currency(
    api: Client, house: House, currency: str, amount: str, minor: int
) -> None:
    db = house.app.db
    purse = await opened(db, currency=currency, may_go_negative=True)
    stall = await opened(db, currency=currency)
    answer = await ask(
        api,
        house.asked(
            debit_account_id=str(purse.id), credit_account_id=str(stall.id),
            amount=amount, amount_minor=None, currency=currency,
        ),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, minor)


async def test_what_the_accounts_refuse_names_the_account(api: Client, house: House) -> None:
    db = house.app.db
    frozen, closed, dollars = await opened(db), await opened(db), await opened(db, currency="USD")
    await freeze_account(db, a_cause(), account_id=frozen.id, reason="a court order")
    await close_account(db, a_cause(), account_id=closed.id, reason="unused")
    nobody = an_account()
    refused = [
        ({"credit_account_id": str(house.jane.id)}, "credit_account_id", "same-account"),
        ({"debit_account_id": str(nobody.id)}, "debit_account_id", "account-not-found"),
        ({"credit_account_id": str(nobody.id)}, "credit_account_id", "account-not-found"),
        ({"credit_account_id": str(frozen.id)}, "credit_account_id", "account-frozen"),
        ({"debit_account_id": str(frozen.id)}, "debit_account_id", "account-frozen"),
        ({"credit_account_id": str(closed.id)}, "credit_account_id", "account-closed"),
        ({"credit_account_id": str(dollars.id)}, "credit_account_id", "currency-mismatch"),
        ({"currency": "USD"}, "currency", "currency-mismatch"),
        ({"amount_minor": 1001}, "debit_account_id", "insufficient-funds"),
    ]
    for index, (changes, field, code) in enumerate(refused):
        answer = await ask(api, house.asked(**changes), key=f"key-{index}")
        assert (named(answer), answer.json()["type"]) == ([field], f"/problems/{code}")
        page = await api.get(answer.json()["type"])
        assert page.status_code == 200
        assert answer.json()["title"] in page.text
    assert await house.moved() == 0


async def test_a_key_is_needed_and_has_a_form(api: Client, house: House) -> None:
    answer = await ask(api, house.asked(), key=None)
    assert named(answer, 400) == []
    assert answer.json()["type"] == "/problems/idempotency-key-missing"
    for key in ("", "k" * 256, "two words"):
        assert named(await ask(api, house.asked(), key=key)) == ["Idempotency-Key"]
    assert (await ask(api, house.asked(), key="k" * 255)).status_code == 201


async def test_who_may_move_money(client_of: ClientOf, house: House) -> None:
    allowed = {}
    for role in (None, *Role):
        answer = await ask(await client_of(role), house.asked(), key=f"of-{role}")
        allowed[role] = answer.status_code
    may = {Role.DISPATCHER, Role.OPERATOR, Role.ADMIN}
    assert allowed == {None: 401} | {role: 201 if role in may else 403 for role in Role}
    viewer = await client_of(Role.VIEWER)
    assert len((await viewer.get(PATH)).json()["items"]) == 3


async def test_transfers_are_listed_newest_first_page_by_page(api: Client, house: House) -> None:
    ids = [
        (await ask(api, house.asked(amount_minor=i), key=f"k{i}")).json()["id"] for i in (1, 2, 3)
    ]
    await moved(house.app.db, a_hold(house.jane, house.shop, 5))
    for query in ({}, {"account_id": str(house.shop.id)}):
        found, cursor = [], None
        while cursor is not None or not found:
            params = query | {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await api.get(PATH, params=params)).json()
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found == ids[::-1]
    assert (await api.get(PATH, params={"cursor": "x"})).status_code == 422
    assert (await api.get(PATH, params={"account_id": "x"})).status_code == 422
    assert (await api.get(f"{PATH}/x")).status_code == 422
    assert (await api.get(f"{PATH}/pay_{str(house.jane.id)[4:]}")).status_code == 404


# --- two ways ----------------------------------------------------------------------------------


@pytest.fixture
async def two_ways(app: App) -> AsyncIterator[tuple[Client, Client]]:
    """The same caller, past the framework and through it."""
    _, secret = await create_key(app.db, prepare.system_cause(), name="both", role=Role.ADMIN)
    clients = [
        Client(
            transport=httpx2.ASGITransport(asgi, raise_app_exceptions=False),
            base_url="http://test",
            headers={"Authorization": f"Bearer {secret}", "X-Request-Id": "req-of-both"},
        )
        for asgi in (create_api(app), Edge(create_litestar(app)))
    ]
    yield clients[0], clients[1]
    for client in clients:
        await client.aclose()


def as_sent(body: Any, **headers: str) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"content": raw, "headers": {"Content-Type": "application/json"} | headers}


async def test_the_fast_way_and_the_framework_answer_alike(
    two_ways: tuple[Client, Client], house: House
) -> None:
    good = house.asked(amount_minor=1)
    element = {"type": "transfer", **good}
    requests: list[tuple[str, dict[str, Any]]] = [
        *[(PATH, as_sent(house.asked(**c), **{"Idempotency-Key": "bad"})) for c, _ in REFUSED],
        (PATH, as_sent(good)),
        (PATH, as_sent(good, **{"Idempotency-Key": ""})),
        (PATH, as_sent(good, **{"Idempotency-Key": "k" * 256})),
        (PATH, as_sent(good | {"idempotency_key": "a"}, **{"Idempotency-Key": "b"})),
        (PATH, as_sent(house.asked(amount_minor=9999), **{"Idempotency-Key": "poor"})),
        (PATH, as_sent(b'{"amount', **{"Idempotency-Key": "k"})),
        (PATH, as_sent(b"", **{"Idempotency-Key": "k"})),
        (PATH, as_sent(b"\xff", **{"Idempotency-Key": "k"})),
        (PATH, as_sent([], **{"Idempotency-Key": "k"})),
        (PATH, as_sent(b"[" * 100_000, **{"Idempotency-Key": "k"})),
        (PATH, as_sent(good, **{"Idempotency-Key": "k", "Content-Type": "text/plain"})),
        (PATH, as_sent(good, **{"Idempotency-Key": "k", "Authorization": "Bearer pk_wrong"})),
        (PATH, as_sent(good, **{"Idempotency-Key": "k", "Authorization": "Basic eDp5"})),
        (PATH, as_sent(good, **{"Idempotency-Key": "good"})),
        (f"{PATH}/batch", as_sent({"transfers": []}, **{"Idempotency-Key": "k"})),
        (f"{PATH}/batch", as_sent({"transfers": [element]})),
        (f"{PATH}/batch", as_sent({"transfers": [element, {}]}, **{"Idempotency-Key": "batch"})),
        ("/api/v1/holds", as_sent(good | {"expires_in_s": 60}, **{"Idempotency-Key": "hold"})),
        ("/api/v1/holds", as_sent(good | {"expires_in_s": -1}, **{"Idempotency-Key": "hold-2"})),
        ("/api/v1/holds", as_sent(good | {"hold_id": "x"}, **{"Idempotency-Key": "hold-3"})),
    ]  # fmt: skip
    differ = []
    for path, sent in requests:
        # Whoever comes second gets what is stored; so let each be the first once.
        for one, other in (two_ways, two_ways[::-1]):
            first = await one.post(path, **sent)
            second = await other.post(path, **sent)
            if _told(first) != _told(second):
                differ.append((sent["content"][:80], _told(first), _told(second)))
    assert not differ, "\n".join(map(str, differ))


async def test_a_body_that_is_too_large_is_not_read(
    two_ways: tuple[Client, Client], house: House
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    for client in two_ways:
        for body in (b" " * 10_000_000, in_pieces()):
            answer = await client.post(PATH, content=body, headers={"Idempotency-Key": "k"})
            assert named(answer, 413) == []
            assert answer.json()["type"] == "/problems/body-too-large"
    assert await house.moved() == 0


def _told(answer: httpx2.Response) -> tuple[Any, ...]:
    """All but what only a page in a browser heeds, and what a repetition has in addition."""
    heeded = (
        *("content-type", "content-length", "cache-control", "x-content-type-options"),
        *("x-request-id", "retry-after", "strict-transport-security"),
    )
    headers = {name: answer.headers.get(name) for name in heeded}
    return answer.status_code, msgspec.json.decode(answer.content), headers


# --- too many, and gone ------------------------------------------------------------------------


async def test_a_full_queue_refuses_at_once_and_nothing_is_half_done(
    app: App, house: House, client_of: ClientOf
) -> None:
    bearer = (await client_of(Role.DISPATCHER)).headers["authorization"]
    work = partial(move_money, app.db, render=RENDER)
    inner = create_litestar(app)
    tiny = Desk(
        moves=Coalescer(work, batch_max=2, queue_max=3),
        batches=Coalescer(work, queue_max=1),
        bills=inner.state.desk.bills,
    )
    hot = HotRoutes(
        Edge(inner),
        transfers.HOT | holds.HOT,
        desk=tiny,
        doorkeeper=inner.state.doorkeeper,
        body_max=10_000,
    )
    transport = httpx2.ASGITransport(hot, raise_app_exceptions=False)
    headers = {"Authorization": bearer}
    async with Client(transport=transport, base_url="http://test", headers=headers) as client:
        await ask(client, house.asked(amount_minor=1), key="first")  # the caller is known now
        keys = [f"key-{i}" for i in range(40)]
        answers = await asyncio.gather(
            *(ask(client, house.asked(amount_minor=1), key=key) for key in keys)
        )
        full = [it for it in answers if it.status_code == 503]
        done = [key for key, it in zip(keys, answers, strict=True) if it.status_code == 201]
        assert full
        assert len(full) + len(done) == 40
        for answer in full:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["type"] == "/problems/queue-full"
        stored = await app.db.pool.fetch("select key from idempotency_keys")
        assert {row["key"] for row in stored} == {"first", *done}
        assert await house.moved() == 1 + len(done)
        for key in keys:
            again = await ask(client, house.asked(amount_minor=1), key=key)
            assert again.status_code == 201
            assert ("idempotency-replayed" in again.headers) == (key in done)
    assert await house.moved() == 41


async def test_a_client_that_hung_up_finds_its_answer_under_its_key(
    api: Client, house: House
) -> None:
    asking = asyncio.create_task(ask(api, house.asked()))
    pool = house.app.db.pool
    async with house.app.db.transaction() as tx:
        await tx.execute("select from accounts where id = $1 for update", house.jane.id)

        async def waits() -> bool:
            return await pool.fetchval(
                "select exists (select from pg_stat_activity where datname = current_database()"
                " and wait_event_type = 'Lock')"
            )

        await until(waits, what="the transfer to wait for the account")
        asking.cancel()
        assert await house.moved() == 0
    await until(lambda: _any(house), what="the transfer")
    again = await ask(api, house.asked())
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await house.moved() == 1


async def _any(house: House) -> bool:
    return await house.moved() > 0


async def test_pages_of_an_account_lead_past_posts_that_are_no_payments(
    api: Client, house: House
) -> None:
    paid = [(await ask(api, house.asked(amount_minor=i), f"k{i}")).json() for i in (1, 2, 3)]
    await moved(house.app.db, *(a_post(house.bank, house.jane, 5) for _ in range(4)))
    found: list[Any] = []
    params = {"account_id": str(house.jane.id), "limit": "2"}
    while True:
        page = (await api.get(PATH, params=params)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert [it["id"] for it in found] == [it["id"] for it in reversed(paid)]
    assert (await api.get(PATH, params={"limit": "2"})).json()["items"] == found[:2]


async def test_two_keys_in_one_request_are_refused(api: Client, house: House) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await api.post(PATH, json=house.asked(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await house.moved() == 0


async def test_an_answer_is_what_the_transfer_is_read_as_later(api: Client, house: House) -> None:
    """The hot path writes its JSON by hand: the same bytes as the view that documents it."""
    for key, description in (("a", None), ("b", 'Über "100 %" \\ café \n 💶')):
        made = await ask(api, house.asked(description=description), key)
        read = await api.get(f"{PATH}/{made.json()['id']}")
        assert read.content == made.content
