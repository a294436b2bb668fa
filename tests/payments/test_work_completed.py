"""What the event WorkCompleted asks for."""

from typing import Any

import pytest
from tests.builders import a_cause, eur

from paywright.core.ids import AccountId
from paywright.payments.vendor.create import NewPayment
from paywright.payments.vendor.model import Line
from paywright.payments.vendor.work_completed import (
    WorkCompleted,
    WorkInvalid,
    is_work_completed,
    key_of,
    payment_for,
)


def asked(**changes: Any) -> NewPayment:
    data = {
        "vendor_id": "ven_kranz",
        "incident_id": "inc_1",
        "amount_minor": 12_000,
        "currency": "EUR",
        "payer_type": "driver",
        "lines": (Line("Towing", 1, 12_000),),
    }
    work = WorkCompleted(**data | changes)
    return payment_for(a_cause(), source="/dispatch", event_id="evt-1", data=work)


def test_the_type_may_have_a_domain_before_it() -> None:
    for known in ("WorkCompleted", "com.example.WorkCompleted"):
        assert is_work_completed(known)
    for other in ("", "workcompleted", "NotWorkCompleted", "WorkCompleted.v2", "com/WorkCompleted"):
        assert not is_work_completed(other)


def test_a_payment_says_which_event_asked_for_it() -> None:
    payment = asked(metadata={"crew": "7", "event_id": "somebody else's"})
    assert payment.amount == eur(12_000)
    assert payment.metadata == {"crew": "7", "event_source": "/dispatch", "event_id": "evt-1"}
    assert (payment.scope, payment.key) == ("work_completed", "/dispatch evt-1")
    assert payment.override is None


def test_keys_of_two_events_are_two_however_long() -> None:
    pairs = [
        ("/a", "b c"), ("/a%20b", "c"), ("/a", "b"), ("/", "ab"),
        ("/" + "s" * 499, "i"), ("/" + "s" * 498, "si"), ("/" + "s" * 300, "i" * 255),
    ]  # fmt: skip
    keys = [key_of(*pair) for pair in pairs]
    assert len(set(keys)) == len(pairs)
    assert all(len(it) <= 255 for it in keys)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"amount_minor": 0}, "amount_minor"),
        ({"amount_minor": 2**63}, "amount_minor"),
        ({"debit_account_id": "pay_1"}, "debit_account_id"),
    ],
)
def test_what_makes_no_sense_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(WorkInvalid, match=f"^{field}: "):
        asked(**changes)


def test_an_account_may_be_named() -> None:
    account_id = AccountId.new(a_cause().at)
    assert asked(debit_account_id=str(account_id)).debit_account_id == account_id
