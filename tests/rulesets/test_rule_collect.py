"""Tables of which every row that matches counts."""

from typing import Any

import msgspec
import pytest

from paywright.rulesets.cel import Scalar
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.report import RuleSetInvalid
from paywright.rulesets.schema import TableSchema, Variable
from paywright.rulesets.table import mentioned


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: int
    reason: str = ""


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: int = 100


def derive(data: Data, facts: Any) -> dict[str, Scalar]:
    return {"limit": data.limit}


SCHEMAS = {
    "risk": TableSchema(
        variables={
            "amount": Variable(10),
            "divisor": Variable(1),
            "kind": Variable("person", ("person", "company")),
            "limit": Variable(100),
        },
        then=Points,
        template="reason",
        collects=True,
        total="points",
        data=Data,
        derive=derive,
    )
}

VALID = """\
name: demo
data: {risk: {limit: 50}}
tables:
  risk:
    - {id: much, when: amount > limit, then: {points: 30, reason: "{amount} of {limit}"}}
    - {id: off, when: amount > 0, enabled: false, then: {points: 99}}
    - {id: company, when: kind == "company", then: {points: 5}}
    - {id: ratio, when: 1000 / divisor < amount, then: {points: 7}}
examples:
  - {table: risk, expect: {rules: [], total: 0}}
  - {table: risk, facts: {amount: 51}, expect: {rules: [much], total: 30}}
  - {table: risk, facts: {amount: 51, kind: company}, expect: {rules: [much, company]}}
"""
FACTS: dict[str, Scalar] = {"amount": 10, "divisor": 1, "kind": "person", "limit": 50}


@pytest.fixture
def rules() -> RuleSet:
    return compile_source(VALID, SCHEMAS)


def ids(rules: RuleSet, **facts: Scalar) -> list[str]:
    return [hit.rule_id for hit in rules.collect("risk", FACTS | facts)]


def test_every_row_that_matches_counts_in_order(rules: RuleSet) -> None:
    assert ids(rules) == []
    assert ids(rules, amount=2000, kind="company") == ["much", "company", "ratio"]
    assert rules.collect("risk", FACTS | {"amount": 51})[0].reasoning == "51 of 50"


def test_a_row_answers_the_same_when_it_remembers(rules: RuleSet) -> None:
    for _ in range(3):
        assert ids(rules, amount=51) == ["much"]
        assert ids(rules, amount=50) == []


def test_more_answers_than_a_row_remembers_are_right_as_well(rules: RuleSet) -> None:
    wrong = [n for n in range(10_000) if (ids(rules, amount=n)[:1] == ["much"]) != (n > 50)]
    assert wrong == []


def test_a_row_that_fails_is_told_and_hides_no_other(rules: RuleSet) -> None:
    hits = rules.collect("risk", FACTS | {"amount": 51, "divisor": 0})
    assert [(hit.rule_id, bool(hit.failure)) for hit in hits] == [("much", False), ("ratio", True)]
    assert "divide by zero" in hits[1].failure


def test_a_missing_fact_fails_the_rows_that_ask_for_it(rules: RuleSet) -> None:
    hits = rules.collect("risk", {"amount": 51, "limit": 50, "divisor": 1})
    assert [(hit.rule_id, hit.failure) for hit in hits] == [
        ("much", ""),
        ("company", "the fact kind is missing"),
    ]


def test_a_row_finds_what_it_mentions_however_it_is_written() -> None:
    names = ("a.b", "a.bc", "c", "d")
    assert mentioned("a.b > 1 && c.startsWith('x')", names) == ("a.b", "c")
    spaced = VALID.replace("amount > limit", "(amount)>limit  ")
    assert ids(compile_source(spaced, SCHEMAS), amount=51) == ["much"]


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("when: amount > limit, ", "", "line 5: tables.risk[0]", "would always match"),
        ("total: 0", "total: 1", "line 10: examples[0].expect.total", "expected 1, got 0"),
        ("rules: [much, company]", "rules: [company]", "line 12", "got ['much', 'company']"),
        ("rules: [], total", "rule: much, total", "line 10: examples[0].expect.rule", "unknown"),
        ("{limit: 50}", "{limit: x}", "line 2: data.risk.limit", "int"),
        ("{risk: {limit: 50}}", "{other: {}}", "line 2: data.other", "no table"),
        ("{amount: 51}, expect", "{divisor: 0}, expect", "line 11", "cannot be evaluated"),
        ("id: company", "id: much", "line 7: tables.risk[2].id", "another row"),
    ],
)
def test_mistakes_are_refused_with_their_line(old: str, new: str, field: str, message: str) -> None:
    assert old in VALID
    with pytest.raises(RuleSetInvalid) as caught:
        compile_source(VALID.replace(old, new), SCHEMAS)
    errors: Any = caught.value.extra["errors"]
    assert any(it.field.startswith(field) and message in it.message for it in errors), errors
