"""Delegations of the right to approve, over HTTP; the rules of approvals, too."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY

from paywright.approvals import policy
from paywright.cli import prepare
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
PASSWORD = "three grey herons wade"
URL = "/api/v1/approval-delegations"


class People:
    """Users who have signed in, by name: id and headers."""

    def __init__(self, app: App, client: Client) -> None:
        self.app = app
        self.client = client
        self.ids: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}

    async def add(self, name: str, role: Role) -> str:
        email = f"{name}@example.com"
        made = await create_user(
            self.app.db, self.app.identity, prepare.system_cause(),
            email=email, name="A Test", role=role, password=PASSWORD,
        )  # fmt: skip
        answer = await self.client.post(
            "/api/v1/sessions", json={"email": email, "password": PASSWORD}
        )
        self.ids[name] = str(made.id)
        self.headers[name] = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return str(made.id)

    async def post(self, name: str, body: Any = None, path: str = "", **headers: str) -> Any:
        sent = self.headers[name] | headers
        if body is None:
            return await self.client.post(URL + path, headers=sent)
        return await self.client.post(URL + path, json=body, headers=sent)

    async def listed(self, name: str, **query: Any) -> list[str]:
        answer = await self.client.get(URL, headers=self.headers[name], params=query)
        assert answer.status_code == 200, answer.text
        return [it["id"] for it in answer.json()["items"]]


@pytest.fixture
def settings() -> Settings:
    return Settings(encryption_key=TEST_KEY, rate_limit_max=0, login_rate_limit_max=1000)


@pytest.fixture
async def people(app: App, client_of: ClientOf) -> People:
    people = People(app, await client_of(None))
    await people.add("ada", Role.APPROVER)
    await people.add("bob", Role.DISPATCHER)
    return people


def after(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def a_body(people: People, **changes: Any) -> dict[str, Any]:
    body = {"delegate": people.ids["bob"], "reason": "On leave.", "expires_at": after(days=7)}
    return body | changes


async def test_from_granting_to_ending(people: People) -> None:
    body = a_body(people, amount_max_minor=50_000, currency="EUR")
    answer = await people.post("ada", body, **{"Idempotency-Key": "one"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["id"].startswith("dlg_")
    assert (made["delegator"], made["delegate"]) == (people.ids["ada"], people.ids["bob"])
    assert (made["role"], made["amount_max_minor"], made["currency"]) == ("approver", 50_000, "EUR")
    assert made["ended_at"] is None
    again = await people.post("ada", body, **{"Idempotency-Key": "one"})
    assert (again.content, again.headers["idempotency-replayed"]) == (answer.content, "true")
    reused = await people.post("ada", a_body(people, reason="Ill."), **{"Idempotency-Key": "one"})
    assert reused.status_code == 422
    assert reused.json()["type"] == "/problems/key-reused"
    for name in ("ada", "bob"):
        assert await people.listed(name) == [made["id"]]
    await people.add("cleo", Role.APPROVER)
    assert await people.listed("cleo") == []
    foreign = await people.post("cleo", path=f"/{made['id']}/end")
    assert foreign.status_code == 404
    for _ in range(2):
        ended = await people.post("bob", path=f"/{made['id']}/end")
        assert ended.status_code == 200, ended.text
        assert ended.json()["ended_by"] == people.ids["bob"]
    assert await people.listed("ada") == [made["id"]]
    assert await people.listed("ada", in_force=True) == []


async def test_who_manages_users_sees_and_ends_all(people: People) -> None:
    await people.add("root", Role.ADMIN)
    made = (await people.post("ada", a_body(people), **{"Idempotency-Key": "one"})).json()
    assert await people.listed("root") == [made["id"]]
    ended = await people.post("root", path=f"/{made['id']}/end")
    assert ended.json()["ended_by"] == people.ids["root"]


async def test_only_who_may_approve_delegates_and_only_signed_in(
    people: People, client_of: ClientOf
) -> None:
    refused = await people.post("bob", a_body(people), **{"Idempotency-Key": "one"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/permission-missing"
    key = await client_of(Role.APPROVER)
    refused = await key.post(URL, json=a_body(people), headers={"Idempotency-Key": "one"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/not-in-person"


BAD: tuple[dict[str, Any], ...] = (
    {"delegate": "key_1"},
    {"delegate": "usr_"},
    {"delegate": "usr_01jf0000000000000000000000"},
    {"delegate": None},
    {"reason": ""},
    {"reason": "a\0b"},
    {"reason": " "},
    {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "9999-12-31T23:59:59-12:00"},
    {"expires_at": "2027-01-01T00:00:00"},  # no zone
    {"starts_at": "2020-01-01T00:00:00Z"},
    {"amount_max_minor": 1},
    {"currency": "EUR"},
    {"amount_max_minor": 1, "currency": "ZZZ"},
    {"amount_max_minor": 0, "currency": "EUR"},
    {"amount_max_minor": 2**63, "currency": "EUR"},
    {"role": "admin"},  # it is the delegator's own
    {"delegator": "usr_01jf0000000000000000000000"},
)


async def test_bad_input_is_refused_and_the_key_stays_free(people: People) -> None:
    for changes in BAD:
        refused = await people.post("ada", a_body(people) | changes, **{"Idempotency-Key": "one"})
        assert refused.status_code == 422, (changes, refused.text)
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await people.post("ada", a_body(people), **{"Idempotency-Key": "one"})).is_success


async def test_a_key_is_needed_and_ids_and_cursors_are_checked(people: People) -> None:
    assert (await people.post("ada", a_body(people))).status_code == 400
    assert (await people.post("ada", path="/pay_1/end")).status_code == 422
    bad = await people.client.get(URL, headers=people.headers["ada"], params={"cursor": "x"})
    assert bad.status_code == 422


async def test_a_key_says_who_stands_behind_it(people: People) -> None:
    await people.add("root", Role.ADMIN)
    body = {"name": "machine", "role": "dispatcher"}
    made = await people.client.post("/api/v1/keys", json=body, headers=people.headers["root"])
    assert made.json()["key"]["person"] == people.ids["root"]


async def test_the_policies_are_in_force_from_the_start_and_can_be_changed(api: Client) -> None:
    found = (await api.get("/api/v1/rules/approvals")).json()
    assert found["name"] == policy.RULE_SET
    assert found["source"] == policy.default_source()
    changed = policy.default_source().replace("{large: 5000}", "{large: 5001}", 1)
    refused = await api.post("/api/v1/rules/approvals", json={"source": changed})
    assert refused.status_code == 422  # its own examples hold it to 5,000
    commented = policy.default_source() + "# ours\n"
    loaded = (await api.post("/api/v1/rules/approvals", json={"source": commented})).json()
    assert loaded["is_activated"]
    body = {"version": found["active_version"]}
    back = (await api.post("/api/v1/rules/approvals/activate", json=body)).json()
    assert back["active_version"] == found["active_version"]
