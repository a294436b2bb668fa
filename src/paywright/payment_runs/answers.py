"""What a bank's answer to a file means for the payments in it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.gateway.model import Approved, Declined
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.iso20022.pain002 import PARTLY
from paywright.payment_runs.model import Contradiction, Unmatched
from paywright.payment_runs.names import end_to_end_id, payment_of
from paywright.payments.model import PaymentStatus

# Source: ISO 20022 external code set ExternalPaymentTransactionStatus1Code. CANC: canceled, as we
# or the bank asked for.
_REFUSED = frozenset({"RJCT", "CANC"})
_OPEN = frozenset({PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN})
# Of a payment that was taken back before its run left: it was never in the file.
_STAYED = frozenset({PaymentStatus.CANCELED, PaymentStatus.REJECTED, PaymentStatus.DECLINED})


class Member(Protocol):
    """A payment of a run, as it stands."""

    @property
    def id(self) -> PaymentId: ...
    @property
    def status(self) -> str: ...
    @property
    def amount(self) -> Money: ...


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says.

    decided:   payments that it brings to their end
    pending:   payments that it tells of and does not decide
    unchanged: payments of which it says what was known before
    """

    decided: Sequence[tuple[PaymentId, Approved | Declined]]
    pending: int
    unchanged: int
    unmatched: Sequence[Unmatched]
    contradicting: Sequence[Contradiction]


class _Line(msgspec.Struct, frozen=True):
    payment: Member
    status: str
    reason_code: str | None


def weigh(
    report: StatusReport, payments: Sequence[Member], *, settled: Collection[str]
) -> Findings:
    """Hold what a bank says against the payments of the run that it answers.

    settled: statuses after which a payment counts as made. RJCT and CANC refuse it; every other
    status decides nothing, and neither does what names a payment that is not of the run, or
    another amount than we have asked for.
    """
    lines, unmatched = _lines_of(report, {it.id: it for it in payments if it.status not in _STAYED})
    decided: list[tuple[PaymentId, Approved | Declined]] = []
    contradicting: list[Contradiction] = []
    pending = unchanged = 0
    for line in lines:
        it = line.payment
        is_settled, is_refused = line.status in settled, line.status in _REFUSED
        has_failed = it.status == PaymentStatus.FAILED
        if it.status in _OPEN and is_refused:
            decided.append((it.id, Declined(line.reason_code or line.status)))
        elif it.status in _OPEN and is_settled:
            decided.append((it.id, Approved(end_to_end_id(it.id))))
        elif it.status in _OPEN:
            pending += 1
        elif (is_settled and has_failed) or (is_refused and not has_failed):
            contradicting.append(
                Contradiction(str(it.id), it.status, line.status, line.reason_code)
            )
        else:
            unchanged += 1
    return Findings(
        decided=decided,
        pending=pending,
        unchanged=unchanged,
        unmatched=unmatched,
        contradicting=contradicting,
    )


def _lines_of(
    report: StatusReport, payments: Mapping[PaymentId, Member]
) -> tuple[list[_Line], list[Unmatched]]:
    """What is said of each payment: by its own line or, where it has none, of all together."""
    lines: dict[PaymentId, _Line] = {}
    named: set[PaymentId] = set()
    unmatched: list[Unmatched] = []
    for it in report.transactions:
        payment = _named(it, payments)
        if payment is None:
            unmatched.append(_unmatched(it, "not_in_run"))
        elif payment.id in named:
            unmatched.append(_unmatched(it, "named_twice"))
        elif it.amount is not None and it.amount != payment.amount:
            unmatched.append(_unmatched(it, "amount_differs"))
        else:
            lines[payment.id] = _Line(payment, it.status or PARTLY, it.reason_code)
        if payment is not None:
            named.add(payment.id)
    status, code = _said_of_all(report)
    if status != PARTLY:
        lines |= {it.id: _Line(it, status, code) for it in payments.values() if it.id not in named}
    return list(lines.values()), unmatched


def _said_of_all(report: StatusReport) -> tuple[str, str | None]:
    """Status and reason of the payments that a report does not name.

    What a bank says of the block is said of all: our files have one block each. Source: ISO 20022
    message definition report of pain.002, `GroupStatus`: of the whole group, or else PART.
    """
    for said, reasons in (
        *((it.status, it.reasons) for it in report.payments if len(report.payments) == 1),
        (report.group_status, report.reasons),
    ):
        if said not in (None, PARTLY):
            return said, next((it.code for it in reasons if it.code), None)
    return PARTLY, None


def _named(it: TransactionStatus, payments: Mapping[PaymentId, Member]) -> Member | None:
    named = payment_of(it.end_to_end_id or "")
    return None if named is None else payments.get(named)


def _unmatched(it: TransactionStatus, reason: str) -> Unmatched:
    return Unmatched(it.end_to_end_id, it.status, reason)
