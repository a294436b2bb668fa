"""Accounts and their statements over HTTP."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

import httpx2
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.builders import NOON
from tests.ledger.building import a_hold, a_post, an_answer, moved
from tests.ledger.building import opened as opened_account

from paywright.api.app import create_api
from paywright.core.ids import AccountId
from paywright.identity.permissions import Role
from paywright.ledger.model import Account, TransferKind
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PATH = "/api/v1/accounts"


OURS = {"owner": "a_test"}  # the samples have accounts, too


def a_body(**changes: Any) -> dict[str, Any]:
    return {"owner": "a_test", "currency": "EUR", "kind": "liability"} | changes


async def create(api: Client, body: dict[str, Any], key: str = "key-1") -> httpx2.Response:
    return await api.post(PATH, json=body, headers={"Idempotency-Key": key})


async def a_used_account(app: App, payments: int = 5) -> Account:
    """With a payment of 100 each, and a hold that was posted in part."""
    bank, jane = await opened_account(app.db, may_go_negative=True), await opened_account(app.db)
    paid = [a_post(bank, jane, 100, description=f"no. {i}") for i in range(payments)]
    await moved(app.db, *paid)
    (hold,) = await moved(app.db, a_hold(jane, bank, 80))
    await moved(app.db, an_answer(TransferKind.POST_HOLD, hold.id, amount_minor=30))
    return jane


async def test_an_account_is_opened_and_read(api: Client) -> None:
    answer = await create(api, a_body(name="Zoë's savings", code="savings:zoe"))
    assert answer.status_code == 201
    account = answer.json()
    opened_at = account.pop("opened_at")
    assert opened_at.endswith("Z")
    assert account.pop("moved_at") == opened_at
    account_id = account.pop("id")
    AccountId.parse(account_id)
    totals = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
    assert account == a_body(name="Zoë's savings", code="savings:zoe") | {
        "status": "active", "may_go_negative": False, "balance_minor": 0, "available_minor": 0,
    } | {f"{total}_minor": 0 for total in totals}  # fmt: skip
    assert (await api.get(f"{PATH}/{account_id}")).content == answer.content


async def test_the_same_request_again_gets_the_same_answer(api: Client) -> None:
    first = await create(api, a_body())
    again = await create(api, a_body(may_go_negative=False))  # the default, spelt out
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    other = await create(api, a_body(kind="asset"))
    assert other.status_code == 422
    assert (other.json()["type"], other.json()["fields"]) == ("/problems/key-reused", ["kind"])
    assert len((await api.get(PATH, params=OURS)).json()["items"]) == 1
    without = await api.post(PATH, json=a_body())
    assert (without.status_code, without.json()["type"]) == (
        400,
        "/problems/idempotency-key-missing",
    )


async def test_duplicates_sent_at_once_open_one_account(api: Client) -> None:
    answers = await asyncio.gather(*(create(api, a_body(), key=f"k{i % 3}") for i in range(18)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 3
    assert len((await api.get(PATH, params=OURS)).json()["items"]) == 3


REFUSED = [
    ({"currency": "XAU"}, "currency"),
    ({"currency": "eur"}, "currency"),
    ({"kind": "equity"}, "kind"),
    ({"owner": ""}, "owner"),
    ({"owner": "a b"}, "owner"),
    ({"code": "x" * 65}, "code"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\0b"}, "name"),
    ({"may_go_negative": "yes"}, "may_go_negative"),
    ({"balance_minor": 5}, "balance_minor"),
]


async def test_a_wrong_field_is_named_and_the_key_stays_free(api: Client) -> None:
    for changes, field in REFUSED:
        answer = await create(api, a_body(**changes))
        assert answer.status_code == 422, changes
        assert answer.json()["errors"][0]["field"] == field
    assert (await create(api, a_body())).status_code == 201


async def test_a_code_names_one_account(api: Client) -> None:
    assert (await create(api, a_body(code="bank:EUR"))).status_code == 201
    taken = await create(api, a_body(code="bank:EUR"), key="key-2")
    assert taken.status_code == 409
    assert taken.json()["type"] == "/problems/code-taken"
    assert taken.json()["errors"][0]["field"] == "code"
    assert (await create(api, a_body(code="bank:USD"), key="key-2")).status_code == 201
    (found,) = (await api.get(PATH, params={"code": "bank:EUR"})).json()["items"]
    assert found["code"] == "bank:EUR"


async def test_accounts_are_listed_newest_first(api: Client) -> None:
    made = [(await create(api, a_body(owner=f"cust_{i % 2}"), f"k{i}")).json() for i in range(6)]
    made.sort(key=lambda account: account["id"], reverse=True)

    async def walk(**params: str) -> list[Any]:
        found: list[Any] = []
        while True:
            page = (await api.get(PATH, params={"limit": "2"} | params)).json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]

    assert (await walk())[: len(made)] == made  # samples are older
    assert await walk(owner="cust_1") == [it for it in made if it["owner"] == "cust_1"]
    assert await walk(owner="cust_1", kind="asset") == []
    assert await walk(status="closed") == await walk(currency="USD")
    for wrong in ({"kind": "x"}, {"currency": "euro"}, {"limit": "0"}, {"cursor": "!"}):
        assert (await api.get(PATH, params=wrong)).status_code == 422


async def test_an_account_is_frozen_unfrozen_and_closed(api: Client) -> None:
    account_id = (await create(api, a_body())).json()["id"]

    async def change(verb: str, status_code: int = 200, **body: str) -> Any:
        body = body or {"reason": "because"}
        answer = await api.post(f"{PATH}/{account_id}/{verb}", json=body)
        assert answer.status_code == status_code, answer.text
        return answer.json()

    for verb, status in (("freeze", "frozen"), ("unfreeze", "active"), ("close", "closed")):
        for _ in range(2):  # safe to repeat
            assert (await change(verb))["status"] == status
    for verb in ("freeze", "unfreeze"):
        assert (await change(verb, 409))["type"] == "/problems/account-closed-for-good"
    for reason in ("", "  "):
        problem = await change("close", 422, reason=reason)
        assert problem["errors"][0]["field"] == "reason"
    assert (await api.get(f"{PATH}/{account_id}")).json()["status"] == "closed"


async def test_what_is_not_empty_is_not_closed(api: Client, app: App) -> None:
    jane = await a_used_account(app)
    answer = await api.post(f"{PATH}/{jane.id}/close", json={"reason": "moved away"})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["type"], problem["balance_minor"]) == ("/problems/account-not-empty", 470)


async def test_an_unknown_account_is_not_found(api: Client) -> None:
    for suffix in ("", "/statement", "/statement?format=csv"):
        answer = await api.get(f"{PATH}/{AccountId.new(NOON)}{suffix}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/no-such-account"
        assert answer.headers["content-type"] == "application/problem+json"
        answer = await api.get(f"{PATH}/acc_nonsense{suffix}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "account_id"


async def test_roles_do_what_the_table_says(app: App, client_of: ClientOf) -> None:
    jane = await a_used_account(app)
    for role in Role:
        client = await client_of(role)
        for path in (PATH, f"{PATH}/{jane.id}", f"{PATH}/{jane.id}/statement"):
            assert (await client.get(path)).status_code == 200
        may = role in (Role.OPERATOR, Role.ADMIN)
        assert (await create(client, a_body(), f"by {role}".replace(" ", "-"))).status_code == (
            201 if may else 403
        )
        for verb in ("freeze", "unfreeze", "close"):
            answer = await client.post(f"{PATH}/{jane.id}/{verb}", json={"reason": "why not"})
            assert (answer.status_code != 403) == may
    nobody = await client_of(None)
    assert (await nobody.get(f"{PATH}/{jane.id}/statement")).status_code == 401


async def statement_of(api: Client, account: Account, **params: Any) -> dict[str, Any]:
    answer = await api.get(f"{PATH}/{account.id}/statement", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_a_statement_has_a_range_balances_and_entries(api: Client, app: App) -> None:
    jane = await a_used_account(app)
    whole = await statement_of(api, jane)
    assert whole["account"] == (await api.get(f"{PATH}/{jane.id}")).json()
    assert (whole["since"], whole["until"], whole["next_cursor"]) == (None, None, None)
    assert (whole["opening_balance_minor"], whole["closing_balance_minor"]) == (0, 470)
    assert [entry["change_minor"] for entry in whole["entries"]] == [100] * 5 + [-30]
    assert [entry["balance_minor"] for entry in whole["entries"]][-2:] == [500, 470]
    last = whole["entries"][-1]
    assert (last["kind"], last["side"], last["amount_minor"]) == ("post_hold", "debit", 30)
    with_holds = await statement_of(api, jane, include_holds="true")
    (hold,) = [entry for entry in with_holds["entries"] if entry["kind"] == "hold"]
    assert (hold["transfer_id"], hold["available_minor"]) == (last["hold_id"], 420)
    # An offset from UTC means the same moment.
    since = datetime.fromisoformat(whole["entries"][2]["created_at"])
    assert since.utcoffset() is not None
    rest = await statement_of(api, jane, since=since.isoformat(), until="2099-01-01T01:00:00+01:00")
    assert rest["entries"] == whole["entries"][2:]
    assert (rest["opening_balance_minor"], rest["closing_balance_minor"]) == (200, 470)
    assert rest["until"] == "2099-01-01T00:00:00Z"


async def test_pages_of_a_statement_make_the_whole(api: Client, app: App) -> None:
    jane = await a_used_account(app)
    whole = (await statement_of(api, jane))["entries"]
    for limit in (1, 3, 6, 100):
        params: dict[str, Any] = {"limit": limit}
        entries: list[Any] = []
        while True:
            page = await statement_of(api, jane, **params)
            entries += page["entries"]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert entries == whole


WRONG = [
    ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
    ({"since": "2026-01-02T00:00:00"}, "since"),
    ({"until": "0001-01-01T00:00:00+14:00"}, "until"),
    ({"since": "yesterday"}, "since"),
    ({"limit": "1001"}, "limit"),
    ({"format": "pdf"}, "format"),
]


async def test_a_wrong_range_is_named(api: Client, app: App) -> None:
    path = f"{PATH}/{(await a_used_account(app)).id}/statement"
    for params, field in [*WRONG, ({"cursor": "!"}, "cursor")]:
        answer = await api.get(path, params=params)
        assert answer.status_code == 422, params
        assert answer.json()["errors"][0]["field"] == field
    for params, field in WRONG:
        answer = await api.get(path, params=params, headers={"Accept": "text/csv"})
        assert answer.status_code == 422, params
        assert answer.json()["errors"][0]["field"] == field


FORMS = [
    ({"Accept": "text/csv"}, {}, True),
    ({"Accept": "text/csv;q=0.5, application/json;q=0.1"}, {}, True),
    ({"Accept": "text/csv"}, {"format": "json"}, False),
    ({"Accept": "application/json"}, {"format": "csv"}, True),
    ({"Accept": "text/html, */*;q=0.1"}, {}, False),
    ({"Accept": "*/*"}, {}, False),
    ({"Accept": ""}, {}, False),
    ({"Accept": "///;q=x, ,"}, {}, False),
]


async def test_the_caller_says_which_form_it_wants(api: Client, app: App) -> None:
    path = f"{PATH}/{(await a_used_account(app)).id}/statement"
    for headers, params, is_csv in FORMS:
        answer = await api.get(path, params=params, headers=headers)
        assert answer.status_code == 200
        expected = "text/csv; header=present; charset=utf-8" if is_csv else "application/json"
        assert answer.headers["content-type"] == expected, headers


def rows_of(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(text, newline=""))


async def test_the_csv_is_the_json(api: Client, app: App) -> None:
    jane = await a_used_account(app, payments=1100)  # more than one read of the database
    path = f"{PATH}/{jane.id}/statement"
    for params in ({}, {"include_holds": "true"}, {"since": "2026-01-05T12:00:00.000009Z"}):
        answer = await api.get(path, params=params | {"format": "csv"})
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="statement-{jane.id}.csv"'
        )
        page = await statement_of(api, jane, limit=1000, **params)
        entries = page["entries"]
        if page["next_cursor"] is not None:
            cursor = page["next_cursor"]
            page = await statement_of(api, jane, limit=1000, cursor=cursor, **params)
            entries += page["entries"]
        rows = list(rows_of(answer.text))
        assert len(rows) == len(entries) > 1000
        for row, entry in zip(rows, entries, strict=True):
            for name, value in entry.items():
                assert row[name] == ("" if value is None else str(value))
            for name in ("amount", "change", "balance", "available"):
                assert round(float(row[name]) * 100) == entry[f"{name}_minor"]


async def test_a_client_that_hangs_up_leaves_nothing_behind(app: App, client_of: ClientOf) -> None:
    jane = await a_used_account(app, payments=2500)
    authorization = (await client_of(Role.VIEWER)).headers["authorization"]
    api = create_api(app)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": f"{PATH}/{jane.id}/statement", "raw_path": b"", "root_path": "",
        "query_string": b"format=csv", "client": ("127.0.0.1", 1), "server": ("test", 80),
        "headers": [(b"authorization", authorization.encode())],
    }  # fmt: skip
    for _ in range(30):  # more often than there are connections
        told = await hang_up(api, scope | {"state": {}}, after=3)
        assert [message["type"] for message in told] == [
            "http.response.start", "http.response.body", "http.response.body",
        ]  # fmt: skip
        assert told[-1]["more_body"]
    assert app.db.pool.get_idle_size() == app.db.pool.get_size()


async def hang_up(api: Any, scope: dict[str, Any], *, after: int) -> list[Any]:
    """Ask, read no further than so many messages, and go. What was told."""
    told: list[Any] = []
    gone = asyncio.Event()

    async def receive() -> Any:
        if told:
            await gone.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)
        if len(told) == after:
            gone.set()
            await asyncio.sleep(60)  # the buffers are full

    await asyncio.wait_for(api(scope, receive, send), 5)
    return told


async def test_no_query_breaks_a_statement(api: Client, app: App) -> None:
    jane = await a_used_account(app)
    loop = asyncio.get_running_loop()
    texts = st.one_of(
        st.text(max_size=20), st.datetimes().map(str), st.datetimes().map(lambda at: f"{at}Z")
    )
    names = st.sampled_from(["since", "until", "cursor", "limit", "include_holds", "format"])

    @hypothesis_settings(
        max_examples=60, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(params=st.dictionaries(names, texts, max_size=3))
    def attempt(params: dict[str, str]) -> None:
        asked = api.get(f"{PATH}/{jane.id}/statement", params=params)
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
        assert answer.status_code in (200, 422), (params, answer.text)

    await asyncio.to_thread(attempt)


async def test_all_of_it_is_described(api: Client) -> None:
    paths = (await api.get("/openapi.json")).json()["paths"]
    assert paths[PATH].keys() == {"get", "post"}
    of_one = {path for path in paths if path.startswith(f"{PATH}/")}
    suffixes = ("", "/statement", "/freeze", "/unfreeze", "/close")
    assert of_one == {f"{PATH}/{{account_id}}{suffix}" for suffix in suffixes}
