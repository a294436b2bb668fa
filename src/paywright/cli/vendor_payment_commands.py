"""Vendor payments on the command line: list them, look at one, see what waits for approval."""

from typing import Annotated, Any

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.core.page import Page
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.views import (
    Details,
    Filters,
    Listed,
    Queued,
    get_details,
    list_pending,
    list_vendor_payments,
)
from paywright.wiring import App

cli = Cli(help="See vendor payments, and what waits for approval.")

Limit = Annotated[int, Parameter(help="How many, at most.")]


@cli.command(name="list")
def list_(
    *,
    status: PaymentStatus | None = None,
    vendor: str | None = None,
    incident: str | None = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Vendor payments, newest first."""
    filters = Filters(status=status, vendor_id=vendor, incident_id=incident)

    async def main(app: App) -> Page[Listed]:
        return await list_vendor_payments(
            app.db, system_cause(), filters=filters, cursor=None, limit=limit
        )

    page = with_app(main)
    if as_json:
        print_json([_plain(it) for it in page.items])
        return
    rows = [
        [str(it.id), it.status, it.vendor_id, it.incident_id or "-", str(it.amount),
         it.bill_number or "-", f"{it.created_at:%Y-%m-%d %H:%M}"]
        for it in page.items
    ]  # fmt: skip
    columns = ["Payment", "Status", "Vendor", "Incident", "Amount", "Bill", "Entered"]
    print_table("", columns, rows)


@cli.command
def pending(*, limit: Limit = 50, as_json: Json = False) -> None:
    """What waits for approval, the oldest first."""

    async def main(app: App) -> Page[Queued]:
        return await list_pending(app.db, system_cause(), cursor=None, limit=limit)

    page = with_app(main)
    if as_json:
        print_json([_plain(it) for it in page.items])
        return
    at = system_cause().at
    rows = [
        [str(it.id), it.vendor_id, str(it.amount), it.created_by,
         f"{it.approvals_given} of {it.approvals_needed}", f"{(at - it.created_at).days} days"]
        for it in page.items
    ]  # fmt: skip
    print_table("", ["Payment", "Vendor", "Amount", "Entered by", "Approvals", "Age"], rows)


@cli.command
def show(payment_id: str, *, as_json: Json = False) -> None:
    """One vendor payment: its lines, its approvals, and what became of it."""

    async def main(app: App) -> Details:
        try:
            wanted = PaymentId.parse(payment_id)
        except ValueError as error:
            raise CommandFailed(str(error)) from None
        return await get_details(app.db, system_cause(), payment_id=wanted)

    found = with_app(main)
    if as_json:
        print_json(_plain_details(found))
    else:
        _print(found)


def _print(found: Details) -> None:
    it, contents = found.payment, found.payment.contents
    out.print(f"{it.id}: {it.status}, {contents.amount} to {contents.vendor_id}", markup=False)
    out.print(f"  paid to {found.payout_masked}, entered by {it.created_by}", markup=False)
    for name in ("bill_number", "bill_date", "due_date", "incident_id", "work_order"):
        if (value := getattr(contents, name)) is not None:
            out.print(f"  {name.replace('_', ' ')}: {value}", markup=False)
    out.print(f"  approvals: {len(it.votes)} of {it.approvals_needed}")
    for vote in it.votes:
        out.print(f"    {vote.person}, {vote.at:%Y-%m-%d %H:%M}", markup=False)
    if found.resembled is not None:
        out.print(f"  resembles {found.resembled.id}: {it.override_reason}", markup=False)
    currency = contents.amount.currency
    rows = [
        [line.description, f"{line.quantity:,}", str(Money(line.unit_price_minor, currency))]
        for line in contents.lines
    ]
    print_table("", ["Line", "Quantity", "Price"], rows)
    for step in found.transitions:
        told = f"  {step.at:%Y-%m-%d %H:%M} {step.before} → {step.after}: {step.reason}"
        out.print(told, markup=False)


def _plain(it: Listed | Queued) -> dict[str, Any]:
    told = msgspec.structs.asdict(it)
    amount: Money = told.pop("amount")
    told |= {"amount_minor": amount.minor, "currency": amount.currency, "id": str(it.id)}
    if isinstance(it, Queued):
        return told | {"content_hash": it.content_hash.hex()}
    for name in ("run_id", "replaces"):
        told[name] = None if told[name] is None else str(told[name])
    return told


def _plain_details(found: Details) -> dict[str, Any]:
    it = found.payment
    contents = msgspec.structs.asdict(it.contents)
    amount: Money = contents.pop("amount")
    return contents | {
        "id": str(it.id),
        "status": it.status,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "debit_account_id": str(it.contents.debit_account_id),
        "payout_account": found.payout_masked,
        "content_hash": it.content_hash.hex(),
        "revision": it.revision,
        "created_by": it.created_by,
        "created_at": it.created_at,
        "makers": it.makers,
        "approvals_needed": it.approvals_needed,
        "approvals_given": len(it.votes),
        "votes": [{"person": vote.person, "role": vote.role, "at": vote.at} for vote in it.votes],
        "resembles": None if it.resembles is None else str(it.resembles),
        "transitions": found.transitions,
        "failure_code": it.failure_code,
    }
