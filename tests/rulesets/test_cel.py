"""A condition is refused when it is written, or answers, or says that it cannot."""

import pytest

from paywright.rulesets.cel import CelError, Condition, Environment, EvaluationFailed

ENVIRONMENT = Environment(
    {"details.error_code": str, "details.retries": int, "details.is_partial": bool}
)
VALUES = {"details.error_code": "lost_card", "details.retries": 0, "details.is_partial": False}


def holds(expression: str, **values: int | str | bool) -> bool:
    facts = VALUES | {f"details.{name}": value for name, value in values.items()}
    return ENVIRONMENT.compile(expression).holds(ENVIRONMENT.bind(facts))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('details.error_code == "lost_card" && details.retries < 3', True),
        ('details.error_code in ["a", "b"]', False),
        ('details.error_code.startsWith("lost")', True),
        ("!details.is_partial", True),
        ("(details.is_partial ? 1 : details.retries) == 0", True),
        ('["x", "y"].exists(p, details.error_code.startsWith(p))', False),
    ],
)
def test_dotted_names_are_variables(expression: str, expected: bool) -> None:
    assert holds(expression) is expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('details.eror_code == "x"', r"^1:8: undeclared.*did you mean details.error_code\?\n"),
        ('details.retries < "3"', r"^1:17: .*'_<_' applied to '\(int, string\)'"),
        ("details.retries < 3.0", "no matching overload"),
        ("details.retries", "of type INT"),
        ("details == 1", "undeclared reference to 'details'"),
        ("details.retries.days > 1", "cannot be the operand of a select"),
        ("details.retries >", "Syntax error"),
        ("", "Syntax error"),
        ("dyn(details.retries) == 'x'", "undeclared reference to 'dyn'"),
        ("type(details.retries) == int", "undeclared reference to 'type'"),
        ("details.is_partial && lost(1)", "undeclared reference to 'lost'"),
        ("(" * 5000 + "true" + ")" * 5000, "recursion limit"),
    ],
)
def test_mistakes_are_refused_at_load(expression: str, message: str) -> None:
    with pytest.raises(CelError, match=message):
        ENVIRONMENT.compile(expression)


def test_an_error_points_at_its_place_without_the_librarys_jargon() -> None:
    with pytest.raises(CelError) as caught:
        ENVIRONMENT.compile('details.retries == "x"')
    assert str(caught.value).splitlines() == [
        "1:17: found no matching overload for '_==_' applied to '(int, string)'",
        '  details.retries == "x"',
        "  ................^",
    ]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / details.retries > 0", "divide by zero"),
        ("details.retries + 9223372036854775807 + 1 > 0", "overflow"),
        ('details.error_code.matches("(")', "regular expression"),
    ],
)
def test_a_runtime_error_is_never_false(expression: str, message: str) -> None:
    with pytest.raises(EvaluationFailed, match=message):
        holds(expression)


def test_a_condition_that_would_never_end_fails() -> None:
    many = f"[{','.join('1' * 500)}]"
    with pytest.raises(EvaluationFailed, match="budget"):
        holds(f"{many}.all(x, {many}.all(y, {many}.all(z, x + y + z > 0)))")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "details.error_code is missing"),
        (VALUES | {"details.retries": True}, "of type bool, not int"),
        (VALUES | {"details.retries": "0"}, "of type str, not int"),
        (VALUES | {"details.is_partial": 0}, "of type int, not bool"),
        (VALUES | {"details.retries": 2**63}, "out of range"),
    ],
)
def test_facts_must_be_complete_and_of_their_type(
    values: dict[str, int | str | bool], message: str
) -> None:
    condition = ENVIRONMENT.compile('details.error_code == "x" && false')
    with pytest.raises(EvaluationFailed, match=message):
        condition.holds(ENVIRONMENT.bind(values))


def test_text_that_is_no_text_fails() -> None:
    with pytest.raises(EvaluationFailed):
        holds('details.error_code == "x"', error_code="\ud800")


def test_facts_that_nobody_declared_are_left_out() -> None:
    facts = ENVIRONMENT.bind(VALUES | {"other": 1})
    assert ENVIRONMENT.compile("true").holds(facts)


def test_one_binding_serves_many_conditions() -> None:
    facts = ENVIRONMENT.bind(VALUES)
    conditions: list[Condition] = [ENVIRONMENT.compile(f"details.retries < {i}") for i in range(3)]
    assert [condition.holds(facts) for condition in conditions] == [False, True, True]
