"""The event `WorkCompleted`: work for an incident is done, and its vendor is to be paid. Pure."""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256

import msgspec

from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Invalid
from paywright.core.ids import AccountId
from paywright.core.money import MINOR_MAX, Money
from paywright.payments.vendor.create import NewPayment
from paywright.payments.vendor.model import Line

TYPE = "WorkCompleted"
SCOPE = "work_completed"
_KEY_MAX = 255  # of an idempotency key


class WorkInvalid(Invalid):
    """The data of the event `WorkCompleted` makes no sense.

    `errors` names the field. Nothing was changed: the event may be sent again, corrected.
    """


class WorkCompleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The data of the event. 1 to 200 lines, whose quantities times prices come to the amount, in
    minor units. Without `debit_account_id` it is paid from `vendors:payable:{currency}`, without
    `due_date` it is due by the vendor's terms."""

    vendor_id: str
    incident_id: str
    amount_minor: int
    currency: str
    payer_type: str
    lines: tuple[Line, ...]
    debit_account_id: str | None = None
    work_order: str | None = None
    bill_number: str | None = None
    bill_date: date | None = None
    due_date: date | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = {}


def is_work_completed(event_type: str) -> bool:
    """`WorkCompleted`, also with the sender's domain before it: `com.example.WorkCompleted`."""
    return event_type == TYPE or event_type.endswith(f".{TYPE}")


def payment_for(cause: Cause, *, source: str, event_id: str, data: WorkCompleted) -> NewPayment:
    """The payment that an event asks for. Source and id of it are added to the metadata.

    An event cannot say that a bill is another one than that which it resembles: a person does that.
    Raises WorkInvalid for what is no amount, no currency or no id; the rest is checked where
    payments are entered.
    """
    if data.currency not in EXPONENT:
        raise WorkInvalid.field("currency", f"{data.currency[:10]!r} is no currency of ISO 4217")
    if not 0 < data.amount_minor <= MINOR_MAX:
        raise WorkInvalid.field("amount_minor", "must be from 1 to 2^63 - 1")
    return NewPayment(
        cause=cause,
        scope=SCOPE,
        key=key_of(source, event_id),
        vendor_id=data.vendor_id,
        amount=Money(data.amount_minor, data.currency),
        payer_type=data.payer_type,
        lines=data.lines,
        debit_account_id=_account_id(data.debit_account_id),
        incident_id=data.incident_id,
        work_order=data.work_order,
        bill_number=data.bill_number,
        bill_date=data.bill_date,
        due_date=data.due_date,
        reference=data.reference,
        description=data.description,
        metadata={**data.metadata, "event_source": source, "event_id": event_id},
    )


def key_of(source: str, event_id: str) -> str:
    """What is the same for an event that is sent again: its source and id, and nothing else.

    Source: CloudEvents 1.0.2, "id": producers make sure that the two together are unique. A source
    has no space in it, so that no two pairs have one key.
    """
    key = f"{source} {event_id}"
    return key if len(key) <= _KEY_MAX else sha256(key.encode()).hexdigest()


def _account_id(text: str | None) -> AccountId | None:
    try:
        return None if text is None else AccountId.parse(text)
    except ValueError:
        raise WorkInvalid.field("debit_account_id", "is no id of an account") from None
