"""What a bank's answer means for the payments of a file."""

from typing import Any

import pytest
from tests.builders import NOON, eur

from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.gateway.model import Approved, Declined
from paywright.iso20022.model import PaymentStatus as BlockStatus
from paywright.iso20022.model import Reason, StatusReport, TransactionStatus
from paywright.payment_runs.answers import Findings, weigh
from paywright.payment_runs.names import end_to_end_id, payment_of
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.leaving import RunPayment

S = PaymentStatus
SETTLED = frozenset({"ACSC", "ACCC"})
WHY = (Reason("FF01", "not readable"),)


def a_payment(minor: int = 100, status: PaymentStatus = S.PROCESSING) -> RunPayment:
    return RunPayment(PaymentId.new(NOON), "nordlicht", status, eur(minor), None)


def a_line(payment: RunPayment, status: str | None, **changes: Any) -> TransactionStatus:
    fields = {"end_to_end_id": end_to_end_id(payment.id), "status": status}
    return TransactionStatus(**fields | changes)


def weighed(
    our: list[RunPayment], /, *lines: TransactionStatus, group: str | None = None, **more: Any
) -> Findings:
    report = StatusReport(message_id="run-x", group_status=group, transactions=lines, **more)
    return weigh(report, our, settled=SETTLED)


def reasons(found: Findings) -> list[str]:
    return [it.reason for it in found.unmatched]


def test_a_payment_has_a_name_that_banks_can_write() -> None:
    payment = a_payment()
    name = end_to_end_id(payment.id)
    assert len(name) == 30
    assert "_" not in name
    for told in (name, name.upper(), f" {name} ", str(payment.id)):
        assert payment_of(told) == payment.id
    for told in ("", "NOTPROVIDED", name[:-1], "acc" + name[3:]):
        assert payment_of(told) is None


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("ACSC", Approved),
        ("ACCC", Approved),
        ("RJCT", Declined),
        ("CANC", Declined),
        ("ACSP", None),
        ("PDNG", None),
        ("PART", None),
        (None, None),
    ],
)
def test_each_status_settles_refuses_or_decides_nothing(status: str | None, answer: Any) -> None:
    payment = a_payment()
    found = weighed([payment], a_line(payment, status))
    assert [type(it) for _, it in found.decided] == ([answer] if answer else [])
    assert found.pending == (0 if answer else 1)


def test_what_is_rejected_fails_for_the_reason_that_the_bank_gives() -> None:
    first, second = a_payment(), a_payment()
    found = weighed(
        [first, second], a_line(first, "RJCT", reason_code="AC04"), a_line(second, "RJCT")
    )
    assert found.decided == [(first.id, Declined("AC04")), (second.id, Declined("RJCT"))]


def test_what_is_not_of_the_run_or_of_another_amount_changes_nothing() -> None:
    ours, other, stranger = a_payment(100), a_payment(100), a_payment(100)
    found = weighed(
        [ours, other],
        a_line(stranger, "ACSC"),
        a_line(ours, "ACSC", amount=eur(101)),
        a_line(other, "ACSC", amount=Money(100, "USD")),
        TransactionStatus(end_to_end_id=None, status="RJCT"),
    )
    assert reasons(found) == ["not_in_run", "amount_differs", "amount_differs", "not_in_run"]
    assert (found.decided, found.pending, found.contradicting) == ([], 0, [])


def test_the_right_amount_is_no_obstacle() -> None:
    payment = a_payment(12_345)
    assert weighed([payment], a_line(payment, "ACSC", amount=eur(12_345))).decided


def test_of_two_lines_for_one_payment_the_first_counts() -> None:
    payment = a_payment()
    found = weighed([payment], a_line(payment, "ACSC"), a_line(payment, "RJCT"))
    assert [type(it) for _, it in found.decided] == [Approved]
    assert reasons(found) == ["named_twice"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"group": "RJCT", "reasons": WHY}, "FF01"),
        ({"group": "RJCT"}, "RJCT"),
        ({"payments": (BlockStatus(payment_id="x", status="RJCT", reasons=WHY),)}, "FF01"),
        (
            {"group": "PART", "payments": (BlockStatus(payment_id="x", status="RJCT"),)},
            "RJCT",
        ),
    ],
    ids=["group", "group without reason", "block", "block of a partly rejected group"],
)
def test_a_file_that_is_rejected_as_a_whole_fails_all(more: dict[str, Any], code: str) -> None:
    payments = [a_payment(), a_payment()]
    found = weighed(payments, **more)
    assert found.decided == [(it.id, Declined(code)) for it in payments]


def test_a_payment_of_its_own_line_is_not_touched_by_what_is_said_of_all() -> None:
    made, other, wrong = a_payment(), a_payment(), a_payment()
    found = weighed(
        [made, other, wrong],
        a_line(made, "ACSC"),
        a_line(wrong, "RJCT", amount=eur(7)),
        group="RJCT",
    )
    assert [(id, type(it)) for id, it in found.decided] == [
        (made.id, Approved),
        (other.id, Declined),
    ]


@pytest.mark.parametrize("group", ["PART", None])
def test_what_a_report_does_not_speak_of_stays_as_it_is(group: str | None) -> None:
    named, other = a_payment(), a_payment()
    found = weighed([named, other], a_line(named, "RJCT"), group=group)
    assert [id for id, _ in found.decided] == [named.id]
    assert found.pending == 0


@pytest.mark.parametrize(
    ("ours", "theirs", "contradicts"),
    [
        (S.SUCCEEDED, "RJCT", True),
        (S.SUCCEEDED, "CANC", True),
        (S.REFUNDED, "RJCT", True),
        (S.FAILED, "ACSC", True),
        (S.SUCCEEDED, "ACSC", False),
        (S.FAILED, "RJCT", False),
        (S.SUCCEEDED, "ACSP", False),
    ],
)
def test_what_has_ended_is_contradicted_and_never_undone(
    ours: PaymentStatus, theirs: str, contradicts: bool
) -> None:
    payment = a_payment(status=ours)
    found = weighed([payment], a_line(payment, theirs, reason_code="AM04"))
    assert found.decided == []
    assert len(found.contradicting) == (1 if contradicts else 0)
    assert found.unchanged == (0 if contradicts else 1)


def test_a_payment_that_was_taken_back_before_was_never_in_the_file() -> None:
    payment = a_payment(status=S.CANCELED)
    found = weighed([payment], a_line(payment, "ACSC"), group="ACSC")
    assert (found.decided, reasons(found)) == ([], ["not_in_run"])
