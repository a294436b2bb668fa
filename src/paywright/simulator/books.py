"""What the simulator really did: in memory and, if asked to, in a file that survives kill -9.

The file holds one JSON document a line, only ever appended. A line is written before its request
is answered, in one call to the system: it outlives the process, though not the machine.
"""

import os
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from paywright.simulator.stripe.accounts import StripeBooks
from paywright.simulator.stripe.entries import Done
from paywright.simulator.webhooks import OutgoingEvent


class Creditor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    country: str
    iban: str | None = None
    account_number: str | None = None
    bank_code: str | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True, tag="payment", tag_field="kind"):
    """A payment that the bank took in, once.

    fingerprint: of the request, to know the same one again
    outcome:     what it comes to; it is only `accepted` before `final_at`
    """

    id: str
    idempotency_key: str
    fingerprint: str
    amount_minor: int
    currency: str
    debtor_reference: str
    creditor: Creditor
    end_to_end_id: str
    description: str
    outcome: Literal["settled", "rejected"]
    reason_code: str | None
    created_at: datetime
    final_at: datetime

    def status(self, at: datetime) -> str:
        return self.outcome if at >= self.final_at else "accepted"


class Check(msgspec.Struct, frozen=True, kw_only=True, tag="check", tag_field="kind"):
    """A KYC check. It is pending before `final_at`, and for good where that is None."""

    id: str
    idempotency_key: str
    fingerprint: str
    customer_reference: str
    name: str
    country: str | None
    birth_date: str | None
    outcome: Literal["verified", "rejected"]
    reason: str | None
    created_at: datetime
    final_at: datetime | None

    def status(self, at: datetime) -> str:
        is_final = self.final_at is not None and at >= self.final_at
        return self.outcome if is_final else "pending"


class Reset(msgspec.Struct, frozen=True, tag="reset", tag_field="kind"):
    """What stands before does not count."""

    at: datetime


class Told(msgspec.Struct, frozen=True, tag="told", tag_field="kind"):
    """An event has arrived, or was dropped on purpose: it is not sent again. id: of the event"""

    id: str


_decode = msgspec.json.Decoder(Payment | Check | Reset | OutgoingEvent | Told | Done).decode


class BooksUnreadable(Exception):
    """The file is not one of ours. The text says where."""


class Books:
    """Payments and checks, each once for its idempotency key.

    file: where to keep them; its lines are read first. None: in memory only.
    Raises BooksUnreadable, and OSError for a file that cannot be opened.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._forget()
        self._descriptor: int | None = None
        if file is not None:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._read(file, self._descriptor)

    def _forget(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.checks: dict[str, Check] = {}
        self._payment_of: dict[str, Payment] = {}
        self._check_of: dict[str, Check] = {}
        self._settled: list[tuple[datetime, str]] = []  # also what is only about to be
        # Events that somebody is to be told and has not heard yet, by id.
        self.untold: dict[str, OutgoingEvent] = {}
        self.stripe = StripeBooks(self._write)

    def payment_of(self, idempotency_key: str) -> Payment | None:
        return self._payment_of.get(idempotency_key)

    def check_of(self, idempotency_key: str) -> Check | None:
        return self._check_of.get(idempotency_key)

    def next_payment_id(self) -> str:
        return f"bank_{len(self.payments) + 1:08}"

    def next_check_id(self) -> str:
        return f"check_{len(self.checks) + 1:08}"

    def settled(self, since: datetime, until: datetime) -> Iterator[Payment]:
        """What was settled in [since, until), in that order."""
        for at in range(bisect_left(self._settled, (since, "")), len(self._settled)):
            final_at, id = self._settled[at]
            if final_at >= until:
                return
            yield self.payments[id]

    def strike_off(self, event_id: str) -> None:
        """The event need not be told any more."""
        if event_id in self.untold:
            told = Told(event_id)
            self._write(told)
            self._keep(told)

    def add(self, entry: Payment | Check | OutgoingEvent) -> None:
        """On file first, then in memory: what was answered is on file."""
        self._write(entry)
        self._keep(entry)

    def reset(self, at: datetime) -> None:
        """Begin empty books. The file keeps what stood there before."""
        self._write(Reset(at))
        self._forget()

    def page(self, *, after: int, limit: int) -> Sequence[Payment]:
        """`limit` payments in the order in which they came, beyond the first `after`."""
        return list(self.payments.values())[after : after + limit]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _keep(self, entry: Payment | Check | Reset | OutgoingEvent | Told | Done) -> None:
        match entry:
            case Payment():
                self.payments[entry.id] = self._payment_of[entry.idempotency_key] = entry
                if entry.outcome == "settled":
                    insort(self._settled, (entry.final_at, entry.id))
            case Check():
                self.checks[entry.id] = self._check_of[entry.idempotency_key] = entry
            case OutgoingEvent():
                self.untold[entry.id] = entry
            case Told():
                self.untold.pop(entry.id, None)
            case Done():
                self.stripe.keep(entry)
            case Reset():
                self._forget()

    def _write(self, entry: Payment | Check | Reset | OutgoingEvent | Told | Done) -> None:
        if self._descriptor is not None:
            line = msgspec.json.encode(entry) + b"\n"
            if os.write(self._descriptor, line) != len(line):
                raise OSError("the books could not be written as a whole line: is the disk full?")

    def _read(self, file: Path, descriptor: int) -> None:
        lines = file.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                self._keep(_decode(line))
            except msgspec.DecodeError as error:
                raise BooksUnreadable(f"{file}, line {number}: {error}") from None
        if half := len(lines[-1]):  # cut short when it was written: never answered either
            os.ftruncate(descriptor, file.stat().st_size - half)
