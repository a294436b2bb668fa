"""What a bank's file says, for people and for machines."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from rich.markup import escape

from paywright.cli.console import out, print_table
from paywright.iso20022.codes import reason_in_words, status_in_words
from paywright.iso20022.model import (
    Account,
    Agent,
    Amount,
    Block,
    Finding,
    Message,
    Party,
    Reason,
    Remittance,
    Statement,
    StatusReport,
    Transaction,
    Weight,
)

_SHOWN_MAX = 50


def plain_message(message: Message, findings: Sequence[Finding]) -> dict[str, Any]:
    """For JSON. Amounts and sums are decimals in text; `minor` is in the currency's units."""
    told = msgspec.structs.asdict(message)
    if message.report is not None:
        told["report"] = _plain_report(message.report)
    errors = any(it.weight is Weight.ERROR for it in findings)
    return told | {"agrees": not errors, "findings": findings}


def _plain_report(report: StatusReport) -> dict[str, Any]:
    told = msgspec.structs.asdict(report)
    return told | {
        "group_status_meaning": status_in_words(report.group_status),
        "reasons": [_plain_reason(it) for it in report.reasons],
        "concerns_all": _concerns_all(report),
        "payments": [
            msgspec.structs.asdict(it)
            | {
                "status_meaning": status_in_words(it.status),
                "reasons": [_plain_reason(why) for why in it.reasons],
            }
            for it in report.payments
        ],
        "transactions": [
            msgspec.structs.asdict(it)
            | {
                "status_meaning": status_in_words(it.status),
                "reasons": [_plain_reason(why) for why in it.reasons],
            }
            for it in report.transactions
        ],
    }


def _plain_reason(it: Reason) -> dict[str, str | None]:
    return {"code": it.code, "meaning": reason_in_words(it.code), "text": it.text}


def _concerns_all(report: StatusReport) -> bool:
    """It names no payment: what it says of the message is said of all of them."""
    return not report.transactions and not report.payments


def print_message(message: Message, findings: Sequence[Finding]) -> None:
    _line(f"{message.name}: {message.title}")
    business = ", ".join(f"{name} {it}" for name, it in message.business.items())
    if business:
        _line(f"Business header: {business}")
    sides = [message.instructing_agent, message.instructed_agent]
    pairs = {
        "Message": message.id,
        "created": message.created_at,
        "by": _party(message.initiating_party),
        "from": _agent(sides[0]),
        "to": _agent(sides[1]),
    }
    _line(_pairs(pairs))
    if message.report is not None:
        _print_report(message.report)
    for block in message.blocks:
        _print_block(block)
    for statement in message.statements:
        _print_statement(statement)
    if message.report is None:
        what = "Entries" if message.statements else "Transactions"
        _line(f"{what}: {message.counted:,}, in all {_sums(message.sums)}")
    _print_findings(findings)


def _print_block(block: Block) -> None:
    if block.id is not None:
        debtor, creditor = _party(block.debtor), _party(block.creditor)
        account = block.debtor_account or block.creditor_account
        _line("")
        _line(
            _pairs(
                {
                    "Block": block.id,
                    "method": block.method,
                    "on": block.date,
                    "debtor": debtor,
                    "creditor": creditor,
                    "account": _account(account),
                    "at": _agent(block.debtor_agent or block.creditor_agent),
                    "service": block.service_level,
                    "instrument": block.local_instrument,
                    "sequence": block.sequence_type,
                    "purpose": block.category_purpose,
                    "charges": block.charge_bearer,
                    "transactions": f"{block.counted:,}",
                    "sum": _sums(block.sums),
                }
            )
        )
    shown = block.transactions[:_SHOWN_MAX]
    title = f"The first {len(shown)}" if len(block.transactions) > len(shown) else ""
    other = "Debtor" if block.creditor is not None else "Creditor"
    columns = ["", "End-to-end id", "Amount", other, "Account", "Bank", "Remittance"]
    rows = [_row(it, collects=block.creditor is not None) for it in shown]
    _table(title, columns, rows)


