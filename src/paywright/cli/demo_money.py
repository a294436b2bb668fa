"""The other main job, as a client sees it: move money over HTTP, and look at the accounts."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import msgspec
from rich import box
from rich.table import Table

from paywright.cli.console import CommandFailed
from paywright.cli.demo import read_answer
from paywright.core.money import Money
from paywright.samples import SampleMovement, sample_movements


class Told(msgspec.Struct, frozen=True):
    """A sample movement and what the API answered."""

    sample: SampleMovement
    status: int
    answer: dict[str, Any]


def move_samples(base_url: str, key: str) -> list[Told]:
    """Send the sample movements; each with its answer.

    A second time nothing moves: their keys are on file. Raises CommandFailed when an answer is
    not the one that the sample expects.
    """
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=20) as client:
        samples = sample_movements()
        codes = sorted({code for it in samples for code in (it.debit, it.credit) if code})
        ids = {code: _account(client, code)["id"] for code in codes}
        told: list[Told] = []
        holds: dict[str, str] = {}
        for sample in samples:
            path, body = _request(sample, ids, holds)
            answer = client.post(path, json=body, headers={"Idempotency-Key": sample.key})
            expected = 422 if sample.expect else 200 if sample.do == "post_hold" else 201
            found = read_answer(answer, expected)
            if sample.expect and not found["type"].endswith(sample.expect):
                raise CommandFailed(f"{sample.key}: expected {sample.expect}, got {found['type']}")
            if sample.do == "hold":
                holds[sample.key] = found["id"]
            told.append(Told(sample, answer.status_code, found))
        return told


def read_accounts(base_url: str, key: str) -> list[dict[str, Any]]:
    """The accounts that the samples touch, as they are now."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=20) as client:
        touched = {code for it in sample_movements() for code in (it.debit, it.credit) if code}
        return [_account(client, code) for code in sorted(touched)]


def movements_table(told: Sequence[Told]) -> Table:
    """`Movement | What for | Amount | Outcome`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Movement", no_wrap=True)
    table.add_column("What for", overflow="fold")
    table.add_column("Amount", justify="right")
    table.add_column("Outcome", overflow="fold")
    for it in told:
        refused = it.status >= 400
        table.add_row(
            "—" if refused else it.answer["id"],
            it.sample.description,
            f"{it.sample.amount} EUR",
            f"[red]{it.sample.expect}[/]" if refused else f"[green]{it.answer['status']}[/]",
        )
    return table


def accounts_table(accounts: Sequence[Mapping[str, Any]]) -> Table:
    """`Account | Kind | Balance | Available`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Account", overflow="fold")
    table.add_column("Kind")
    for name in ("Balance", "Available"):
        table.add_column(name, justify="right")
    for account in accounts:
        balance, available = (
            str(Money(account[name], account["currency"]))
            for name in ("balance_minor", "available_minor")
        )
        table.add_row(account["code"], account["kind"], balance, available)
    return table


def _account(client: httpx2.Client, code: str) -> dict[str, Any]:
    page = read_answer(client.get("/api/v1/accounts", params={"code": code}), 200)
    if not page["items"]:
        raise CommandFailed(f"there is no account {code}")
    return page["items"][0]


def _request(
    sample: SampleMovement, ids: Mapping[str, str], holds: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"description": sample.description}
    if sample.hold is not None:
        body["amount_minor"] = Money.parse(sample.amount, "EUR").minor
        return f"/api/v1/holds/{holds[sample.hold]}/post", body
    body |= {
        "debit_account_id": ids[sample.debit or ""],
        "credit_account_id": ids[sample.credit or ""],
        "amount": sample.amount,
        "currency": "EUR",
    }
    return ("/api/v1/holds" if sample.do == "hold" else "/api/v1/transfers"), body
