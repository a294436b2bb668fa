"""The policies that come with it, and what no policy can change."""

from typing import Any

import pytest
from tests.builders import eur

from paywright.approvals import policy
from paywright.approvals.decide import needed
from paywright.core.money import Money
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.report import RuleSetInvalid


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return compile_source(policy.default_source(), policy.SCHEMAS)


def facts(**changes: Any) -> dict[str, Any]:
    ordinary: dict[str, Any] = {
        "amount": eur(10_000),
        "payer_type": "driver",
        "vendor_days": 400,
        "payout_days": 400,
        "has_incident": True,
        "has_bill": True,
        "lines": 2,
        "resembles_other": False,
    }
    return dict(policy.payment_facts(**ordinary | changes))


def test_the_facts_are_those_that_rules_may_ask_about() -> None:
    derived = {"limits.large_minor"}
    assert facts().keys() | derived == policy.SCHEMAS[policy.PAYMENT].variables.keys()
    change = policy.change_facts(vendor_days=1)
    assert change.keys() == policy.SCHEMAS[policy.VENDOR_CHANGE].variables.keys()


@pytest.mark.parametrize(
    ("changes", "approvers"),
    [
        ({}, 1),
        ({"amount": eur(500_000)}, 1),
        ({"amount": eur(500_001)}, 2),
        ({"amount": Money(5_001, "JPY")}, 2),
        ({"amount": Money(2**63 - 1, "KWD")}, 2),
        ({"payout_days": 6}, 2),
        ({"payout_days": 7}, 1),
        ({"payout_days": 0, "vendor_days": 0}, 1),
        ({"resembles_other": True}, 2),
        ({"resembles_other": True, "amount": eur(500_001)}, 3),
        ({"resembles_other": True, "payout_days": 3}, 3),
        ({"amount": eur(500_001), "payout_days": 3}, 2),
    ],
    ids=str,
)
def test_a_payment_needs_so_many(rules: RuleSet, changes: dict[str, Any], approvers: int) -> None:
    assert needed(policy.requirements(rules, policy.PAYMENT, facts(**changes))) == approvers


def test_new_bank_details_need_one(rules: RuleSet) -> None:
    told = policy.change_facts(vendor_days=400)
    assert needed(policy.requirements(rules, policy.VENDOR_CHANGE, told)) == 1


def test_the_reasons_name_the_facts(rules: RuleSet) -> None:
    asked = policy.requirements(rules, policy.PAYMENT, facts(payout_days=3))
    assert [it.rule_id for it in asked] == ["one-approver", "new-bank-details"]
    assert asked[1].reason == "The bank details of the vendor changed 3 days ago."


def document(when: str, then: str = "{approvers: 2, reason: It is so.}", data: str = "{}") -> str:
    return f"""
name: approval-policies
data: {{payment: {data}}}
tables:
  payment:
    - {{id: only-row, when: '{when}', then: {then}}}
  vendor_change:
    - {{id: other-row, when: 'vendor.days_known < 0', then: {{approvers: 1, reason: Never.}}}}
"""


def test_without_a_row_that_matches_there_is_one_approver_nevertheless() -> None:
    rules = compile_source(document("amount.minor < 0"), policy.SCHEMAS)
    (only,) = policy.requirements(rules, policy.PAYMENT, facts())
    assert (only.role, only.approvers, only.rule_id) == ("approver", 1, policy.AT_LEAST_ONE)
    told = policy.change_facts(vendor_days=400)
    assert needed(policy.requirements(rules, policy.VENDOR_CHANGE, told)) == 1


def test_a_row_that_cannot_be_evaluated_asks_for_an_administrator() -> None:
    rules = compile_source(document("10 / (bill.lines - 2) > 100"), policy.SCHEMAS)
    (only,) = policy.requirements(rules, policy.PAYMENT, facts(lines=2))
    assert (only.role, only.approvers, only.rule_id) == ("admin", 1, "only-row")
    assert "could not be evaluated" in only.reason


def test_a_currency_may_have_a_limit_of_its_own() -> None:
    text = document("amount.minor > limits.large_minor", data="{limits: {JPY: {large: 800000}}}")
    rules = compile_source(text, policy.SCHEMAS)
    for minor, approvers in ((800_000, 1), (800_001, 2)):
        told = facts(amount=Money(minor, "JPY"))
        assert needed(policy.requirements(rules, policy.PAYMENT, told)) == approvers


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (document("true", "{approvers: 1, role: viewer, reason: No.}"), "may approve"),
        (document("true", "{approvers: 1, role: owner, reason: No.}"), "may approve"),
        (document("true", "{approvers: 0, reason: No.}"), "approvers"),
        (document("true", "{approvers: 11, reason: No.}"), "approvers"),
        (document("true", data="{limits: {XXZ: {large: 1}}}"), "unknown currency"),
        (document("amount.major > 1"), "amount.major"),
    ],
    ids=["viewer", "owner", "none", "eleven", "currency", "fact"],
)
def test_policies_that_nobody_could_follow_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(RuleSetInvalid, match=complaint):
        compile_source(text, policy.SCHEMAS)
