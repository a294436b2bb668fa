"""What an approval is bound to is all that an approver looks at."""

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from tests.builders import eur

from paywright.core.ids import AccountId
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.model import Contents, Line

_NOON = datetime.fromisoformat("2026-11-20T12:00:00Z")
_BILL = Contents(
    vendor_id="nordlicht",
    amount=eur(12_000),
    payer_type="driver",
    lines=(Line("Repair", 1, 12_000),),
    debit_account_id=AccountId.new(_NOON),
)
_OTHERS: dict[str, Any] = {
    "vendor_id": "steinweg",
    "amount": eur(12_001),
    "payer_type": "carrier",
    "lines": (Line("Repair", 2, 6_000),),
    "debit_account_id": AccountId.new(_NOON),
    "incident_id": "INC-1",
    "work_order": "W-1",
    "bill_number": "B-1",
    "bill_date": date(2026, 11, 1),
    "due_date": date(2026, 11, 1),
    "reference": "B-1",
    "description": "B-1",
    "metadata": {"B-1": "B-1"},
}


def digest(contents: Contents, *, payout_version: int = 1, revision: int = 1) -> bytes:
    return content_hash(contents, payout_version=payout_version, revision=revision)


@pytest.mark.parametrize("field", Contents.__struct_fields__)
def test_whatever_is_changed_of_the_contents_changes_the_hash(field: str) -> None:
    other = msgspec.structs.replace(_BILL, **{field: _OTHERS[field]})
    assert digest(other) != digest(_BILL)


def test_no_two_fields_stand_for_each_other() -> None:
    changed = [msgspec.structs.replace(_BILL, **{it: _OTHERS[it]}) for it in _OTHERS]
    assert len({digest(it) for it in changed}) == len(changed)


def test_other_bank_details_and_every_edit_change_the_hash() -> None:
    hashes = {
        digest(_BILL),
        digest(_BILL, payout_version=2),
        digest(_BILL, revision=2),
        digest(_BILL, payout_version=2, revision=2),
    }
    assert len(hashes) == 4


def test_the_order_of_metadata_says_nothing() -> None:
    one = msgspec.structs.replace(_BILL, metadata={"a": "1", "b": "2"})
    two = msgspec.structs.replace(_BILL, metadata={"b": "2", "a": "1"})
    assert digest(one) == digest(two)
