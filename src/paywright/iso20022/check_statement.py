"""Statements: do the entries lead from the opening to the closing balance."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from paywright.core.currencies import EXPONENT
from paywright.core.iban import fault_of
from paywright.iso20022.fields import decimal
from paywright.iso20022.initiations import sums_of, total_of
from paywright.iso20022.model import Amount, Balance, Entry, Finding, Statement

_OPENING = ("OPBD", "PRCD")  # booked: at the start, or at the end of the day before
_CLOSING = "CLBD"
_BOOKED = ("BOOK", None)


def statement_findings(statement: Statement) -> Iterator[Finding]:
    place = f"statement {statement.id or ''}".strip()
    account = statement.account
    if account is not None and account.iban is not None and (fault := fault_of(account.iban)):
        yield Finding("iban", place, f"{account.iban[:40]} {fault}")
    entries = statement.entries
    if statement.count is not None and statement.count != str(len(entries)):
        yield Finding(
            "transaction_count", place,
            f"it says {statement.count[:40]} entries, there are {len(entries)}",
        )  # fmt: skip
    if statement.control_sum is not None:
        added = total_of([sums_of([it.amount for it in entries])])
        if decimal(statement.control_sum) != added:
            yield Finding(
                "control_sum", place,
                f"the sum says {statement.control_sum[:40]}, the entries come to {added:f}",
            )  # fmt: skip
    for it in entries:
        currency = it.amount.currency if it.amount else None
        if it.amount is None or it.amount.value is None or currency not in EXPONENT:
            yield Finding("amount", f"{place}, entry {it.number}", "has no amount that is one")
    yield from _balances(statement, place)


def _balances(statement: Statement, place: str) -> Iterator[Finding]:
    """Only where one opening and one closing balance are told; pages have others."""
    opening = _one(statement.balances, _OPENING)
    closing = _one(statement.balances, (_CLOSING,))
    if opening is None or closing is None:
        return
    booked = [it for it in statement.entries if it.status in _BOOKED]
    expected = total_of([{"": opening}, *({"": _signed(it)} for it in booked)])
    if expected != closing:
        yield Finding(
            "balance", place,
            f"the entries lead from {opening:f} to {expected:f}, the closing balance is "
            f"{closing:f}",
        )  # fmt: skip


def _one(balances: Sequence[Balance], kinds: tuple[str, ...]) -> Decimal | None:
    for kind in kinds:
        found = [it for it in balances if it.kind == kind]
        if len(found) == 1:
            return _signed(found[0])
    return None


def _signed(it: Balance | Entry) -> Decimal:
    amount: Amount | None = it.amount
    value = amount.value if amount is not None and amount.value is not None else Decimal()
    return value.copy_negate() if it.direction == "DBIT" else value
