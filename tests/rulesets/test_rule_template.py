"""Reasoning is filled in by name, and by nothing cleverer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.rulesets.template import Template

NAMES = {"details.days", "details.is_partial", "details.text"}


def test_placeholders_are_replaced() -> None:
    template = Template("Day {details.days}, partial: {details.is_partial}.", NAMES)
    assert template.render({"details.days": 3, "details.is_partial": True}) == (
        "Day 3, partial: true."
    )


@pytest.mark.parametrize(
    "text",
    [
        "{details.dys}",
        "{}",
        "{0}",
        "{details.days:>1000000000}",
        "{details.days!r}",
        "{details.days.__class__}",
        "{details}",
        "{{details.days}}",
        "an open { brace",
        "a closing } brace",
    ],
)
def test_anything_else_in_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        Template(text, NAMES)


@given(st.text(max_size=40))
def test_values_are_not_templates(value: str) -> None:
    assert Template("<{details.text}>", NAMES).render({"details.text": value}) == f"<{value}>"
