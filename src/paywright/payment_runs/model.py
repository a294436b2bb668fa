"""The nouns of payment runs."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

import msgspec

from paywright.core.ids import PaymentId, RunId, StatusReportId
from paywright.core.money import Money


class RunMethod(StrEnum):
    PROVIDER = "provider"  # each payment is handed to its provider
    FILE = "file"  # a bank is given a pain.001


class RunStatus(StrEnum):
    COLLECTED = "collected"  # chosen, and nothing has left
    RELEASED = "released"  # handed to the providers, or the file was taken out
    COMPLETED = "completed"  # nothing of it is open
    CANCELED = "canceled"


class FileTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays in files for a bank, and what of that bank's answers counts, as settings say.

    debtor_iban:      empty: there are no files
    settled_statuses: of a pain.002, after which a payment counts as made
    """

    debtor_name: str
    debtor_iban: str
    debtor_bic: str | None
    settled_statuses: frozenset[str]


class Debtor(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays in the file of a run, as settings said when the run was made."""

    name: str
    iban: str
    bic: str | None = None


class PaymentRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is on file.

    payments, amount: that were collected; from its release on, those that left
    message_id:       of its file: what the bank's answer refers to
    debtor:           of a file only
    file_hash:        SHA-256 of the file, once it was taken out
    """

    id: RunId
    method: RunMethod
    status: RunStatus
    payments: int
    amount: Money
    execution_date: date
    message_id: str
    created_by: str
    created_at: datetime
    debtor: Debtor | None = None
    file_hash: bytes | None = None
    released_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def currency(self) -> str:
        return self.amount.currency


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """How many payments of a run have a status, and their sum."""

    status: str
    payments: int
    amount_minor: int


class HeldBack(msgspec.Struct, frozen=True):
    """A payment that was collected and could not leave: it is in no run any more."""

    payment_id: PaymentId
    reason: str


class Unmatched(msgspec.Struct, frozen=True):
    """A line of a bank's answer that changed nothing.

    reason: `not_in_run`; `amount_differs`; `named_twice`, of two lines for one payment the later;
            `not_booked`: our books refuse it
    """

    end_to_end_id: str | None
    status: str | None
    reason: str


class Contradiction(msgspec.Struct, frozen=True):
    """What a bank says now of a payment that had come to another end before."""

    payment_id: str
    our_status: str
    status: str
    reason_code: str | None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A bank's answer to the file of a run, and what came of it: numbers of payments.

    settled, failed: because of this answer; pending: it does not decide; unchanged: it says what
                     was known before
    replayed:        the same answer came before, and this is what came of it then
    """

    id: StatusReportId
    run_id: RunId
    message_id: str
    group_status: str | None
    settled: int
    failed: int
    pending: int
    unchanged: int
    unmatched: Sequence[Unmatched]
    contradicting: Sequence[Contradiction]
    received_by: str
    received_at: datetime
    replayed: bool = False
