"""What a rule set refuses to be, and what it answers."""

from typing import Literal

import msgspec
import pytest

from paywright.rulesets.cel import EvaluationFailed
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.report import RuleSetInvalid
from paywright.rulesets.schema import TableSchema, Variable


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Literal["low", "high"]
    text: str = ""


SCHEMAS = {
    "risk": TableSchema(
        variables={
            "amount": Variable(100),
            "divisor": Variable(1),
            "customer.kind": Variable("person", ("person", "company")),
        },
        then=Points,
        template="text",
    )
}

VALID = """\
name: demo
thresholds: {risk: {auto_resolve: 95, human_review: 75}}
tables:
  risk:
    - id: off
      when: amount > 0
      enabled: false
      then: {level: high}
    - id: much
      when: 1000 / divisor < amount
      then: {level: high, text: "{customer.kind} of {amount}"}
    - id: company
      when: customer.kind == "company"
      then: {level: high}
    - id: otherwise
      then: {level: low}
examples:
  - {table: risk, facts: {amount: 1001}, expect: {rule: much, level: high}}
  - {table: risk, facts: {customer: {kind: company}}, expect: {rule: company}}
  - {table: risk, expect: {level: low}}
"""
FACTS: dict[str, int | str | bool] = {"amount": 5, "divisor": 1, "customer.kind": "person"}


@pytest.fixture(scope="module")
def rule_set() -> RuleSet:
    return compile_source(VALID, SCHEMAS)


def test_the_first_row_that_matches_decides(rule_set: RuleSet) -> None:
    hit = rule_set.evaluate("risk", FACTS | {"amount": 2000, "customer.kind": "company"})
    assert hit.rule_id == "much"
    assert hit.then == Points("high", "{customer.kind} of {amount}")
    assert hit.reasoning == "company of 2000"


def test_the_last_row_takes_the_rest_and_a_disabled_row_nothing(rule_set: RuleSet) -> None:
    assert rule_set.evaluate("risk", FACTS).rule_id == "otherwise"


def test_a_row_that_fails_fails_the_evaluation(rule_set: RuleSet) -> None:
    """Another row would have matched; but nobody knows whether this one should have."""
    with pytest.raises(EvaluationFailed, match="divide by zero") as caught:
        rule_set.evaluate("risk", FACTS | {"divisor": 0, "customer.kind": "company"})
    assert caught.value.rule == "much"


def test_a_missing_fact_fails_the_evaluation(rule_set: RuleSet) -> None:
    with pytest.raises(EvaluationFailed, match="divisor is missing") as caught:
        rule_set.evaluate("risk", {"amount": 5, "customer.kind": "person"})
    assert caught.value.rule is None


def test_thresholds_are_those_of_the_table_else_the_default(rule_set: RuleSet) -> None:
    found = rule_set.thresholds_for("risk")
    assert found is not None
    assert found.auto_resolve == 95
    assert rule_set.thresholds_for("other") is None
    general = VALID.replace("{risk: {", "{default: {")
    assert compile_source(general, SCHEMAS).thresholds_for("risk") == found


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("amount > 0", "amuont > 0", "line 6: tables.risk[0].when", "did you mean amount?"),
        ("amount > 0", "amount > 'x'", "line 6", "no matching overload"),
        ("amount > 0", "amount / 0 > 1", "line 6", "cannot be evaluated with the default facts"),
        ('"company"', '"compnay"', "line 13: tables.risk[2].when", "did you mean company?"),
        ("{level: high, text", "{level: hihg, text", "line 11: tables.risk[1].then.level", "hihg"),
        ("{level: high, text", "{levle: high, text", "line 11: tables.risk[1].then.levle", "known"),
        ("{amount}", "{amuont}", "line 11: tables.risk[1].then.text", "unknown placeholder"),
        (
            "facts: {amount: 1001}",
            "facts: {amuont: 1}",
            "line 18: examples[0].facts.amuont",
            "mean",
        ),
        ("facts: {amount: 1001}", "facts: {amount: '1'}", "line 18: examples[0].facts", "type int"),
        ("kind: company}", "kind: dog}", "line 19: examples[1].facts.customer.kind", "one of"),
        ("{level: low}}", "{level: high}}", "line 20: examples[2].expect", "got low"),
        ("{level: low}}", "{levle: low}}", "line 20: examples[2].expect.levle", "known are"),
        ("{level: low}}", "{rule: much}}", "line 20", "expected much, got otherwise"),
        (
            "- {table: risk, expect",
            "- {table: rsk, expect",
            "line 20: examples[2].table",
            "unknown",
        ),
        ("{risk: {auto", "{rsk: {auto", "line 2: thresholds.rsk", "unknown table"),
        ("  risk:\n", "  rsk:\n", "line 4: tables.rsk", "unknown table"),
        ("  risk:\n", "  rsk:\n", "line 3: tables", "risk is missing"),
        ("amount: 1001}", "divisor: 0}", "line 18: examples[0]", "rule much cannot be evaluated"),
    ],
)
def test_what_is_refused(old: str, new: str, field: str, message: str) -> None:
    source = VALID.replace(old, new, 1)
    assert source != VALID
    with pytest.raises(RuleSetInvalid) as caught:
        compile_source(source, SCHEMAS)
    errors = caught.value.extra["errors"]
    assert isinstance(errors, list)
    assert any(e.field.startswith(field) and message in e.message for e in errors), errors


def test_mistakes_of_every_kind_are_reported_together() -> None:
    source = (
        VALID.replace("amount > 0", "amuont > 0")
        .replace("id: much", "id: Much")
        .replace("{amount: 1001}", "{amount: true}")
    )
    with pytest.raises(RuleSetInvalid, match="3 problems; line 6: ") as caught:
        compile_source(source, SCHEMAS)
    assert caught.value.status == 422


def test_the_version_is_that_of_the_text() -> None:
    assert compile_source(VALID + "# \n", SCHEMAS).version != compile_source(VALID, SCHEMAS).version
