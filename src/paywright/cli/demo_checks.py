"""How a transfer is confirmed, as a client sees it: by somebody who has signed in, over HTTP."""

import re
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

_PAYER = "wallet:cust_042:EUR"
_PAYEE = "wallet:cust_217:EUR"
_LISTED = "wallet:cust_451:EUR"  # a name that is on the list that comes along
_BANK = "bank:partner_bank:EUR"
_OUTSIDE = {"name": "Nordlicht Bau GmbH", "iban": "DE89370400440532013000"}
_PATIENCE_S = 60.0
_CODE = re.compile(r"\b\d{6}\b")


class Checked(msgspec.Struct, frozen=True):
    """A transfer that was asked for, and what became of it."""

    what: str
    amount_minor: int
    status: str
    why: str
    payment_id: str


def run_checks(
    base_url: str, user: Mapping[str, str], *, alive: Callable[[], None]
) -> list[Checked]:
    """Ask for five transfers that end differently.

    A second time nothing moves: their keys are on file.

    alive: called while waiting; raises when the servers are gone
    Raises CommandFailed when an answer is not the one that is expected.
    """
    with httpx2.Client(base_url=base_url, timeout=20) as client:
        signed_in = read_answer(client.post("/api/v1/sessions", json=dict(user)), 201)
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        codes = (_PAYER, _PAYEE, _LISTED, _BANK)
        ids = {code: _account_id(client, code) for code in codes}
        payer = {"debit_account_id": ids[_PAYER], "currency": "EUR"}
        inside = payer | {"credit_account_id": ids[_PAYEE]}
        deposit = {
            "debit_account_id": ids[_BANK],
            "credit_account_id": ids[_PAYER],
            "currency": "EUR",
            "amount_minor": 2_000_000,
        }
        listed = payer | {"credit_account_id": ids[_LISTED], "amount_minor": 1_000}
        outside = payer | {"beneficiary": _OUTSIDE, "amount_minor": 4_000}
        return [
            _told("Deposit", "ours: no code", _ask(client, "deposit", deposit)),
            _told("Small", "low risk", _ask(client, "small", inside | {"amount_minor": 2_500})),
            _told(
                "Large",
                "high risk: confirmed with a one-time code",
                _confirmed(client, "large", inside | {"amount_minor": 1_200_000}),
            ),
            _declined(client, "listed", listed),
            _told(
                "To another bank",
                "held, sent, and settled by the bank",
                _settled(client, "outside", outside, alive),
            ),
        ]


def checks_table(checks: Sequence[Checked]) -> Table:
    """`Payment | What | Amount | Outcome | Why`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Payment", no_wrap=True)
    table.add_column("What", overflow="fold")
    table.add_column("Amount", justify="right")
    table.add_column("Outcome")
    table.add_column("Why", overflow="fold")
    for it in checks:
        colour = "red" if it.status == "declined" else "green"
        amount = str(Money(it.amount_minor, "EUR"))
        table.add_row(it.payment_id, it.what, amount, f"[{colour}]{it.status}[/]", it.why)
    return table


def _post(client: httpx2.Client, key: str, body: Mapping[str, Any]) -> httpx2.Response:
    headers = {"Idempotency-Key": f"sample-check-{key}"}
    return client.post("/api/v1/transfers", json=dict(body), headers=headers)


def _ask(client: httpx2.Client, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return read_answer(_post(client, key, body), 201)


def _confirmed(client: httpx2.Client, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One that asks for a code, which the outbox of a development installation shows."""
    first = _post(client, key, body)
    if first.status_code == 201:  # confirmed in an earlier run
        return read_answer(first, 201)
    read_answer(first, 202)
    messages = read_answer(client.get("/api/v1/messages", params={"limit": 5}), 200)["items"]
    texts = [it["text"] for it in messages if it["purpose"] == "otp" and it["text"]]
    found = _CODE.search(texts[0]) if texts else None
    if found is None:
        raise CommandFailed("the one-time code is not in the outbox")
    return _ask(client, key, {**body, "otp": found[0]})


def _declined(client: httpx2.Client, key: str, body: Mapping[str, Any]) -> Checked:
    refused = read_answer(_post(client, key, body), 422)
    if not refused["type"].endswith("payment-declined"):
        raise CommandFailed(f"expected payment-declined, got {refused['type']}")
    return Checked(
        "To a listed name",
        body["amount_minor"],
        "declined",
        "may be on a sanctions list: a person looks at it",
        refused["payment_id"],
    )


def _settled(
    client: httpx2.Client, key: str, body: Mapping[str, Any], alive: Callable[[], None]
) -> dict[str, Any]:
    """One that leaves: accepted at once, settled when the bank has answered."""
    sent = read_answer(_post(client, key, body), 202)
    deadline = time.monotonic() + _PATIENCE_S
    pause_s = 0.1
    while time.monotonic() < deadline:
        found = read_answer(client.get(f"/api/v1/transfers/{sent['id']}"), 200)
        if found["status"] == "succeeded":
            return found
        if found["status"] == "failed":
            raise CommandFailed(f"the bank refused {sent['id']}: {found['failure_code']}")
        alive()
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)
    raise CommandFailed(f"{sent['id']} is not settled after {_PATIENCE_S:g} s")


def _told(what: str, why: str, answer: Mapping[str, Any]) -> Checked:
    return Checked(what, answer["amount_minor"], answer["status"], why, answer["id"])


def _account_id(client: httpx2.Client, code: str) -> str:
    page = read_answer(client.get("/api/v1/accounts", params={"code": code}), 200)
    if not page["items"]:
        raise CommandFailed(f"there is no account {code}")
    return page["items"][0]["id"]
