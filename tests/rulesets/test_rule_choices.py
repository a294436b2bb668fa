"""A constant that a variable can never have is a mistake, not a row that never matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.rulesets.choices import unknown_choices

CHOICES = {"details.reason": ("fraud", "late")}


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ('details.reason == "fraud"', []),
        ('details.reason == "fruad"', ["fruad"]),
        ('"fruad" != details.reason', ["fruad"]),
        ("details.reason in ['late', 'laet'] && details.other == 'x'", ["laet"]),
        ('details.other in ["x"] || details.reason in ["y"]', ["y"]),
        ('details.reason == "it\\"s" ', ['it\\"s']),
        ('details.reason.startsWith("fr")', []),
        ('["a"].exists(x, x == "b") && details.reason != "late"', []),
    ],
)
def test_literals_beside_a_variable_must_be_choices(expression: str, unknown: list[str]) -> None:
    assert list(unknown_choices(expression, CHOICES)) == [
        ("details.reason", value) for value in unknown
    ]


@given(st.text(alphabet="\"'[]=!in details.reason,", max_size=60))
def test_no_text_makes_it_fail(expression: str) -> None:
    list(unknown_choices(expression, CHOICES))
