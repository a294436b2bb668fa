"""Reports on the command line: as tables, CSV or JSON."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, guarded, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.cause import Cause
from paywright.core.page import Page
from paywright.reporting.ageing import ageing_csv, approval_ageing
from paywright.reporting.costs import incident_costs, incident_costs_csv
from paywright.reporting.csv_lines import decimal
from paywright.reporting.model import Ageing, Cost, Filters, Grouping, Payouts, Spend, band_name
from paywright.reporting.payouts import vendor_payouts, vendor_payouts_csv
from paywright.reporting.period import read_period
from paywright.reporting.spend import payer_type_spend, payer_type_spend_csv
from paywright.wiring import App

T = TypeVar("T")

Since = Annotated[
    str | None, Parameter(name="--from", help="2026-01-31, or a time with an offset. UTC.")
]
Until = Annotated[str | None, Parameter(name="--to", help="The same; itself left out.")]
GroupBy = Annotated[Grouping, Parameter(help="Periods, in UTC; weeks begin on Monday.")]
Vendor = Annotated[str | None, Parameter(help="Only of this vendor.")]
Incident = Annotated[str | None, Parameter(help="Only of this incident.")]
PayerType = Annotated[str | None, Parameter(help="Only of this payer type.")]
Currency = Annotated[str | None, Parameter(help="Only of this currency: EUR.")]
Csv = Annotated[bool, Parameter(name="--csv", negative=(), help="Print CSV, all of it.")]

_ROWS_MAX = 1_000_000
_SHOWN_MAX = 200

cli = Cli(help="See what vendors were paid, what incidents cost, and how long approvals take.")


@cli.command(name="vendor-payouts")
def show_vendor_payouts(
    *,
    since: Since = None,
    until: Until = None,
    group_by: GroupBy = Grouping.MONTH,
    vendor: Vendor = None,
    currency: Currency = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """What vendors were paid, by period, vendor and currency, and what failed."""
    filters = _filters(since, until, vendor_id=vendor, currency=currency)
    if _is_csv(csv, as_json):
        _print_csv(
            lambda app, cause: vendor_payouts_csv(app.db, cause, filters=filters, group_by=group_by)
        )
        return
    page = _asked(
        lambda app, cause: vendor_payouts(
            app.db, cause, filters=filters, group_by=group_by, limit=_ROWS_MAX
        )
    )
    columns = ["Period", "Vendor", "Payments", "Amount", "Failed", "Amount failed"]
    _show(page, columns, _payouts_row, as_json=as_json)


def _payouts_row(it: Payouts) -> list[str]:
    return [
        str(it.period),
        it.vendor_id,
        f"{it.payments:,}",
        _amount(it.amount_minor, it.currency),
        f"{it.failed:,}" if it.failed else "-",
        _amount(it.failed_minor, it.currency) if it.failed else "-",
    ]


@cli.command(name="incident-costs")
def show_incident_costs(
    *,
    since: Since = None,
    until: Until = None,
    currency: Currency = None,
    vendor: Vendor = None,
    incident: Incident = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """What incidents cost, of payments made in the period: the dearest first."""
    filters = _filters(since, until, currency=currency, vendor_id=vendor, incident_id=incident)
    if _is_csv(csv, as_json):
        _print_csv(lambda app, cause: incident_costs_csv(app.db, cause, filters=filters))
        return
    page = _asked(
        lambda app, cause: incident_costs(app.db, cause, filters=filters, limit=_ROWS_MAX)
    )
    columns = ["Incident", "Cost", "Paid", "Open", "Payments", "Vendors"]
    _show(page, columns, _cost_row, as_json=as_json)


def _cost_row(it: Cost) -> list[str]:
    sums = (it.cost_minor, it.paid_minor, it.open_minor)
    amounts = [_amount(minor, it.currency) for minor in sums]
    return [it.incident_id, *amounts, f"{it.payments:,}", f"{it.vendors:,}"]


@cli.command(name="approval-ageing")
def show_approval_ageing(
    *,
    since: Since = None,
    until: Until = None,
    vendor: Vendor = None,
    currency: Currency = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """What waits for approval, by age; and how long it took to approve, in the period."""
    filters = _filters(since, until, vendor_id=vendor, currency=currency)
    is_csv = _is_csv(csv, as_json)
    told = _asked(lambda app, cause: approval_ageing(app.db, cause, filters=filters))
    if is_csv:
        _write(ageing_csv(told))
    elif as_json:
        print_json(_plain_ageing(told))
    else:
        _print_ageing(told)


def _plain_ageing(told: Ageing) -> dict[str, Any]:
    """The oldest payment by its id, and the bands by their names."""
    plain = msgspec.structs.asdict(told)
    plain["waiting"] = [_plain(it) | {"band": band_name(it.band)} for it in told.waiting]
    if told.oldest is not None:
        plain["oldest"] = _plain(told.oldest) | {"id": str(told.oldest.id)}
    return plain


def _print_ageing(told: Ageing) -> None:
    rows = [
        [
            band_name(it.band),
            f"{it.payments:,}",
            _amount(it.amount_minor, it.currency),
            f"{it.oldest_at:%Y-%m-%d %H:%M}",
        ]
        for it in told.waiting
    ]
    if rows:
        print_table("", ["Waiting for", "Payments", "Amount", "Oldest, UTC"], rows)
    else:
        out.print("Nothing waits for approval.")
    if told.oldest is not None:
        amount = _amount(told.oldest.amount_minor, told.oldest.currency)
        out.print(f"The oldest: {told.oldest.id}, {told.oldest.vendor_id}, {amount}.")
    done = told.approved
    if done.median_s is not None and done.p90_s is not None:
        took = f"half within {_span(done.median_s)}, nine of ten within {_span(done.p90_s)}"
        out.print(f"Approved in the period: {done.payments:,}, {took}.")


@cli.command(name="payer-type-spend")
def show_payer_type_spend(
    *,
    since: Since = None,
    until: Until = None,
    group_by: GroupBy = Grouping.MONTH,
    payer_type: PayerType = None,
    currency: Currency = None,
    csv: Csv = False,
    as_json: Json = False,
) -> None:
    """What was paid to vendors in whose name, by period."""
    filters = _filters(since, until, payer_type=payer_type, currency=currency)
    if _is_csv(csv, as_json):
        _print_csv(
            lambda app, cause: payer_type_spend_csv(
                app.db, cause, filters=filters, group_by=group_by
            )
        )
        return
    page = _asked(
        lambda app, cause: payer_type_spend(
            app.db, cause, filters=filters, group_by=group_by, limit=_ROWS_MAX
        )
    )
    _show(page, ["Period", "Payer", "Payments", "Amount"], _spend_row, as_json=as_json)


def _spend_row(it: Spend) -> list[str]:
    amount = _amount(it.amount_minor, it.currency)
    return [str(it.period), it.payer_type, f"{it.payments:,}", amount]


def _filters(since: str | None, until: str | None, **others: str | None) -> Filters:
    begin, end = guarded(lambda: read_period(since, until))
    return Filters(since=begin, until=end, **others)


def _is_csv(csv: bool, as_json: bool) -> bool:
    def checked() -> bool:
        if csv and as_json:
            raise CommandFailed("either --csv or --json")
        return csv

    return guarded(checked)


def _asked(ask: Callable[[App, Cause], Awaitable[T]]) -> T:
    async def main(app: App) -> T:
        return await ask(app, system_cause())

    return with_app(main)


def _print_csv(ask: Callable[[App, Cause], AsyncGenerator[bytes]]) -> None:
    async def main(app: App) -> None:
        async for part in ask(app, system_cause()):
            _write(part)

    with_app(main)


def _write(part: bytes) -> None:
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def _show(
    page: Page[T], columns: Sequence[str], row: Callable[[T], list[str]], *, as_json: bool
) -> None:
    if as_json:
        print_json([_plain(it) for it in page.items])
        return
    if not page.items:
        out.print("Nothing in this period.")
        return
    shown = page.items[:_SHOWN_MAX]
    title = f"The first {len(shown)} of {len(page.items):,}" if len(shown) < len(page.items) else ""
    print_table(title, columns, [row(it) for it in shown])


def _plain(it: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(it)


def _amount(minor: int, currency: str) -> str:
    return f"{decimal(minor, currency)} {currency}"


def _span(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
