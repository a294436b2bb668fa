"""Vendor payments as a team sees them: entered, approved by others, paid; one refused as a twin."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
import msgspec
from rich import box
from rich.table import Table

from paywright.cli.console import CommandFailed
from paywright.cli.demo import read_answer
from paywright.core.money import Money
from paywright.identity.permissions import Role

_PATIENCE_S = 60.0
_PAYABLE, _EXPENSE = "vendors:payable:EUR", "vendors:expense:EUR"
_BOOKED = 1_500_000
# The examples of their countries in the IBAN registry.
_VENDORS: Mapping[str, dict[str, Any]] = {
    "nordlicht_towing": {
        "name": "Nordlicht Abschleppdienst GmbH",
        "payout": {
            "name": "Nordlicht Abschleppdienst GmbH",
            "bank": "partner_bank",
            "iban": "DE89370400440532013000",
        },
        "terms_days": 14,
    },
    "atelier_lumen": {
        "name": "Atelier Lumen SARL",
        "payout": {
            "name": "Atelier Lumen SARL",
            "bank": "partner_bank",
            "iban": "FR1420041010050500013M02606",
        },
        "terms_days": 30,
    },
}


class Paid(msgspec.Struct, frozen=True):
    """A bill that was entered, and what became of it."""

    id: str
    vendor: str
    what: str
    amount_minor: int
    status: str
    why: str


class Team:
    """One client for each role: who enters a bill never approves it."""

    def __init__(self, base_url: str, keys: Mapping[Role, str]) -> None:
        self._clients = {
            role: httpx2.Client(
                base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=20
            )
            for role, key in keys.items()
        }

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *error: object) -> None:
        for client in self._clients.values():
            client.close()

    def get(self, role: Role, path: str, **params: Any) -> Any:
        return read_answer(self._clients[role].get(f"/api/v1{path}", params=params), 200)

    def send(
        self, role: Role, path: str, body: Mapping[str, Any], *, key: str, method: str = "POST"
    ) -> httpx2.Response:
        headers = {"Idempotency-Key": f"sample-vendor-{key}"}
        return self._clients[role].request(
            method, f"/api/v1{path}", json=dict(body), headers=headers
        )

    def tell(self, role: Role, event: Mapping[str, Any]) -> httpx2.Response:
        """Hand in a CloudEvent."""
        return self._clients[role].post(
            "/api/v1/events",
            content=msgspec.json.encode(event),
            headers={"Content-Type": "application/cloudevents+json"},
        )


def vendor_samples(
    base_url: str, keys: Mapping[Role, str], *, alive: Callable[[], None]
) -> list[Paid]:
    """Enter bills, have them approved by others, and wait until they are paid.

    A second time nothing is entered or paid: their keys are on file.

    alive: called while waiting; raises when the servers are gone
    Raises CommandFailed when an answer is not the one that is expected.
    """
    with Team(base_url, keys) as team:
        _prepare(team)
        towing = _work_completed(team)
        repair = _entered(team)
        return [
            _approved(team, towing, "Towing, told by WorkCompleted", (Role.APPROVER,), alive),
            _approved(team, repair, "Repair of a façade", (Role.APPROVER, Role.ADMIN), alive),
            _twin(team),
            _rejected(team),
        ]


def vendors_table(paid: Sequence[Paid]) -> Table:
    """`Payment | Vendor | What | Amount | Outcome | Why`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Payment", no_wrap=True)
    for name in ("Vendor", "What"):
        table.add_column(name, overflow="fold")
    table.add_column("Amount", justify="right")
    table.add_column("Outcome")
    table.add_column("Why", overflow="fold")
    for it in paid:
        colour = "green" if it.status == "succeeded" else "red"
        amount = str(Money(it.amount_minor, "EUR"))
        outcome = f"[{colour}]{it.status}[/]"
        table.add_row(it.id, it.vendor, it.what, amount, outcome, it.why)
    return table


def _prepare(team: Team) -> None:
    for vendor_id, vendor in _VENDORS.items():
        answer = team.send(
            Role.OPERATOR, f"/vendors/{vendor_id}", vendor, key=vendor_id, method="PUT"
        )
        if answer.status_code not in (200, 201):
            raise CommandFailed(f"{vendor_id}: {answer.status_code} {answer.text[:300]}")
    booking = {
        "debit_account_id": _account_id(team, _EXPENSE),
        "credit_account_id": _account_id(team, _PAYABLE),
        "amount_minor": _BOOKED,
        "currency": "EUR",
        "description": "Work of vendors that was booked",
    }
    read_answer(team.send(Role.OPERATOR, "/transfers", booking, key="booked"), 201)