def _row(it: Transaction, *, collects: bool) -> list[str]:
    party, account, agent = (
        (it.debtor, it.debtor_account, it.debtor_agent)
        if collects
        else (it.creditor, it.creditor_account, it.creditor_agent)
    )
    ids = {"": it.end_to_end_id, "instruction": it.instruction_id, "UETR": it.uetr}
    told = {"": _remittance(it.remittance), "purpose": it.purpose, "mandate": it.mandate_id}
    return [
        str(it.number),
        _pairs(ids),
        _amount(it.amount),
        _party(party) or "-",
        _account(account) or "-",
        _agent(agent) or "-",
        _pairs(told),
    ]


def _print_report(report: StatusReport) -> None:
    named = f" ({report.message_name})" if report.message_name else ""
    _line(f"Answers the message {report.message_id}{named}")
    if report.group_status is not None or report.reasons:
        whom = "all its payments" if _concerns_all(report) else "the message"
        _line(f"{whom}: {status_in_words(report.group_status)}{_because(report.reasons)}")
    for it in report.payments:
        status = status_in_words(it.status)
        _line(f"block {it.payment_id}: {status}{_because(it.reasons)}")
    shown = report.transactions[:_SHOWN_MAX]
    title = f"The first {len(shown)}" if len(report.transactions) > len(shown) else ""
    rows = [
        [
            it.end_to_end_id or it.transaction_id or it.instruction_id or "-",
            status_in_words(it.status),
            _because(it.reasons).removeprefix(": "),
            "-" if it.amount is None else str(it.amount),
        ]
        for it in shown
    ]
    _table(title, ["End-to-end id", "Status", "Reason", "Amount"], rows)


def _because(reasons: Sequence[Reason]) -> str:
    told = [
        ", ".join(it for it in (why.code and reason_in_words(why.code), why.text) if it)
        for why in reasons
    ]
    return f": {'; '.join(told)}" if told else ""


def _print_statement(it: Statement) -> None:
    _line("")
    pairs = {
        "Statement": it.id,
        "account": _account(it.account),
        "owner": it.owner,
        "at": _agent(it.servicer),
        "from": it.since,
        "to": it.until,
    }
    _line(_pairs(pairs))
    for balance in it.balances:
        amount = _amount(balance.amount)
        _line(f"  {balance.kind or '?'} {balance.date or ''}: {balance.direction or ''} {amount}")
    shown = it.entries[:_SHOWN_MAX]
    title = f"The first {len(shown)}" if len(it.entries) > len(shown) else ""
    rows = [
        [
            str(entry.number),
            entry.booked_on or "-",
            f"{entry.direction or ''} {_amount(entry.amount)}",
            entry.status or "-",
            ", ".join((*entry.end_to_end_ids, *entry.parties, *entry.remittance)),
        ]
        for entry in shown
    ]
    _table(title, ["", "Booked", "Amount", "Status", "About"], rows)


def _print_findings(findings: Sequence[Finding]) -> None:
    for it in findings:
        out.print("[yellow]![/]" if it.weight is Weight.NOTICE else "[bold red]✗[/]", end=" ")
        _line(f"{it.place}: {it.message}")
    if not any(it.weight is Weight.ERROR for it in findings):
        out.print("[green]✓[/] Everything agrees.")


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        print_table(title, columns, [[escape(_visible(it)) for it in row] for row in rows])


def _line(text: str) -> None:
    out.print(_visible(text), markup=False, soft_wrap=True)


def _visible(text: str) -> str:
    """A file may come from anybody: nothing in it steers the terminal."""
    return "".join(it if it.isprintable() else "·" for it in text)


def _pairs(pairs: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {it}".strip() for name, it in pairs.items() if it)


def _party(it: Party | None) -> str:
    if it is None:
        return ""
    return ", ".join(found for found in (it.name or "/".join(it.ids), it.country) if found)


def _account(it: Account | None) -> str:
    if it is None:
        return ""
    number = it.iban or f"{it.scheme or ''} {it.number}".strip()
    return f"{number} {it.currency}" if it.currency else number


def _agent(it: Agent | None) -> str:
    if it is None:
        return ""
    member = f"{it.clearing_system or ''} {it.member_id}".strip() if it.member_id else None
    return " ".join(found for found in (it.bic, member) if found) or it.name or it.other or ""


def _amount(it: Amount | None) -> str:
    return "-" if it is None else f"{it.written} {it.currency or '?'}"


def _remittance(it: Remittance | None) -> str:
    if it is None:
        return ""
    return ", ".join((*it.unstructured, *it.references, *it.documents))


def _sums(sums: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{it:f} {currency}" for currency, it in sums.items()) or "nothing"
