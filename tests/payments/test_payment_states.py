"""Which status of a payment may follow which."""

import pytest
from tests.builders import NOON

from paywright.core.ids import PaymentId
from paywright.payments.model import PaymentStatus
from paywright.payments.states import FIRST, TRANSITIONS, is_final, may_follow
from paywright.payments.waiting_store import Change


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(PaymentStatus)


def test_every_status_can_be_reached() -> None:
    reached = set(FIRST)
    while more := {it for status in reached for it in TRANSITIONS[status]} - reached:
        reached |= more
    assert reached == set(PaymentStatus)


def test_a_lost_answer_is_never_a_failure_by_itself_and_never_a_fresh_start() -> None:
    assert may_follow(PaymentStatus.UNKNOWN, PaymentStatus.SUCCEEDED)
    assert not may_follow(PaymentStatus.UNKNOWN, PaymentStatus.PROCESSING)
    assert not is_final(PaymentStatus.UNKNOWN)


def test_what_was_declined_or_canceled_stays_so() -> None:
    for status in (PaymentStatus.DECLINED, PaymentStatus.CANCELED, PaymentStatus.FAILED):
        assert not TRANSITIONS[status]
        assert is_final(status)


def test_nothing_writes_a_status_that_cannot_follow() -> None:
    asked = {"payment_id": PaymentId.new(NOON), "reason": "x", "actor": "system", "at": NOON}
    Change(before=PaymentStatus.UNKNOWN, after=PaymentStatus.FAILED, **asked)
    with pytest.raises(AssertionError, match="cannot follow"):
        Change(before=PaymentStatus.FAILED, after=PaymentStatus.SUCCEEDED, **asked)
