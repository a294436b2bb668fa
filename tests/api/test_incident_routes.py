"""Incidents over HTTP."""

from collections.abc import Awaitable, Callable

import httpx2

from paywright.identity.permissions import Role

Client = httpx2.AsyncClient
ClientOf = Callable[[Role | None], Awaitable[Client]]


async def test_an_incident_is_recorded_and_read(client_of: ClientOf) -> None:
    dispatcher, viewer = await client_of(Role.DISPATCHER), await client_of(Role.VIEWER)
    path = "/api/v1/incidents/WO:2026.117-a_b"
    made = await dispatcher.put(path, json={"status": "open"})
    assert (made.status_code, made.json()["closed_at"]) == (201, None)
    closed = await dispatcher.put(path, json={"status": "closed"})
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    assert (await viewer.get(path)).json() == closed.json()
    refused = await viewer.put(path, json={"status": "open"})
    assert (refused.status_code, refused.json()["permission"]) == (403, "payments:create")
    assert (await viewer.get("/api/v1/incidents/none")).status_code == 404


BAD = {
    "word": ("inc-1", {"status": "ajar"}, 422),
    "nothing": ("inc-1", {}, 422),
    "more": ("inc-1", {"status": "open", "by": "me"}, 422),
    "nul": ("inc%00", {"status": "open"}, 422),
    "space": ("inc 1", {"status": "open"}, 422),
    "long": ("x" * 65, {"status": "open"}, 422),
    "slash": ("a/b", {"status": "open"}, 404),
}


async def test_what_is_no_incident_is_refused(api: Client) -> None:
    for name, (path, body, status) in BAD.items():
        answer = await api.put(f"/api/v1/incidents/{path}", json=body)
        assert answer.status_code == status, f"{name}: {answer.text}"
