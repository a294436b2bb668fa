"""What a provider answers has to fit on file, or it is no answer to go by."""

import pytest

from paywright.gateway.model import Approved, Declined, Lost, NotFound, Pending, Why
from paywright.gateway.outcomes import kept, outcome_of


@pytest.mark.parametrize("kind", [Approved, Pending], ids=["approved", "pending"])
@pytest.mark.parametrize("reference", ["x" * 201, "pi_\0"], ids=["long", "nul"])
def test_a_name_that_cannot_be_kept_leaves_it_unknown(
    kind: type[Approved | Pending], reference: str
) -> None:
    answer = kept(kind(reference))
    assert isinstance(answer, Lost)
    assert (answer.why, answer.sent) == (Why.UNREADABLE, True)
    assert kept(kind("x" * 200)) == kind("x" * 200)


def test_a_decline_stays_one_however_long_its_code() -> None:
    answer = kept(Declined("c" * 500 + "\0", "why", "pi_1"))
    assert answer == Declined("c" * 100, "why", "pi_1")
    assert outcome_of(answer) == ("declined", "c" * 100)
    assert kept(Declined("\0")) == Declined("unknown")
    assert kept(Declined("AC04")) == Declined("AC04")


def test_what_tells_nothing_stays_as_it_is() -> None:
    lost = Lost(why=Why.TIMEOUT)
    assert kept(lost) is lost
    assert kept(NotFound()) == NotFound()
