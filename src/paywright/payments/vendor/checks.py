"""What may be entered as a vendor payment, and what may not. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from paywright.core.errors import Conflict, FieldError, Invalid, Problem
from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import MINOR_MAX, Money
from paywright.ledger.model import HOUSE, Account, AccountKind, AccountStatus
from paywright.payments.charge import ReferenceInUse
from paywright.payments.vendor.model import Contents, Line, Terms
from paywright.payments.vendor.refusals import VendorBlocked
from paywright.vendors.model import Payable, VendorStatus

LINES_MAX = 200
METADATA_MAX = 50  # pairs
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500
LINE_TEXT_MAX = 200
DESCRIPTION_MAX = 500
NUMBER_MAX = 64  # of a bill or a work order
REASON_MAX = 500

# Control characters, and those that turn the direction of what follows: what an approver reads is
# to be what is there. Source: Unicode 16, general category Cc and the property Bidi_Control.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]"
)
_VENDOR = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
# What is paid is owed to somebody, or is spent: a debit makes the one less and the other more.
_KINDS = frozenset((AccountKind.LIABILITY, AccountKind.EXPENSE))


class VendorPaymentInvalid(Invalid):
    """The vendor payment cannot be entered like this.

    `errors` names each field and says what is wrong with it. Nothing was changed, and the key stays
    free.
    """


class PaymentOpen(Conflict):
    """A payment for this incident and this vendor is open already.

    `payment_id` names it. Edit or cancel that one, or wait until it has come to its end.
    """


class Entered(Protocol):
    """What somebody has entered, be it new or edited."""

    @property
    def vendor_id(self) -> str: ...
    @property
    def amount(self) -> Money: ...
    @property
    def payer_type(self) -> str: ...
    @property
    def lines(self) -> tuple[Line, ...]: ...
    @property
    def incident_id(self) -> str | None: ...
    @property
    def work_order(self) -> str | None: ...
    @property
    def bill_number(self) -> str | None: ...
    @property
    def bill_date(self) -> date | None: ...
    @property
    def due_date(self) -> date | None: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


class Background(msgspec.Struct, frozen=True):
    """What is on file of all that a list of payments names.

    defaults:   by currency, the account that is debited where none is named
    references: whose they are; open_for: the open payment of each incident and vendor
    """

    vendors: Mapping[str, Payable]
    accounts: Mapping[AccountId, Account]
    defaults: Mapping[str, AccountId]
    references: Mapping[str, UUID]
    open_for: Mapping[tuple[str, str], UUID]


def wrong_fields(it: Entered, terms: Terms) -> VendorPaymentInvalid | None:
    """All that is wrong with the fields themselves."""
    return _invalid([*_texts(it), *_lines(it), *_dates(it), *_metadata(it), *_payer(it, terms)])


def wrong_parties(
    it: Entered, account_id: AccountId | None, known: Background, *, itself: UUID | None = None
) -> Problem | None:
    """What is wrong with whom it names. account_id: that is debited; itself: of one that is on
    file"""
    vendor = known.vendors.get(it.vendor_id)
    if vendor is not None and vendor.status is VendorStatus.BLOCKED:
        return VendorBlocked.field("vendor_id", f"{it.vendor_id} is blocked")
    faults = []
    if vendor is None:
        faults.append(FieldError("vendor_id", f"{it.vendor_id} is not on file"))
    if (fault := _account(it, account_id, known.accounts)) is not None:
        faults.append(fault)
    if faults:
        return _invalid(faults)
    if it.reference is not None and known.references.get(it.reference, itself) != itself:
        return ReferenceInUse.field("reference", f"{it.reference} is another payment's")
    if it.incident_id is not None:
        other = known.open_for.get((it.incident_id, it.vendor_id), itself)
        if other is not None and other != itself:
            return payment_open(it.incident_id, it.vendor_id, PaymentId.of(other))
    return None


def payment_open(incident_id: str, vendor_id: str, other: PaymentId) -> PaymentOpen:
    return PaymentOpen(f"{other} of {vendor_id} for {incident_id} is open", payment_id=str(other))


def incident_closed(incident_id: str) -> VendorPaymentInvalid:
    return VendorPaymentInvalid.field("incident_id", f"{incident_id} is closed")


def wrong_reason(reason: str, field: str) -> VendorPaymentInvalid | None:
    """Of why somebody wants something nevertheless."""
    wrong = _wrong_text(reason, REASON_MAX)
    return _invalid([FieldError(field, wrong)]) if wrong else None


def due_date_of(it: Entered, vendor: Payable, today: date) -> date | None:
    """As it was entered, else by the vendor's terms: days from the date of the bill."""
    if it.due_date is not None or vendor.terms_days is None:
        return it.due_date
    return (it.bill_date or today) + timedelta(days=vendor.terms_days)


def contents_of(it: Entered, account_id: AccountId, due_date: date | None) -> Contents:
    return Contents(
        vendor_id=it.vendor_id,
        amount=it.amount,
        payer_type=it.payer_type,
        lines=it.lines,
        debit_account_id=account_id,
        incident_id=it.incident_id,
        work_order=it.work_order,
        bill_number=it.bill_number,
        bill_date=it.bill_date,
        due_date=due_date,
        reference=it.reference,
        description=it.description,
        metadata=it.metadata,
    )


