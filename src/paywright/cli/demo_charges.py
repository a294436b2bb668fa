"""Card charges as a client sees them: made, declined, given back; and how the providers do."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import msgspec
from rich import box
from rich.table import Table

from paywright.cli.console import CommandFailed
from paywright.cli.demo import read_answer
from paywright.core.money import Money

_CUSTOMER, _MERCHANT = "cust_042", "wallet:cust_217:EUR"
_BOOKED = "booked: the provider owes it to us"


class Shown(msgspec.Struct, frozen=True):
    """A charge or a refund that was asked for, and what became of it."""

    id: str
    what: str
    amount_minor: int
    status: str
    why: str


def charge_samples(base_url: str, key: str) -> list[Shown]:
    """Charge a card, be declined by another, and give back a part.

    A second time nothing moves: their keys are on file. Raises CommandFailed when an answer is not
    the one that is expected.
    """
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=60) as client:
        merchant = _account_id(client, _MERCHANT)
        body = {"customer_id": _CUSTOMER, "currency": "EUR", "credit_account_id": merchant}
        shown = [
            _asked(
                client,
                "Card charged",
                "/api/v1/charges",
                body | {"payment_method": "pm_card_visa", "amount_minor": 7_900},
            ),
            _asked(
                client,
                "Card declined",
                "/api/v1/charges",
                body
                | {
                    "payment_method": "pm_card_chargeDeclinedInsufficientFunds",
                    "amount_minor": 12_000,
                },
            ),
        ]
        if shown[0].status == "succeeded":
            path = f"/api/v1/charges/{shown[0].id}/refunds"
            part = {"amount_minor": 2_900, "reason": "one of the items came back"}
            shown.append(_asked(client, "Refund of a part", path, part))
        return shown


def provider_summary(base_url: str, key: str) -> str:
    """How the providers do, in a few sentences."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=20) as client:
        return read_answer(client.get("/api/v1/providers/summary"), 200)["text"]


def charges_table(shown: Sequence[Shown]) -> Table:
    """`Charge | What | Amount | Outcome | Why`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Charge, refund", no_wrap=True)
    table.add_column("What", overflow="fold")
    table.add_column("Amount", justify="right")
    table.add_column("Outcome")
    table.add_column("Why", overflow="fold")
    for it in shown:
        colour = "green" if it.status == "succeeded" else "red"
        amount = str(Money(it.amount_minor, "EUR"))
        table.add_row(it.id, it.what, amount, f"[{colour}]{it.status}[/]", it.why)
    return table


def _asked(client: httpx2.Client, what: str, path: str, body: Mapping[str, Any]) -> Shown:
    """Ask, and tell what was answered: providers may be made to fail here, so much may be."""
    headers = {"Idempotency-Key": f"sample-{what.lower().replace(' ', '-')}"}
    answer = client.post(path, json=dict(body), headers=headers)
    told, amount = answer.json(), body["amount_minor"]
    match answer.status_code:
        case 201:
            why = "held, given back, and booked" if told["type"] == "refund" else _BOOKED
            return Shown(told["id"], what, amount, told["status"], why)
        case 202:
            return Shown(told["id"], what, amount, told["status"], "no answer yet: settled later")
        case 422 if "failure_code" in told:
            own_id = told.get("refund_id", told["payment_id"])
            return Shown(own_id, what, amount, "failed", f"{told['failure_code']}: nothing moved")
        case 503:
            return Shown("—", what, amount, "refused", f"{told['detail']}: nothing was kept")
    raise CommandFailed(f"{what}: the API answered {answer.status_code}: {answer.text[:300]}")


def _account_id(client: httpx2.Client, code: str) -> str:
    page = read_answer(client.get("/api/v1/accounts", params={"code": code}), 200)
    if not page["items"]:
        raise CommandFailed(f"there is no account {code}")
    return page["items"][0]["id"]
