"""What a vendor is to be paid, as somebody enters it. Pure."""

from collections.abc import Mapping
from datetime import date

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.core.money import Money
from paywright.idempotency import Claim
from paywright.idempotency.model import quick_fingerprint
from paywright.payments.vendor.model import Line
from paywright.payments.vendor.overriding import Override

SCOPE = "vendor_payments.create"


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor is to be paid, and for what.

    debit_account_id: of our own, that it is paid from; None: `vendors:payable:{currency}`
    due_date:         None: by the vendor's terms
    override:         the bill that it resembles, and why it is another one
    scope:            of the key: of different callers, the same key stands for different requests
    """

    cause: Cause
    key: str
    vendor_id: str
    amount: Money
    payer_type: str
    lines: tuple[Line, ...]
    debit_account_id: AccountId | None = None
    incident_id: str | None = None
    work_order: str | None = None
    bill_number: str | None = None
    bill_date: date | None = None
    due_date: date | None = None
    reference: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = {}
    override: Override | None = None
    scope: str = SCOPE

    @property
    def claim(self) -> Claim:
        asked = {
            "amount_minor": self.amount.minor,
            "bill_date": self.bill_date,
            "bill_number": self.bill_number,
            "currency": self.amount.currency,
            "debit_account_id": self.debit_account_id,
            "description": self.description,
            "due_date": self.due_date,
            "incident_id": self.incident_id,
            "lines": self.lines,
            "metadata": sorted(self.metadata.items()),
            "override": self.override and [str(self.override.resembles), self.override.reason],
            "payer_type": self.payer_type,
            "reference": self.reference,
            "vendor_id": self.vendor_id,
            "work_order": self.work_order,
        }
        return Claim(self.scope, self.key, *quick_fingerprint(asked))
