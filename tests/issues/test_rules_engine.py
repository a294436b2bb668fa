"""The engine `rules` and the policy that comes with Paywright."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.issues import rules_engine
from paywright.issues.details import (
    DeclineCode,
    DeclineDetails,
    DisputeDetails,
    MissedInstallmentDetails,
    RefundRequestDetails,
)
from paywright.issues.facts import CustomerFacts, Facts, TransactionFacts
from paywright.issues.model import Action, Engine, Priority, Routing
from paywright.issues.route import Thresholds, effective_thresholds, route
from paywright.issues.rules_engine import SCHEMAS, decide, variables
from paywright.rulesets.compile import RuleSet, compile_source

RULES = compile_source(rules_engine.default_source(), SCHEMAS)

CUSTOMER = CustomerFacts(
    tenure_days=400,
    country="DE",
    payments_succeeded=12,
    payments_failed=0,
    refunds_90d=0,
    disputes_365d=0,
    open_issues=0,
)
TRANSACTION = TransactionFacts(
    known=True, status="succeeded", amount_minor=5000, currency="EUR", age_days=10
)


def a_decline(code: str = "insufficient_funds", retries: int = 0, **transaction: Any) -> Facts:
    return Facts(
        type="decline",
        priority="normal",
        details={"error_code": code, "auto_retry_count": retries},
        customer=CUSTOMER,
        transaction=msgspec.structs.replace(TRANSACTION, **({"status": "declined"} | transaction)),
    )


def a_refund(partial_amount: int | None = None, **transaction: Any) -> Facts:
    return Facts(
        type="refund_request",
        priority="normal",
        details={
            "reason": "defective",
            "days_since_purchase": 5,
            "partial_amount": partial_amount,
        },
        customer=CUSTOMER,
        transaction=msgspec.structs.replace(TRANSACTION, **transaction),
    )


days = st.integers(0, 36_500) | st.integers(0, 60)
amounts = st.integers(1, 2**63 - 1) | st.integers(1, 200_000)
counts = st.integers(0, 20) | st.integers(0, 2**31)
details = st.one_of(
    st.builds(
        DeclineDetails,
        error_code=st.sampled_from(get_args(DeclineCode)),
        auto_retry_count=st.integers(0, 1000) | st.integers(0, 16),
    ),
    st.builds(
        MissedInstallmentDetails,
        installment_number=st.integers(1, 1000),
        total_installments=st.integers(1, 1000),
        amount_due=amounts,
        days_overdue=days,
    ),
    st.builds(
        DisputeDetails,
        reason=st.sampled_from(["item_not_received", "unauthorized", "product_issue"]),
        days_since_purchase=days,
    ),
    st.builds(
        RefundRequestDetails,
        reason=st.sampled_from(["changed_mind", "defective", "wrong_item"]),
        days_since_purchase=days,
        partial_amount=st.none() | amounts,
    ),
)
TYPES: dict[type, str] = {
    DeclineDetails: "decline",
    MissedInstallmentDetails: "missed_installment",
    DisputeDetails: "dispute",
    RefundRequestDetails: "refund_request",
}
customers = st.builds(
    CustomerFacts,
    tenure_days=days,
    country=st.sampled_from(["", "DE", "US"]),
    payments_succeeded=counts,
    payments_failed=counts,
    refunds_90d=counts,
    disputes_365d=counts,
    open_issues=counts,
)
transactions = st.builds(
    TransactionFacts,
    known=st.just(True),
    status=st.sampled_from(rules_engine.PAYMENT_STATUSES),
    amount_minor=amounts,
    currency=st.sampled_from(["EUR", "JPY"]),
    age_days=days,
) | st.just(TransactionFacts(known=False, status="", amount_minor=0, currency="", age_days=0))


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    told = draw(details)
    return Facts(
        type=TYPES[type(told)],
        priority=draw(st.sampled_from(list(Priority))).value,
        details=msgspec.to_builtins(told),
        customer=draw(customers),
        transaction=draw(transactions),
    )


def routed(facts: Facts) -> Routing:
    limits = effective_thresholds(Thresholds(90, 70, 80), RULES.thresholds_for(facts.type))
    return route(decide(RULES, facts), limits)


@given(any_facts())
def test_every_issue_gets_a_verdict_by_a_rule(facts: Facts) -> None:
    verdict = decide(RULES, facts)
    assert verdict.engine is Engine.RULES
    assert verdict.policy_version == RULES.version
    assert verdict.policy_applied.startswith(f"rules:{facts.type}/")
    assert 0 < verdict.confidence <= 100
    assert verdict.reasoning
    assert "{" not in verdict.reasoning


@given(any_facts())
def test_money_never_moves_unseen_without_a_payment_on_file(facts: Facts) -> None:
    if not facts.transaction.known and routed(facts) is Routing.AUTO_RESOLVE:
        assert decide(RULES, facts).action in (Action.SEND_REMINDER, Action.REJECT)


@given(any_facts())
def test_no_more_is_refunded_than_was_paid(facts: Facts) -> None:
    asked = facts.details.get("partial_amount") or 0
    if facts.transaction.known and asked > facts.transaction.amount_minor:
        assert decide(RULES, facts).action is not Action.APPROVE_REFUND


@given(any_facts())
def test_hard_declines_are_never_retried(facts: Facts) -> None:
    hard = ("lost_card", "stolen_card", "fraud_suspected", "invalid_account", "card_expired")
    if facts.details.get("error_code") in hard:
        assert decide(RULES, facts).action is not Action.APPROVE_RETRY


@given(any_facts())
def test_a_payment_that_may_have_been_made_is_never_retried(facts: Facts) -> None:
    if facts.transaction.status not in ("", "declined", "failed"):
        assert decide(RULES, facts).action is not Action.APPROVE_RETRY


@given(any_facts())
def test_unauthorized_disputes_go_to_a_person(facts: Facts) -> None:
    if facts.details.get("reason") == "unauthorized":
        assert routed(facts) is Routing.ESCALATE


@pytest.mark.parametrize(
    ("facts", "action", "routing"),
    [
        (a_decline(), Action.APPROVE_RETRY, Routing.AUTO_RESOLVE),
        (a_decline("stolen_card"), Action.REJECT, Routing.AUTO_RESOLVE),
        (a_decline("card_expired"), Action.SEND_REMINDER, Routing.AUTO_RESOLVE),
        (a_decline("unknown"), Action.ESCALATE, Routing.ESCALATE),
        (a_decline(retries=5), Action.SEND_REMINDER, Routing.HUMAN_REVIEW),
        (a_decline(known=False, status=""), Action.APPROVE_RETRY, Routing.HUMAN_REVIEW),
        (a_refund(), Action.APPROVE_REFUND, Routing.AUTO_RESOLVE),
        (a_refund(5000), Action.APPROVE_REFUND, Routing.AUTO_RESOLVE),
        (a_refund(5001), Action.REJECT, Routing.AUTO_RESOLVE),
        (a_refund(amount_minor=200_000), Action.APPROVE_REFUND, Routing.HUMAN_REVIEW),
        (a_refund(known=False, status=""), Action.APPROVE_REFUND, Routing.HUMAN_REVIEW),
        (a_refund(status="disputed"), Action.ESCALATE, Routing.ESCALATE),
    ],
)
def test_the_default_policy(facts: Facts, action: Action, routing: Routing) -> None:
    assert decide(RULES, facts).action is action
    assert routed(facts) is routing


def test_reasoning_speaks_of_the_case() -> None:
    verdict = decide(RULES, a_decline(retries=2))
    assert verdict.policy_applied == "rules:decline/insufficient-funds-few-retries"
    assert verdict.reasoning.startswith("Insufficient funds after 2 retries")


def test_a_missing_partial_amount_is_none_of_the_amount() -> None:
    assert variables(a_refund())["details.is_partial"] is False
    assert variables(a_refund())["details.partial_amount"] == 0
    assert variables(a_refund(7))["details.is_partial"] is True
    assert variables(a_refund(7))["details.partial_amount"] == 7


@given(any_facts())
def test_the_facts_are_exactly_what_rules_may_ask_about(facts: Facts) -> None:
    found = variables(facts)
    assert {name: type(value) for name, value in found.items()} == SCHEMAS[facts.type].types()


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_rule_of_the_default_policy_has_a_unique_answer(table: str) -> None:
    rules = RULES.tables[table].rules
    assert rules[-1].then.action is Action.ESCALATE
    assert len({rule.then.reasoning for rule in rules}) == len(rules)


def failing_rules() -> RuleSet:
    rows = "[{id: shaky, when: 10 / customer.tenure_days > 0, then: &}, {id: otherwise, then: &}]"
    answer = "{action: approve_retry, confidence: 99, reasoning: x}"
    tables = ", ".join(f"{name}: {rows.replace('&', answer)}" for name in SCHEMAS)
    return compile_source(f"name: shaky\ntables: {{{tables}}}", SCHEMAS)


def test_a_rule_that_cannot_be_evaluated_escalates() -> None:
    new_customer = msgspec.structs.replace(CUSTOMER, tenure_days=0)
    facts = msgspec.structs.replace(a_decline(), customer=new_customer)
    verdict = decide(failing_rules(), facts)
    assert (verdict.action, verdict.confidence) == (Action.ESCALATE, 0)
    assert verdict.policy_applied == "rules:decline/shaky"
    assert verdict.reasoning == "The rule shaky could not be evaluated: divide by zero."


def test_details_of_another_shape_escalate() -> None:
    facts = msgspec.structs.replace(a_decline(), details={"error_code": "sunspots"})
    verdict = decide(RULES, facts)
    assert (verdict.action, verdict.confidence) == (Action.ESCALATE, 0)
    assert verdict.policy_applied == "rules:decline"