def _work_completed(team: Team) -> dict[str, Any]:
    """What a dispatching system tells, as a CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": "sample-work-1",
        "source": "/dispatch/samples",
        "type": "WorkCompleted",
        "datacontenttype": "application/json",
        "data": {
            "vendor_id": "nordlicht_towing",
            "incident_id": "INC-4711",
            "payer_type": "driver",
            "amount_minor": 24_800,
            "currency": "EUR",
            "bill_number": "2026-0311",
            "lines": [
                {"description": "Call-out", "quantity": 1, "unit_price_minor": 9_000},
                {"description": "Kilometre", "quantity": 79, "unit_price_minor": 200},
            ],
        },
    }
    return read_answer(team.tell(Role.DISPATCHER, event), 201)


def _entered(team: Team) -> dict[str, Any]:
    return read_answer(team.send(Role.DISPATCHER, "/vendor-payments", _FACADE, key="facade"), 201)


_FACADE = {
    "vendor_id": "atelier_lumen",
    "incident_id": "INC-4690",
    "payer_type": "back_office",
    "amount_minor": 720_000,
    "currency": "EUR",
    "bill_number": "F-2026/0087",
    "lines": [{"description": "Façade, 24 m²", "quantity": 24, "unit_price_minor": 30_000}],
}


def _twin(team: Team) -> Paid:
    """The same bill once more, with its number written otherwise."""
    again = _FACADE | {"bill_number": "f2026-87", "incident_id": "INC-4702"}
    answer = team.send(Role.DISPATCHER, "/vendor-payments", again, key="twin")
    refused = read_answer(answer, 409)
    if not refused["type"].endswith("duplicate-bill"):
        raise CommandFailed(f"expected duplicate-bill, got {refused['type']}")
    return Paid(
        "—",
        "atelier_lumen",
        "The same bill as f2026-87",
        720_000,
        "refused",
        f"resembles {_FACADE['bill_number']}: needs an override with a reason",
    )


def _rejected(team: Team) -> Paid:
    body = {
        "vendor_id": "nordlicht_towing",
        "incident_id": "INC-4720",
        "payer_type": "carrier",
        "amount_minor": 95_000,
        "currency": "EUR",
        "bill_number": "2026-0342",
        "lines": [{"description": "Storage, days", "quantity": 19, "unit_price_minor": 5_000}],
    }
    made = read_answer(team.send(Role.DISPATCHER, "/vendor-payments", body, key="storage"), 201)
    now = team.get(Role.APPROVER, f"/vendor-payments/{made['id']}")
    if now["status"] == "pending_approval":
        path, why = f"/vendor-payments/{made['id']}/reject", {"reason": "three days were agreed"}
        now = read_answer(team.send(Role.APPROVER, path, why, key="reject"), 200)
    return _paid(now, "Storage", f"by an approver: {now['rejected_why']}")


def _approved(
    team: Team,
    made: Mapping[str, Any],
    what: str,
    roles: Sequence[Role],
    alive: Callable[[], None],
) -> Paid:
    """Approved by each of these, unless it was before; then paid."""
    path = f"/vendor-payments/{made['id']}"
    now = team.get(Role.APPROVER, path)
    for role in roles:
        if now["status"] == "pending_approval":
            asked = {"content_hash": now["content_hash"]}
            answer = team.send(role, f"{path}/approve", asked, key=f"{made['id']}-{role}")
            now = read_answer(answer, 200)
    deadline, pause_s = time.monotonic() + _PATIENCE_S, 0.1
    while now["status"] in ("processing", "unknown") and time.monotonic() < deadline:
        alive()
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)
        now = team.get(Role.APPROVER, path)
    by = "one other person" if len(roles) == 1 else f"{len(roles)} other people"
    return _paid(now, what, f"approved by {by}, held, and paid by the bank")


def _paid(now: Mapping[str, Any], what: str, why: str) -> Paid:
    return Paid(now["id"], now["vendor_id"], what, now["amount_minor"], now["status"], why)


def _account_id(team: Team, code: str) -> str:
    page = team.get(Role.OPERATOR, "/accounts", code=code)
    if not page["items"]:
        raise CommandFailed(f"there is no account {code}")
    return page["items"][0]["id"]