def _invalid(faults: list[FieldError]) -> VendorPaymentInvalid | None:
    if not faults:
        return None
    detail = "; ".join(f"{it.field}: {it.message}" for it in faults[:5])
    return VendorPaymentInvalid(detail, errors=faults)


def _texts(it: Entered) -> Iterator[FieldError]:
    for field, value, pattern in (
        ("vendor_id", it.vendor_id, _VENDOR),
        ("incident_id", it.incident_id, _REFERENCE),
        ("reference", it.reference, _REFERENCE),
    ):
        if value is not None and pattern.fullmatch(value) is None:
            allowed = "letters, digits, _ and -" if pattern is _VENDOR else "letters, digits, _.:-"
            yield FieldError(field, f"must have 1 to 64 {allowed}")
    for field, value, longest in (
        ("work_order", it.work_order, NUMBER_MAX),
        ("bill_number", it.bill_number, NUMBER_MAX),
        ("description", it.description, DESCRIPTION_MAX),
    ):
        if value is not None and (wrong := _wrong_text(value, longest)):
            yield FieldError(field, wrong)
    if it.bill_number and not any(map(str.isalnum, it.bill_number)):
        yield FieldError("bill_number", "must have a letter or a digit")


def _wrong_text(value: str, longest: int) -> str:
    """What is wrong with it, or nothing."""
    if not 0 < len(value) <= longest:
        return f"must have 1 to {longest} characters"
    # What is printable has none of them; to look costs three times as much.
    if not value.isprintable() and _UNSEEN.search(value) is not None:
        return "must not have control characters"
    return "must not be blank" if value.isspace() else ""


def _lines(it: Entered) -> Iterator[FieldError]:
    """Sum and limits: DOMAIN, "Vendor payment"."""
    lines, amount = it.lines, it.amount
    if amount.minor <= 0:
        yield FieldError("amount_minor", "must be more than 0")
    if not 0 < len(lines) <= LINES_MAX:
        yield FieldError("lines", f"must be 1 to {LINES_MAX}, not {len(lines)}")
        return
    total, is_sound = 0, True
    for i, line in enumerate(lines):
        if not 1 <= line.quantity <= MINOR_MAX:
            is_sound = False
            yield FieldError(f"lines[{i}].quantity", "must be 1 or more, and at most 2^63 - 1")
        if not 0 <= line.unit_price_minor <= MINOR_MAX:
            is_sound = False
            field = f"lines[{i}].unit_price_minor"
            yield FieldError(field, "must be 0 or more, and at most 2^63 - 1")
        if wrong := _wrong_text(line.description, LINE_TEXT_MAX):
            yield FieldError(f"lines[{i}].description", wrong)
        total += line.quantity * line.unit_price_minor
    if is_sound and total > MINOR_MAX:
        yield FieldError("lines", "come to more than 2^63 - 1")
    elif is_sound and amount.minor > 0 and total != amount.minor:
        told = f"{amount.minor}, but the lines come to {total}"
        yield FieldError("amount_minor", told)


def _dates(it: Entered) -> Iterator[FieldError]:
    for field, value in (("bill_date", it.bill_date), ("due_date", it.due_date)):
        if value is not None and not 1900 <= value.year <= 2999:
            yield FieldError(field, "must be of the years 1900 to 2999")
    if it.bill_date is not None and it.due_date is not None and it.due_date < it.bill_date:
        yield FieldError("due_date", f"is before the date of the bill, {it.bill_date}")


def _metadata(it: Entered) -> Iterator[FieldError]:
    if len(it.metadata) > METADATA_MAX:
        yield FieldError("metadata", f"must be {METADATA_MAX} pairs at most")
        return
    for key, value in it.metadata.items():
        if _wrong_text(key, METADATA_KEY_MAX):
            told = f"a key must have 1 to {METADATA_KEY_MAX} characters, none of them controls"
            yield FieldError("metadata", told)
        elif value and (wrong := _wrong_text(value, METADATA_VALUE_MAX)):
            yield FieldError(f"metadata.{key}", wrong)


def _payer(it: Entered, terms: Terms) -> Iterator[FieldError]:
    if it.payer_type not in terms.payer_types:
        yield FieldError("payer_type", f"must be one of {', '.join(terms.payer_types)}")


def _account(
    it: Entered, account_id: AccountId | None, accounts: Mapping[AccountId, Account]
) -> FieldError | None:
    field, currency = "debit_account_id", it.amount.currency
    if account_id is None:
        return FieldError("currency", f"the books have no account {payable_code(currency)}")
    account = accounts.get(account_id)
    if account is None:
        return FieldError(field, "there is no such account")
    if account.currency != currency:
        return FieldError("currency", f"{currency}, but the account is kept in {account.currency}")
    fault = None
    if account.owner != HOUSE:
        fault = "is not one of our own accounts"
    elif account.status is not AccountStatus.ACTIVE:
        fault = f"is {account.status.value}"
    elif account.kind not in _KINDS:
        fault = f"must be a liability or an expense, not {account.kind.value}"
    return None if fault is None else FieldError(field, fault)


def payable_code(currency: str) -> str:
    """The account that vendors are paid from where no other is named."""
    return f"vendors:payable:{currency}"
