"""Requests that carry the event WorkCompleted, and a house that pays for the work."""

import json
from typing import Any

import httpx2

from paywright.cli.prepare import system_cause
from paywright.core.beneficiary import Beneficiary
from paywright.vendors.model import Registration
from paywright.vendors.register import register_vendor
from paywright.wiring import App

Client = httpx2.AsyncClient
EVENTS = "/api/v1/events"
PAYEE = Beneficiary(name="Kranz Abschleppdienst", bank="bank_files", iban="DE89370400440532013000")


def the_work(**changes: Any) -> dict[str, Any]:
    work = {
        "vendor_id": "ven_kranz",
        "incident_id": "inc_1",
        "amount_minor": 12_000,
        "currency": "EUR",
        "payer_type": "driver",
        "lines": [{"description": "Towing", "quantity": 2, "unit_price_minor": 6_000}],
    }
    return work | changes


def an_event(event_id: str = "evt-1", *, data: Any = None, **changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/dispatch/south",
        "type": "WorkCompleted",
        "data": the_work() if data is None else data,
    }
    return event | changes


async def told(client: Client, event: Any, **headers: str) -> httpx2.Response:
    """In structured mode."""
    content_type = {"content-type": "application/cloudevents+json"}
    content = event if isinstance(event, bytes) else json.dumps(event).encode()
    return await client.post(EVENTS, content=content, headers=content_type | headers)


async def told_many(client: Client, *events: Any) -> httpx2.Response:
    content_type = {"content-type": "application/cloudevents-batch+json"}
    return await client.post(EVENTS, content=json.dumps(events).encode(), headers=content_type)


async def told_in_headers(client: Client, data: Any = None, **changes: Any) -> httpx2.Response:
    """In binary mode. An attribute that is None is left out."""
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": "evt-1",
        "ce-source": "/dispatch/south",
        "ce-type": "WorkCompleted",
        "content-type": "application/json",
    } | changes
    content = data if isinstance(data, bytes) else json.dumps(data or the_work()).encode()
    headers = {name: value for name, value in attributes.items() if value is not None}
    return await client.post(EVENTS, content=content, headers=headers)


async def add_vendor(app: App, vendor_id: str = "ven_kranz") -> None:
    told = Registration(id=vendor_id, name=PAYEE.name, payout=PAYEE)
    await register_vendor(
        app.db, app.keys, system_cause(), registration=told, providers=app.checks.banks
    )


async def payments_made(app: App) -> int:
    return await app.db.pool.fetchval("select count(*) from vendor_payments")
