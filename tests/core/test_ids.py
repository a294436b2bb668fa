"""Ids say what they name and sort by creation."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.core.ids import EventId, IssueId, PaymentId


def test_matches_the_typeid_specification() -> None:
    """From valid.yml of the specification: `prefix_01h455vb4pex5vsknk084sn02q`."""
    uuid = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert str(PaymentId.of(uuid)) == "pay_01h455vb4pex5vsknk084sn02q"


@given(st.integers(0, 2**128 - 1))
def test_round_trip(number: int) -> None:
    issue_id = IssueId(int=number)
    assert IssueId.parse(str(issue_id)) == issue_id


def test_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    ids = [EventId.new(NOON + timedelta(milliseconds=i)) for i in range(50)]
    assert {i.version for i in ids} == {7}
    assert sorted(ids) == ids


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iss_",
        "iss_01h455vb4pex5vsknk084sn02",
        "iss_81h455vb4pex5vsknk084sn02q",
        "iss_01H455VB4PEX5VSKNK084SN02Q",
        "iss_01h455vb4pex5vsknk084sn0iq",
        "pay_01h455vb4pex5vsknk084sn02q",
        "iss_01h455vb4pex5vsknk084sn02q\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a iss_ id"):
        IssueId.parse(text)
