"""Show ledger accounts and reports on a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.markup import escape

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.ledger_files import Result
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx
from paywright.ledger import accounts_store, running_store
from paywright.ledger.chart import ChartAccount, Ensured
from paywright.ledger.holds import list_open_holds
from paywright.ledger.model import Account, Hold
from paywright.ledger.statement import check_range
from paywright.ledger.statement_store import Entry, entries
from paywright.ledger.verify import Report
from paywright.ledger.views import find

_HOLDS_MAX = 50  # open holds that are shown


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An account, the first of its open holds, and its newest entries, newest first."""

    account: Account
    holds: Sequence[Hold]
    has_more_holds: bool
    entries: Sequence[Entry]


async def look_up(
    db: Database,
    cause: Cause,
    *,
    name: str,
    since: datetime | None,
    until: datetime | None,
    with_holds: bool,
    limit: int,
) -> Shown:
    """By id or code. Raises CommandFailed, NoSuchAccount, RangeInvalid."""
    check_range(since, until)
    async with db.snapshot() as tx:
        account_id = await _id_of(tx, name)
        account = await find(tx, account_id)
        newest = await running_store.newest_since(
            tx, account_id, until=until, with_holds=with_holds, limit=limit
        )
        start = max((it for it in (since, newest) if it is not None), default=None)
        found = await entries(
            tx, account, since=start, until=until, with_holds=with_holds, limit=limit
        )
    holds = await list_open_holds(db, cause, account_id=account_id, cursor=None, limit=_HOLDS_MAX)
    return Shown(
        account=account,
        holds=holds.items,
        has_more_holds=holds.next_cursor is not None,
        entries=found[::-1],
    )


async def _id_of(tx: Tx, name: str) -> AccountId:
    try:
        return AccountId.parse(name)
    except ValueError:
        ids = {} if "\0" in name else await accounts_store.ids_by_code(tx, [name])
    if name not in ids:
        raise CommandFailed(f"there is no account {name}; give its code, or its id, acc_…")
    return ids[name]


def decimal(minor: int, currency: str) -> str:
    """`10.99`: what is not a known currency, or too large for one account, in minor units."""
    try:
        return str(Money(minor, currency)).removesuffix(f" {currency}")
    except ValueError:
        return f"{minor} minor units"


def plain_account(shown: Shown) -> dict[str, Any]:
    """The same for machines."""
    account, code = shown.account, shown.account.currency
    balances = account.balances()
    return {
        **{key: _text(value) for key, value in msgspec.structs.asdict(account).items()},
        "balance_minor": balances.balance,
        "balance": decimal(balances.balance, code),
        "available_minor": balances.available,
        "available": decimal(balances.available, code),
        "open_holds": [
            {
                "id": str(hold.transfer.id),
                "debit_account_id": str(hold.transfer.debit_account_id),
                "credit_account_id": str(hold.transfer.credit_account_id),
                "amount_minor": hold.transfer.amount_minor,
                "amount": decimal(hold.transfer.amount_minor, code),
                "created_at": hold.transfer.created_at,
                "expires_at": hold.transfer.expires_at,
            }
            for hold in shown.holds
        ],
        "has_more_open_holds": shown.has_more_holds,
        "entries": [_plain_entry(entry, code) for entry in shown.entries],
    }


def _plain_entry(entry: Entry, currency: str) -> dict[str, Any]:
    """Each amount twice, as elsewhere: an integer, and a decimal."""
    told: dict[str, Any] = {}
    for key, value in msgspec.structs.asdict(entry).items():
        if isinstance(value, int):
            told |= {f"{key}_minor": value, key: decimal(value, currency)}
        else:
            told[key] = _text(value)
    return told


def _text(value: object) -> object:
    return str(value) if hasattr(value, "prefix") else value


