"""The engine `rules`: decision tables over the facts of an issue. Pure.

Says what rules may ask about, by type of issue; `paywright.rulesets` does the rest.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from paywright.issues.details import (
    DeclineCode,
    DeclineDetails,
    DisputeDetails,
    MissedInstallmentDetails,
    RefundRequestDetails,
)
from paywright.issues.facts import Facts
from paywright.issues.model import Action, Engine, IssueType, Priority, Verdict
from paywright.payments.model import PaymentStatus
from paywright.rulesets.cel import EvaluationFailed, Scalar
from paywright.rulesets.compile import RuleSet
from paywright.rulesets.schema import Schemas, TableSchema, Variable

RULE_SET = "issue-decisions"

PAYMENT_STATUSES = tuple(status.value for status in PaymentStatus)


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `then` of a row. `reasoning` may have `{placeholders}`."""

    action: Action
    confidence: Annotated[int, Meta(ge=0, le=100)]
    reasoning: Annotated[str, Meta(min_length=1, max_length=500)]


# The defaults describe a customer in good standing and a recent, settled payment.
_COMMON = {
    "priority": Variable("normal", tuple(Priority)),
    "customer.tenure_days": Variable(400),
    "customer.country": Variable("DE"),
    "customer.payments_succeeded": Variable(12),
    "customer.payments_failed": Variable(0),
    "customer.refunds_90d": Variable(0),
    "customer.disputes_365d": Variable(0),
    "customer.open_issues": Variable(0),
    "transaction.known": Variable(True),
    # Empty when the transaction is not known.
    "transaction.status": Variable("succeeded", ("", *PAYMENT_STATUSES)),
    "transaction.amount_minor": Variable(5000),
    "transaction.currency": Variable("EUR"),
    "transaction.age_days": Variable(10),
}

_DETAILS = {
    IssueType.DECLINE: {
        "details.error_code": Variable("insufficient_funds", get_args(DeclineCode)),
        "details.auto_retry_count": Variable(0),
        "transaction.status": Variable("declined", ("", *PAYMENT_STATUSES)),
    },
    IssueType.MISSED_INSTALLMENT: {
        "details.installment_number": Variable(2),
        "details.total_installments": Variable(6),
        "details.amount_due": Variable(5000),
        "details.days_overdue": Variable(3),
    },
    IssueType.DISPUTE: {
        "details.reason": Variable(
            "item_not_received", ("item_not_received", "unauthorized", "product_issue")
        ),
        "details.days_since_purchase": Variable(10),
    },
    IssueType.REFUND_REQUEST: {
        "details.reason": Variable("changed_mind", ("changed_mind", "defective", "wrong_item")),
        "details.days_since_purchase": Variable(10),
        # Of a full refund `partial_amount` is 0.
        "details.is_partial": Variable(False),
        "details.partial_amount": Variable(0),
    },
}

SCHEMAS: Schemas = {
    type_.value: TableSchema(variables={**_COMMON, **details}, then=Answer, template="reasoning")
    for type_, details in _DETAILS.items()
}

_STRUCTS: Mapping[str, type[msgspec.Struct]] = {
    "decline": DeclineDetails,
    "missed_installment": MissedInstallmentDetails,
    "dispute": DisputeDetails,
    "refund_request": RefundRequestDetails,
}

# What is opened by the system for a person: no rule is asked.
_FOR_PEOPLE: Mapping[str, str] = {
    IssueType.PAYMENT_REVIEW: "Payments that were stopped or lost are for people to decide.",
    IssueType.RECONCILIATION: "Books that do not agree are for people to set right.",
}


def default_source() -> str:
    """The rule set that comes with Paywright."""
    path = files("paywright.issues") / "rules" / f"{RULE_SET}.yaml"
    return path.read_text(encoding="utf-8")


def decide(rule_set: RuleSet, facts: Facts) -> Verdict:
    """What the rules say. When they cannot say, a person has to: `escalate`, at confidence 0."""
    if (reason := _FOR_PEOPLE.get(facts.type)) is not None:
        return _verdict(rule_set, facts.type, Answer(Action.ESCALATE, 100, reason))
    try:
        hit = rule_set.evaluate(facts.type, variables(facts))
    except EvaluationFailed as error:
        culprit = f"The rule {error.rule}" if error.rule else f"The table {facts.type}"
        return _verdict(
            rule_set,
            f"{facts.type}/{error.rule}" if error.rule else facts.type,
            Answer(Action.ESCALATE, 0, f"{culprit} could not be evaluated: {error}."),
        )
    return _verdict(
        rule_set,
        f"{facts.type}/{hit.rule_id}",
        Answer(hit.then.action, hit.then.confidence, hit.reasoning),
    )


def variables(facts: Facts) -> dict[str, Scalar]:
    """The facts as rules see them, by dotted name. Raises EvaluationFailed for odd details."""
    try:
        details = msgspec.convert(facts.details, _STRUCTS[facts.type])
    except msgspec.ValidationError as error:
        raise EvaluationFailed(f"the details are not those of a {facts.type}: {error}") from None
    customer, transaction = facts.customer, facts.transaction
    found: dict[str, Scalar] = {
        "priority": facts.priority,
        "customer.tenure_days": customer.tenure_days,
        "customer.country": customer.country,
        "customer.payments_succeeded": customer.payments_succeeded,
        "customer.payments_failed": customer.payments_failed,
        "customer.refunds_90d": customer.refunds_90d,
        "customer.disputes_365d": customer.disputes_365d,
        "customer.open_issues": customer.open_issues,
        "transaction.known": transaction.known,
        "transaction.status": transaction.status,
        "transaction.amount_minor": transaction.amount_minor,
        "transaction.currency": transaction.currency,
        "transaction.age_days": transaction.age_days,
    }
    told: dict[str, Any] = msgspec.structs.asdict(details)
    if facts.type == IssueType.REFUND_REQUEST:
        told["is_partial"] = told["partial_amount"] is not None
        told["partial_amount"] = told["partial_amount"] or 0
    for name, value in told.items():
        found[f"details.{name}"] = value
    return found


def _verdict(rule_set: RuleSet, rule: str, answer: Answer) -> Verdict:
    return Verdict(
        action=answer.action,
        confidence=answer.confidence,
        reasoning=answer.reasoning,
        policy_applied=f"rules:{rule}",
        policy_version=rule_set.version,
        engine=Engine.RULES,
    )
