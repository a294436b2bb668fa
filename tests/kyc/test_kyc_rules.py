"""The pure part of KYC: how a standing moves."""

from datetime import timedelta

import msgspec
import pytest
from tests.builders import NOON
from tests.kyc.knowing import KEYS

from paywright.core.ids import CheckId
from paywright.customers.model import Customer
from paywright.kyc import rules, subject
from paywright.kyc.model import Check, KycStatus, Standing

U, P, V, R = KycStatus
CUSTOMER = Customer(id="c1", customer_since=NOON, name="Ida Beispiel", country="AT")


def a_check(**changes: object) -> Check:
    fields = {
        "id": CheckId.new(NOON),
        "customer_id": "c1",
        "provider": "kyc_provider",
        "status": P,
        "subject_index": b"i" * 32,
        "requested_at": NOON,
        "requested_by": "system",
    } | changes
    return Check(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "is_same", "after"),
    [(U, True, P), (U, False, P), (P, True, P), (P, False, P), (V, True, V), (V, False, P),
     (R, True, R), (R, False, R)],
)  # fmt: skip
def test_where_one_stands_while_a_check_is_open(
    before: KycStatus, is_same: bool, after: KycStatus
) -> None:
    assert rules.status_while_asking(before, is_same_subject=is_same) == after


def test_a_check_without_a_verdict_changes_only_who_was_pending() -> None:
    assert [rules.status_without_verdict(it) for it in (U, P, V, R)] == [U, U, V, R]


def test_a_standing_keeps_its_beginning_while_its_status_is_the_same() -> None:
    later = NOON + timedelta(days=1)
    check = a_check(status=V, expires_at=later + rules.VALID_FOR)
    standing = Standing(customer_id="c1", status=U, since=NOON)
    verified = rules.moved(standing, V, at=later, check=check)
    assert (verified.since, verified.expires_at) == (later, check.expires_at)
    assert verified.subject_index == check.subject_index
    again = rules.moved(verified, V, at=later + timedelta(days=9), check=check)
    assert again.since == later
    assert rules.moved(verified, V, at=NOON) == verified
    dropped = rules.moved(verified, P, at=NOON)
    assert (dropped.expires_at, dropped.subject_index) == (None, None)
    assert dropped.check_id == check.id


def test_a_provider_is_asked_again_ever_more_rarely_and_at_its_own_time() -> None:
    check = a_check()
    waits = [
        rules.next_asked_at(msgspec.structs.replace(check, attempts=n), at=NOON) - NOON
        for n in range(30)
    ]
    assert waits == sorted(waits)
    assert timedelta(seconds=2) <= waits[0] <= timedelta(seconds=4)
    assert timedelta(minutes=30) <= waits[-1] <= timedelta(hours=1)
    asked = rules.next_asked_at(check, at=NOON, retry_after_s=600)
    assert asked == NOON + timedelta(minutes=10)


def test_a_subject_is_its_name_and_its_country_and_nothing_else() -> None:
    index = subject.index_of(KEYS, CUSTOMER)
    changed = msgspec.structs.replace
    assert subject.is_about(KEYS, index, changed(CUSTOMER, email="ida@example.org"))
    assert subject.is_about(KEYS, index, changed(CUSTOMER, name="ida BEISPIEL "))
    assert not subject.is_about(KEYS, index, changed(CUSTOMER, name="Ole Muster"))
    assert not subject.is_about(KEYS, index, changed(CUSTOMER, country="CH"))
    assert not subject.is_about(KEYS, index, changed(CUSTOMER, id="c2"))
    assert not subject.is_about(KEYS, None, CUSTOMER)


@pytest.mark.parametrize("name", [None, "", "  "])
def test_nobody_is_checked_without_a_name_on_file(name: str | None) -> None:
    with pytest.raises(subject.CustomerNameless):
        subject.subject_of(msgspec.structs.replace(CUSTOMER, name=name))
