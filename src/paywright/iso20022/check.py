"""What in a file does not agree with itself, or with the rules for all such files."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from paywright.core.currencies import EXPONENT
from paywright.core.iban import fault_of
from paywright.iso20022.check_statement import statement_findings
from paywright.iso20022.check_text import sepa_findings
from paywright.iso20022.fields import decimal
from paywright.iso20022.initiations import total_of
from paywright.iso20022.model import (
    Account,
    Amount,
    Block,
    Finding,
    Message,
    StatusReport,
    Transaction,
)
from paywright.iso20022.wording import creditor_reference, looks_like_reference

# Of messages that ask for payments. Others may tell of one payment twice.
_ASKING = frozenset({"pain.001", "pain.008", "pacs.003", "pacs.008", "pacs.009"})
# What stands where a payer gave no end-to-end id; it is no id.
_NO_ID = "NOTPROVIDED"
_SHOWN_MAX = 20  # places of one finding that are named


def findings_of(message: Message) -> list[Finding]:
    """In the order of the file: the message, each block, each of its transactions."""
    found = list(_counts(message))
    found += _clocks(message)
    for at, block in enumerate(message.blocks, 1):
        place = f"block {block.id or at}" if block.id or len(message.blocks) > 1 else "message"
        found += _block(block, place, message.created_at)
        for it in block.transactions:
            found += _transaction(it, block, asking=message.kind in _ASKING)
    if message.kind in _ASKING:
        found += _repeated(message)
    for statement in message.statements:
        found += statement_findings(statement)
    if message.report is not None:
        found += _report(message.report)
    return found


def _counts(message: Message) -> Iterator[Finding]:
    if message.id is None:
        yield Finding("missing", "message", "there is no message id")
    sums = message.sums
    if message.report is None and not message.statements:
        yield from declared(
            "message", message.count, message.counted, message.control_sum, total_of([sums])
        )
    total = message.total
    if total is not None:
        yield from _amount(total, "message, total")
        added = sums.get(total.currency or "", Decimal())
        if total.value is not None and total.value != added:
            yield Finding(
                "control_sum", "message",
                f"the total says {total.written} {total.currency}, "
                f"the transactions come to {added:f}",
            )  # fmt: skip


def declared(
    place: str, count: str | None, counted: int, control_sum: str | None, added: Decimal
) -> Iterator[Finding]:
    """Numbers and sums that are declared, and what they really are."""
    if count is not None and (not count.isdecimal() or int(count[:20]) != counted):
        yield Finding(
            "transaction_count", place, f"it says {count[:40]} transactions, there are {counted}"
        )
    if control_sum is not None and decimal(control_sum) != added:
        yield Finding(
            "control_sum",
            place,
            f"the control sum says {control_sum[:40]}, the transactions come to {added:f}",
        )


def _clocks(message: Message) -> Iterator[Finding]:
    if message.created_at is not None and _moment(message.created_at) is None:
        yield Finding("date", "message", f"created at {message.created_at[:40]}: not a time")


def _block(block: Block, place: str, created_at: str | None) -> Iterator[Finding]:
    added = total_of([block.sums])
    yield from declared(place, block.count, block.counted, block.control_sum, added)
    for side, account in (("debtor", block.debtor_account), ("creditor", block.creditor_account)):
        yield from _account(account, f"{place}, {side}")
    if block.date is not None:
        wanted, created = _day(block.date), _created_on(created_at)
        if wanted is None:
            yield Finding("date", place, f"{block.date[:40]} is not a date")
        elif created is not None and wanted < created:
            yield Finding(
                "execution_date", place, f"{wanted} is before the message was made, {created}"
            )
    yield from sepa_findings(block, place)


def _transaction(it: Transaction, block: Block, *, asking: bool) -> Iterator[Finding]:
    place = f"transaction {it.number}"
    if it.end_to_end_id is not None:
        place += f" ({it.end_to_end_id[:40]})"
    elif asking:
        yield Finding("missing", place, "there is no end-to-end id")
    if it.amount is not None:
        yield from _amount(it.amount, place)
    elif asking:
        yield Finding("missing", place, "there is no amount")
    yield from _account(it.creditor_account, f"{place}, creditor")
    yield from _account(it.debtor_account, f"{place}, debtor")
    for reference in it.remittance.references if it.remittance else ():
        if looks_like_reference(reference) and creditor_reference(reference) is None:
            yield Finding(
                "creditor_reference", place,
                f"{reference[:40]} has check digits that do not fit (ISO 11649)",
            )  # fmt: skip
    yield from sepa_findings(it, place, block.service_level)


def _amount(amount: Amount, place: str) -> Iterator[Finding]:
    written, currency = amount.written[:40], amount.currency
    if amount.value is None:
        yield Finding("amount", place, f"{written} is not a decimal number")
    elif amount.value <= 0:
        yield Finding("amount", place, f"{written} is not more than zero")
    if currency not in EXPONENT:
        yield Finding("currency", place, f"{(currency or 'none')[:10]} is not a currency")
    elif amount.value is not None:
        digits = len(written.partition(".")[2])
        if digits > EXPONENT[currency]:
            yield Finding(
                "decimals", place,
                f"{written} has {digits} decimals, {currency} has {EXPONENT[currency]}",
            )  # fmt: skip


def _account(account: Account | None, place: str) -> Iterator[Finding]:
    if account is not None and account.iban is not None:
        iban = "".join(account.iban.split()).upper()
        if fault := fault_of(iban):
            yield Finding("iban", place, f"{iban[:40]} {fault}")
    if account is not None and account.currency not in (None, *EXPONENT):
        yield Finding("currency", place, f"{account.currency} is not a currency")


def _repeated(message: Message) -> Iterator[Finding]:
    ids = Counter(
        it.end_to_end_id
        for block in message.blocks
        for it in block.transactions
        if it.end_to_end_id not in (None, _NO_ID)
    )
    twice = {name for name, count in ids.items() if count > 1}
    if twice:
        places: dict[str, list[int]] = {}
        for block in message.blocks:
            for it in block.transactions:
                if it.end_to_end_id in twice:
                    places.setdefault(it.end_to_end_id or "", []).append(it.number)
        for name, numbers in places.items():
            shown = ", ".join(map(str, numbers[:_SHOWN_MAX]))
            more = ", …" if len(numbers) > _SHOWN_MAX else ""
            yield Finding(
                "duplicate_end_to_end_id", f"transactions {shown}{more}",
                f"{name[:40]} is the end-to-end id of {len(numbers)}",
            )  # fmt: skip
    blocks = Counter(it.id for it in message.blocks if it.id is not None)
    for name, count in blocks.items():
        if count > 1:
            yield Finding("duplicate_block_id", "message", f"{count} blocks have the id {name}")


def _report(report: StatusReport) -> Iterator[Finding]:
    named = Counter(it.payment_id for it in report.transactions)
    for it in report.payments:
        inside = named[it.payment_id]
        if it.count is not None and it.count.isdecimal() and int(it.count[:20]) < inside:
            yield Finding(
                "transaction_count", f"block {it.payment_id}",
                f"it says {it.count} transactions, {inside} are named",
            )  # fmt: skip
    if report.group_status is None and not report.payments and not report.transactions:
        yield Finding("missing", "message", "there is no status in it")


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def _day(written: str) -> date | None:
    """A date may have an offset behind it, or a time."""
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        return None


def _created_on(written: str | None) -> date | None:
    """The day on which the file was made, where it was made. An offset says how to reckon, not
    where that was: then it is the earliest day that it can have been anywhere."""
    made = _moment(written) if written is not None else None
    if made is None or made.tzinfo is None:
        return None if made is None else made.date()
    return (made.astimezone(UTC) - timedelta(hours=12)).date()
