"""Reconciliations over HTTP: asked for, followed, read a page at a time, and by whom."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.builders import TEST_KEY
from tests.reconciliation.reconciling import BANK, DAY, Bank, a_booking, after, book

from paywright.core.ids import ReconciliationId
from paywright.identity.permissions import Role
from paywright.reconciliation.run import carry_out
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]
ROUTE = "/api/v1/reconciliations"
BODY = {"provider": BANK, "day": DAY.isoformat()}


@pytest.fixture
def settings() -> Settings:
    """With a bank that nobody asks here: no worker runs."""
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url="http://127.0.0.1:9/bank/v1",
        partner_bank_token="t",
    )


async def asked(api: Client, **changes: Any) -> dict[str, Any]:
    answer = await api.post(ROUTE, json=BODY | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def done(app: App, bank: Bank, run: dict[str, Any]) -> None:
    """As the worker would."""
    id = ReconciliationId.parse(run["id"])
    await carry_out(app.db, after(), reconciliation_id=id, statement=bank.statement)


async def test_it_is_asked_for_followed_and_read(api: Client, app: App) -> None:
    made = [a_booking(n) for n in range(1, 6)]
    await book(app.db, *made)
    run = await asked(api)
    assert (run["id"][:4], run["state"], run["ended_at"]) == ("rec_", "running", None)
    assert await asked(api) == run
    one = f"{ROUTE}/{run['id']}"
    running = (await api.get(one)).json()
    assert (running["state"], running["items"], running["outcomes"]) == ("running", [], {})
    wrong = made[1].line(amount=a_booking(7).line().amount)
    await done(app, Bank(made[0].line(), wrong), run)
    found = (await api.get(one)).json()
    assert (found["state"], found["differences"], found["lines_read"]) == ("completed", 4, 7)
    assert found["outcomes"] == {"matched": 1, "different_amount": 1, "missing_there": 3}
    assert found["totals"] == [
        {"currency": "EUR", "ours": 5, "ours_minor": 5015, "theirs": 2, "theirs_minor": 2008,
         "matched": 1, "matched_minor": 1001}
    ]  # fmt: skip
    first = found["items"][0]
    assert (first["outcome"], first["payment_id"], first["our_amount_minor"]) == (
        "different_amount", str(made[1].id), 1002,
    )  # fmt: skip
    assert (first["their_amount_minor"], first["their_currency"]) == (1007, "EUR")
    keys, cursor = [], None
    while True:
        params = {"outcome": "missing_there", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(one, params=params)).json()
        keys += [item["key"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert keys == [str(it.id) for it in made[2:]]
    assert await asked(api) != run


async def test_the_list_shows_the_last_of_each_day_and_provider(api: Client, app: App) -> None:
    runs = []
    for _ in range(2):
        runs.append(await asked(api))
        await done(app, Bank(), runs[-1])
    runs.append(await asked(api, day="2026-01-04"))

    async def listed(**params: Any) -> list[str]:
        ids: list[str] = []
        while True:
            page = (await api.get(ROUTE, params=params | {"limit": 1})).json()
            ids += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return ids
            params["cursor"] = page["next_cursor"]

    assert await listed() == [runs[2]["id"], runs[1]["id"]]
    assert await listed(superseded="true") == [run["id"] for run in reversed(runs)]
    assert await listed(provider="stripe") == []


async def test_what_makes_no_sense_is_refused(api: Client) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    for body, type in (
        (BODY | {"provider": "nobody"}, "not-a-provider"),
        (BODY | {"provider": "No Body"}, "invalid-request"),
        (BODY | {"day": tomorrow}, "day-not-begun"),
        (BODY | {"day": "1999-12-31"}, "day-not-begun"),
        (BODY | {"day": "yesterday"}, "invalid-request"),
        (BODY | {"more": 1}, "invalid-request"),
        ({}, "invalid-request"),
    ):
        answer = await api.post(ROUTE, json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{type}"), body
    run = await asked(api)
    for path in (
        f"{ROUTE}?cursor=nonsense",
        f"{ROUTE}/{run['id']}?cursor=LTE",
        f"{ROUTE}/{run['id']}?cursor=nonsense",
        f"{ROUTE}/rec_nonsense",
    ):
        assert (await api.get(path)).status_code == 422, path
    missing = await api.get(f"{ROUTE}/rec_{'0' * 26}")
    assert missing.status_code == 404
    assert missing.json()["type"] == "/problems/no-such-reconciliation"


@pytest.mark.parametrize("role", Role)
async def test_who_may_ask_and_who_may_see(client_of: ClientOf, role: Role) -> None:
    client = await client_of(role)
    may = role in (Role.OPERATOR, Role.ADMIN)
    assert (await client.post(ROUTE, json=BODY)).status_code == (202 if may else 403)
    assert (await client.get(ROUTE)).status_code == 200
