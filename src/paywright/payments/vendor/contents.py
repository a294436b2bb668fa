"""The digest that an approval is bound to. Pure."""

import hashlib

import msgspec

from paywright.payments.vendor.model import Contents

_encode = msgspec.json.Encoder().encode


def content_hash(contents: Contents, *, payout_version: int, revision: int) -> bytes:
    """SHA-256 of the contents and of which bank details they are paid to: 32 bytes.

    revision: an edit that is undone brings nothing back that it has voided
    An id is no part of it: a payment that is repeated has the same contents.
    """
    it = contents
    # Each has its place, so that no two contents have the same text.
    fields = (
        *(it.vendor_id, it.amount.minor, it.amount.currency, it.payer_type, it.lines),
        *(str(it.debit_account_id), it.incident_id, it.work_order, it.bill_number, it.bill_date),
        *(it.due_date, it.reference, it.description, sorted(it.metadata.items())),
        *(payout_version, revision),
    )
    return hashlib.sha256(_encode(fields)).digest()
