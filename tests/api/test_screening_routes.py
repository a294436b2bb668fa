"""Screening over HTTP."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from tests.builders import a_cause
from tests.screening.listed import QUORRINGER, VEXLEY, load

from paywright.identity.permissions import Role
from paywright.screening.rescreen import screen_changed
from paywright.wiring import App

Client = httpx2.AsyncClient
SEARCH = "/api/v1/screening/search"


@pytest.fixture
async def listed(app: App) -> None:
    await load(app.db, VEXLEY, QUORRINGER)


@pytest.fixture
async def hit(api: Client, app: App, listed: None) -> str:
    """A customer who matches an entry."""
    body = {"name": "Zoltan Arvid Vexley", "customer_since": "2020-01-01T00:00:00Z"}
    assert (await api.put("/api/v1/customers/c1", json=body)).status_code == 201
    await screen_changed(app.db, app.keys, app.screener, a_cause())
    return "c1"


async def test_one_name_is_searched(api: Client, listed: None) -> None:
    body = {"name": "Zoltan Vexley", "birth_date": "1957-10-07", "countries": ["HU"]}
    answer = await api.post(SEARCH, json=body | {"kind": "person"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["generation"] == 1
    assert list(found["lists"]) == ["demo"]
    (item,) = found["items"]
    match = item["matches"][0]
    assert (match["list"], match["id"], match["name"]) == ("demo", "d1", "VEXLEY, Zoltan Arvid")
    assert 0.7 <= match["score"] <= 1


async def test_many_names_are_answered_in_order(api: Client, listed: None) -> None:
    names = ["Nobody Atall", "Ismelda Quorringer", "Zoltan Vexley"] * 100
    answer = await api.post(SEARCH, json={"names": names, "limit": 1})
    items = answer.json()["items"]
    assert [item["name"] for item in items] == names
    assert [[m["id"] for m in item["matches"]] for item in items[:3]] == [[], ["d2"], ["d1"]]


async def test_a_list_loaded_a_moment_ago_is_searched(api: Client, app: App, listed: None) -> None:
    await api.post(SEARCH, json={"name": "Dagfinn Throok"})
    await load(app.db, VEXLEY, QUORRINGER, 'd7,"THROOK, Dagfinn",person,,,,,')
    answer = await api.post(SEARCH, json={"name": "Dagfinn Throok"})
    assert [m["id"] for m in answer.json()["items"][0]["matches"]] == ["d7"]


@pytest.mark.parametrize(
    "name",
    ["x" * 10_000, "word " * 2_000, "\u202eVexley", "💥" * 500,
     "ы" * 3_000, "'; drop table customers; --", "%s%s%s", "a\u0301" * 2_000, " "],
)  # fmt: skip
async def test_any_name_is_answered(api: Client, listed: None, name: str) -> None:
    answer = await api.post(SEARCH, json={"name": name})
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"][0]["name"] == name


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 10_001},
        {"name": "a\u0000b"},
        {"name": "a", "names": ["b"]},
        {"names": []},
        {"names": ["a"] * 1001},
        {"names": ["a" * 10_000] * 50},
        {"name": "a", "threshold": 1.1},
        {"name": "a", "limit": 0},
        {"name": "a", "birth_date": "1957-13"},
        {"name": "a", "birth_date": "yesterday"},
        {"name": "a", "countries": ["Hungary"]},
        {"name": "a", "kind": "spaceship"},
        {"name": "a", "list": "demo"},
    ],
)
async def test_what_makes_no_sense_is_refused(api: Client, body: dict[str, object]) -> None:
    answer = await api.post(SEARCH, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_two_names_are_compared(api: Client) -> None:
    same = await api.post("/api/v1/screening/compare", json={"a": "Jo Throok", "b": "THROOK, Jo"})
    other = await api.post("/api/v1/screening/compare", json={"a": "Jo Throok", "b": "Al Vexley"})
    assert same.json()["score"] > 0.9
    assert other.json()["score"] < 0.5


async def test_lists_are_shown(api: Client, listed: None) -> None:
    shown = (await api.get("/api/v1/screening/lists")).json()
    assert (shown["generation"], shown["items"][0]["name"]) == (1, "demo")
    assert shown["items"][0]["entries"] == 2


HITS = "/api/v1/screening/hits"


async def test_a_match_is_found_looked_at_and_cleared(api: Client, hit: str) -> None:
    hits = {it["customer_id"]: it for it in (await api.get(HITS)).json()["items"]}
    item = hits[hit]
    assert item["status"] == "hit"
    shown = (await api.get(f"/api/v1/customers/{hit}/screening")).json()
    assert shown["standing"] == item
    assert shown["evidence"][0]["id"] == item["hit_id"]
    assert shown["evidence"][0]["name"] == "Zoltan Arvid Vexley"
    body = {"customer_id": hit, "list": "demo", "entry_id": "d1", "reason": "not born then"}
    cleared = await api.post("/api/v1/screening/clearances", json=body)
    assert (cleared.status_code, cleared.json()["status"]) == (201, "clear")
    assert hit not in [it["customer_id"] for it in (await api.get(HITS)).json()["items"]]
    again = await api.post("/api/v1/screening/clearances", json=body)
    assert again.status_code == 409
    assert again.json()["type"].endswith("no-such-match")


async def test_who_was_not_screened_is_not_found(api: Client) -> None:
    answer = await api.get("/api/v1/customers/nobody/screening")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("not-screened")
    assert (await api.get("/api/v1/customers/a%20b/screening")).status_code == 422


_CLEARANCE = {"customer_id": "c1", "list": "demo", "entry_id": "d1", "reason": "x"}
_ROUTES = [
    ("POST", SEARCH, {"name": "a"}, {Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/screening/compare", {"a": "a", "b": "b"},
     {Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
    ("GET", "/api/v1/screening/lists", None, {Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
    ("GET", "/api/v1/screening/hits", None,
     {Role.APPROVER, Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
    ("GET", "/api/v1/customers/c1/screening", None,
     {Role.APPROVER, Role.REVIEWER, Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/screening/clearances", _CLEARANCE, {Role.REVIEWER, Role.ADMIN}),
]  # fmt: skip


async def test_each_route_is_open_to_its_roles_only(
    client_of: Callable[[Role | None], Awaitable[Client]],
) -> None:
    for role in (None, *Role):
        client = await client_of(role)
        for method, path, body, allowed in _ROUTES:
            answer = await client.request(method, path, json=body)
            refused = 401 if role is None else 403
            assert (answer.status_code != refused) == (role in allowed), (role, path)
