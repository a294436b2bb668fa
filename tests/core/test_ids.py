"""Ids say what they name and sort by creation."""

import copy
import os
import pickle
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.core.ids import AccountId, EventId, IssueId, PaymentId, TransferId


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


def test_an_id_keeps_its_text() -> None:
    """It is asked for again and again: in an answer, in a log line, in an event."""
    made = AccountId.new(NOON)
    text = str(made)
    again = str(made)
    assert again is text
    assert str(AccountId.parse(text)) is text
    assert str(AccountId.of(made)) == text


def test_ids_of_one_uuid_have_their_suffix_in_common() -> None:
    payment = PaymentId.new(NOON)
    movement = TransferId.of(payment)
    assert str(payment) == f"pay_{payment.suffix()}"
    assert str(movement) == f"trf_{payment.suffix()}"


def test_an_id_is_a_uuid_in_every_way() -> None:
    made = AccountId.new(NOON)
    plain = UUID(int=made.int)
    assert (made, hash(made), made.hex, made.is_safe) == (
        *(plain, hash(plain), plain.hex),
        plain.is_safe,
    )
    str(made)
    for other in (AccountId.of(plain), AccountId(int=made.int), AccountId.parse(str(made))):
        assert (made, str(made)) == (other, str(other))
    for twin in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (type(twin), twin, str(twin)) == (AccountId, made, str(made))
    with pytest.raises(TypeError):
        made.int = 0


def test_no_id_comes_twice() -> None:
    assert len({TransferId.new(NOON) for _ in range(20_000)}) == 20_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_does_not_make_the_ids_of_its_parent() -> None:
    script = """
import os
from datetime import UTC, datetime
from paywright.core.ids import EventId
noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
EventId.new(noon)
child = os.fork()
ids = [str(EventId.new(noon)) for _ in range(2000)]
os.write(1, ("\\n".join(ids) + "\\n").encode())
if child:
    os.waitpid(child, 0)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    ids = done.stdout.split()
    assert len(ids) == len(set(ids)) == 4000