def print_account(shown: Shown) -> None:
    account, code = shown.account, shown.account.currency
    balances = account.balances()
    limit = "may go below zero" if account.may_go_negative else "never below zero"
    out.print(f"[bold]{escape(account.code or str(account.id))}[/]  {escape(account.name)}")
    out.print(f"{account.id}, {account.kind} of {account.owner}, {account.status}, {limit}")
    out.print(
        f"balance [bold]{decimal(balances.balance, code)} {code}[/], "
        f"available [bold]{decimal(balances.available, code)} {code}[/]"
    )
    if shown.holds:
        rows = [_hold_row(hold, account) for hold in shown.holds]
        columns = ["Open hold", "Of", "For", "Amount", "Expires (UTC)"]
        out.print()
        print_table("", columns, rows)
        if shown.has_more_holds:
            out.print(f"… and more than these {len(rows)}.")
    out.print()
    if not shown.entries:
        out.print("No entries.")
        return
    columns = ["At (UTC)", "Kind", "Change", "Balance", "Available", "With", "Description"]
    print_table("", columns, [_entry_row(entry, code) for entry in shown.entries])


def _hold_row(hold: Hold, account: Account) -> list[str]:
    it = hold.transfer
    names = ["this" if i == account.id else str(i) for i in (it.debit_account_id,
                                                             it.credit_account_id)]  # fmt: skip
    expires = "" if it.expires_at is None else f"{it.expires_at:%Y-%m-%d %H:%M:%S}"
    return [str(it.id), *names, decimal(it.amount_minor, it.currency), expires]


def _entry_row(entry: Entry, currency: str) -> list[str]:
    change = decimal(entry.change, currency)
    if entry.change == 0:
        change = f"({decimal(entry.amount, currency)})"  # held, or no longer
    return [
        f"{entry.created_at:%Y-%m-%d %H:%M:%S}",
        entry.kind.value,
        f"+{change}" if entry.change > 0 else change,
        decimal(entry.balance, currency),
        decimal(entry.available, currency),
        str(entry.counterparty_account_id),
        escape(entry.description or ""),
    ]


def print_report(report: Report, *, seconds: float) -> None:
    rows = [
        [
            check.invariant,
            "[green]holds[/]" if not check.broken else f"[red]{check.broken} broken[/]",
        ]
        for check in report.checks
    ]
    print_table("", ["Check", "Result"], rows)
    out.print()
    sums = [
        [it.currency, str(it.accounts), decimal(it.debits_posted, it.currency),
         decimal(it.credits_posted, it.currency), decimal(it.debits_pending, it.currency)]
        for it in report.currencies
    ]  # fmt: skip
    print_table("", ["Currency", "Accounts", "Debits", "Credits", "On hold"], sums)
    out.print(
        f"\n{report.accounts:,} accounts, {report.movements:,} movements, {report.holds:,} holds "
        f"({report.open_holds:,} open), in {seconds:.1f} s."
    )
    for check in report.checks:
        if check.broken:
            some = f"the first {len(check.rows)} of " if check.broken > len(check.rows) else ""
            out.print(f"\n[red]✗ {check.invariant}[/]: not so, {some}{check.broken}")
            for row in check.rows:
                text = ", ".join(
                    f"{name} {value}" for name, value in row.items() if value is not None
                )
                out.print(f"  {escape(text)}", soft_wrap=True)


def print_chart(accounts: Sequence[ChartAccount], ensured: Ensured | None) -> None:
    states = {}
    if ensured is not None:
        states = dict.fromkeys(ensured.opened, "opened") | dict.fromkeys(ensured.kept, "was there")
        states |= {code: f"differs in {', '.join(it)}" for code, it in ensured.differ.items()}
    rows = [
        [it.code, it.name, it.kind.value, "may" if it.may_go_negative else "never"]
        + ([states[it.code]] if ensured is not None else [])
        for it in accounts
    ]
    columns = ["Code", "Name", "Kind", "Below zero", "Now"]
    print_table("", columns if ensured is not None else columns[:-1], rows)


def print_failure(result: Result) -> None:
    name = " ".join(it for it in (result.type, result.key or result.code) if it)
    field = f"{result.field}: " if result.field else ""
    told = f"line {result.line}  {name}  {result.result}  {field}{result.detail or ''}"
    out.print(told, markup=False, soft_wrap=True)


def print_summary(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"summary": summary})
        return
    rows = [[name, f"{count:,}"] for name, count in summary["results"].items()]
    title = "What would happen" if summary["dry_run"] else ""
    print_table(title, ["Result", "Lines"], [*rows, ["all", f"{summary['lines']:,}"]])
