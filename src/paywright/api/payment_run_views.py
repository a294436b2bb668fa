"""What is told of payment runs over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from paywright.payment_runs.model import Contradiction, PaymentRun, RunMethod, RunStatus, Taken
from paywright.payment_runs.release import Departure
from paywright.payment_runs.views import RunShown
from paywright.payments.model import PaymentStatus


class PaymentRunView(msgspec.Struct, frozen=True, kw_only=True):
    """A payment run.

    `collected`: chosen, and nothing has left; `released`: handed to the providers, or the file was
    taken out; `completed`: nothing of it is open. `payments` and `amount_minor` tell what was
    collected and, from the release on, what has left.
    """

    id: str
    method: RunMethod
    status: RunStatus
    currency: str
    payments: int
    amount_minor: int
    execution_date: date
    message_id: str
    file_sha256: str | None
    created_by: str
    created_at: datetime
    released_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, run: PaymentRun) -> "PaymentRunView":
        return cls(**_plain(run))


class PaymentRunPage(msgspec.Struct, frozen=True):
    items: Sequence[PaymentRunView]
    next_cursor: str | None


class PaymentRunTotal(msgspec.Struct, frozen=True):
    """Payments of a run that have one status, and their sum."""

    status: PaymentStatus
    payments: int
    amount_minor: int


class PaymentOfRun(msgspec.Struct, frozen=True, kw_only=True):
    """How a payment of a run stands."""

    id: str
    vendor_id: str
    status: PaymentStatus
    amount_minor: int
    failure_code: str | None


class UnmatchedLine(msgspec.Struct, frozen=True):
    """A line of a bank's answer that changed nothing, and why: `not_in_run`, `amount_differs`,
    `named_twice`, or `not_booked`: our books refuse it."""

    end_to_end_id: str | None
    status: str | None
    reason: str


class ContradictingLine(msgspec.Struct, frozen=True):
    """What a bank says of a payment that had ended otherwise. It stays as it was."""

    payment_id: str
    our_status: str
    status: str
    reason_code: str | None

    @classmethod
    def of(cls, line: Contradiction) -> "ContradictingLine":
        return cls(**msgspec.structs.asdict(line))


class StatusReportView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a bank's answer, in numbers of payments. `unchanged`: it says what was known.
    `replayed`: the same answer came before, and this is what came of it then."""

    id: str
    run_id: str
    message_id: str
    group_status: str | None
    settled: int
    failed: int
    pending: int
    unchanged: int
    unmatched: Sequence[UnmatchedLine]
    contradicting: Sequence[ContradictingLine]
    received_by: str
    received_at: datetime
    replayed: bool

    @classmethod
    def of(cls, taken: Taken) -> "StatusReportView":
        fields: dict[str, Any] = msgspec.structs.asdict(taken)
        unmatched = [UnmatchedLine(*msgspec.structs.astuple(it)) for it in taken.unmatched]
        against = [ContradictingLine.of(it) for it in taken.contradicting]
        fields |= {"id": str(taken.id), "run_id": str(taken.run_id)}
        fields |= {"unmatched": unmatched, "contradicting": against}
        return cls(**fields)


class PaymentRunShown(PaymentRunView, frozen=True, kw_only=True):
    """A payment run with a page of its payments, the oldest first, and what the bank answered."""

    totals: Sequence[PaymentRunTotal]
    items: Sequence[PaymentOfRun]
    next_cursor: str | None
    status_reports: Sequence[StatusReportView]

    @classmethod
    def of_shown(cls, shown: RunShown) -> "PaymentRunShown":
        totals = [
            PaymentRunTotal(PaymentStatus(it.status), it.payments, it.amount_minor)
            for it in shown.totals
        ]
        items = [
            PaymentOfRun(
                id=str(it.id),
                vendor_id=it.vendor_id,
                status=it.status,
                amount_minor=it.amount.minor,
                failure_code=it.failure_code,
            )
            for it in shown.payments.items
        ]
        return cls(
            **_plain(shown.run),
            totals=totals,
            items=items,
            next_cursor=shown.payments.next_cursor,
            status_reports=[StatusReportView.of(it) for it in shown.reports],
        )


class HeldBackPayment(msgspec.Struct, frozen=True):
    """A payment that did not leave: `vendor_blocked`, `vendor_paused`, or
    `payout_details_changed`."""

    payment_id: str
    reason: str


class DepartureView(PaymentRunView, frozen=True, kw_only=True):
    """A payment run after its release, and what did not leave with it."""

    held_back: Sequence[HeldBackPayment]

    @classmethod
    def of_departure(cls, departure: Departure) -> "DepartureView":
        held_back = [HeldBackPayment(str(it.payment_id), it.reason) for it in departure.held_back]
        return cls(**_plain(departure.run), held_back=held_back)


def _plain(run: PaymentRun) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "method": run.method,
        "status": run.status,
        "currency": run.currency,
        "payments": run.payments,
        "amount_minor": run.amount.minor,
        "execution_date": run.execution_date,
        "message_id": run.message_id,
        "file_sha256": None if run.file_hash is None else run.file_hash.hex(),
        "created_by": run.created_by,
        "created_at": run.created_at,
        "released_at": run.released_at,
        "completed_at": run.completed_at,
    }
