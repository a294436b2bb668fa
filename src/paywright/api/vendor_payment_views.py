"""How vendor payments are told to callers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from paywright.api.problems import document
from paywright.approvals.model import Vote
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.idempotency import Answer
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.transitions_store import Transition
from paywright.payments.vendor.model import Line, VendorPayment
from paywright.payments.vendor.views import Details
from paywright.payments.vendor.voting import Approving
from paywright.risk.model import Assessment, Level


class PaymentVote(msgspec.Struct, frozen=True, kw_only=True):
    """An approval that counts. `principal`: whose right was used; `carried_from`: the payment that
    this one repeats, for which it was given."""

    person: str
    role: str
    principal: str
    delegation_id: str | None
    comment: str | None
    at: datetime
    policy_version: str
    carried_from: str | None

    @classmethod
    def of(cls, it: Vote) -> "PaymentVote":
        return cls(
            person=it.person,
            role=it.role,
            principal=it.principal,
            delegation_id=None if it.delegation_id is None else str(it.delegation_id),
            comment=it.comment,
            at=it.at,
            policy_version=it.policy_version,
            carried_from=None if it.carried_from is None else str(PaymentId.of(it.carried_from)),
        )


class VendorPaymentView(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="vendor_payment"
):
    """A vendor payment. `content_hash` is what an approval is bound to; `makers` may not approve
    it; `votes` are the approvals of what it is now. `processing` without `released_at` is approved
    and has not left: it waits until `release_at`, or for a payment run."""

    id: str
    status: PaymentStatus
    vendor_id: str
    amount_minor: int
    currency: str
    payer_type: str
    lines: Sequence[Line]
    debit_account_id: str
    incident_id: str | None
    work_order: str | None
    bill_number: str | None
    bill_date: date | None
    due_date: date | None
    reference: str | None
    description: str | None
    metadata: Mapping[str, str]
    content_hash: str
    revision: int
    created_by: str
    created_at: datetime
    makers: Sequence[str]
    approvals_needed: int
    approvals_given: int
    votes: Sequence[PaymentVote]
    is_high_risk: bool
    resembles: str | None
    override_reason: str | None
    rejected_why: str | None
    approved_at: datetime | None
    release_at: datetime | None
    released_at: datetime | None
    run_id: str | None
    replaces: str | None
    attempt: int
    provider: str | None
    provider_reference: str | None
    failure_code: str | None
    settled_at: datetime | None


class PaymentTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A status that followed another. `actor`: the credential by which."""

    before: PaymentStatus
    after: PaymentStatus
    reason: str
    actor: str
    at: datetime

    @classmethod
    def of(cls, it: Transition) -> "PaymentTransition":
        return cls(before=it.before, after=it.after, reason=it.reason, actor=it.actor, at=it.at)


class PaymentRisk(msgspec.Struct, frozen=True, kw_only=True):
    """`rules`: the reasons of those that counted. More is at `/api/v1/risk/assessments`."""

    score: int
    level: Level
    assessed_at: datetime
    rules: Sequence[str]

    @classmethod
    def of(cls, it: Assessment) -> "PaymentRisk":
        reasons = [fired.reason for fired in it.fired if not fired.is_waived]
        return cls(score=it.score, level=it.level, assessed_at=it.at, rules=reasons)


class ResembledBill(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    status: PaymentStatus
    vendor_id: str
    bill_number: str | None
    bill_date: date | None
    amount_minor: int
    currency: str
    created_at: datetime

    @classmethod
    def of(cls, it: VendorPayment) -> "ResembledBill":
        return cls(
            payment_id=str(it.id),
            status=it.status,
            vendor_id=it.contents.vendor_id,
            bill_number=it.contents.bill_number,
            bill_date=it.contents.bill_date,
            amount_minor=it.contents.amount.minor,
            currency=it.contents.amount.currency,
            created_at=it.created_at,
        )


class VendorPaymentDetails(
    VendorPaymentView, frozen=True, kw_only=True, tag_field="type", tag="vendor_payment"
):
    """`payout_account`: where the vendor's money goes now, as far as it is needed to compare.
    `risk`: for who may read risk assessments, once it was weighed."""

    payout_account: str
    transitions: Sequence[PaymentTransition]
    risk: PaymentRisk | None
    resembled_bill: ResembledBill | None

    @classmethod
    def told(cls, it: Details) -> "VendorPaymentDetails":
        return cls(
            **_fields(it.payment),
            payout_account=it.payout_masked,
            transitions=[PaymentTransition.of(step) for step in it.transitions],
            risk=None if it.assessment is None else PaymentRisk.of(it.assessment),
            resembled_bill=None if it.resembled is None else ResembledBill.of(it.resembled),
        )


class ApprovalResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One of many approvals. `answer`: the payment as it is then; `problem`: why it was refused."""

    payment_id: str
    status: int
    answer: VendorPaymentView | None = None
    problem: dict[str, Any] | None = None


class ApprovalResults(msgspec.Struct, frozen=True):
    """In the order of the request."""

    approved: int
    refused: int
    results: Sequence[ApprovalResult]


def payment_view(it: VendorPayment) -> VendorPaymentView:
    return VendorPaymentView(**_fields(it))


def render_payment(it: VendorPayment) -> bytes:
    """As it is answered, and kept under an idempotency key."""
    return _encode(payment_view(it))


def approval_results(
    asked: Sequence[Approving], told: Sequence[Answered | Problem], *, path: str
) -> Answer:
    """What became of each of many approvals. Answers are bytes already."""
    results = []
    for it, outcome in zip(asked, told, strict=True):
        result: dict[str, Any] = {"payment_id": str(it.payment_id)}
        if isinstance(outcome, Problem):
            raw = document(outcome, instance=path, request_id=None)
            result |= {"status": outcome.status, "problem": msgspec.Raw(raw)}
        else:
            result |= {"status": outcome.answer.status, "answer": msgspec.Raw(outcome.answer.body)}
        results.append(result)
    refused = sum(isinstance(it, Problem) for it in told)
    whole = {"approved": len(told) - refused, "refused": refused, "results": results}
    return Answer(200, msgspec.json.encode(whole))


def _fields(it: VendorPayment) -> dict[str, Any]:
    contents = it.contents
    return {
        "id": str(it.id),
        "status": it.status,
        "vendor_id": contents.vendor_id,
        "amount_minor": contents.amount.minor,
        "currency": contents.amount.currency,
        "payer_type": contents.payer_type,
        "lines": contents.lines,
        "debit_account_id": str(contents.debit_account_id),
        "incident_id": contents.incident_id,
        "work_order": contents.work_order,
        "bill_number": contents.bill_number,
        "bill_date": contents.bill_date,
        "due_date": contents.due_date,
        "reference": contents.reference,
        "description": contents.description,
        "metadata": contents.metadata,
        "content_hash": it.content_hash.hex(),
        "revision": it.revision,
        "created_by": it.created_by,
        "created_at": it.created_at,
        "makers": it.makers,
        "approvals_needed": it.approvals_needed,
        "approvals_given": len(it.votes),
        "votes": [PaymentVote.of(vote) for vote in it.votes],
        "is_high_risk": it.is_high_risk,
        "resembles": None if it.resembles is None else str(it.resembles),
        "override_reason": it.override_reason,
        "rejected_why": it.rejected_why,
        "approved_at": it.approved_at,
        "release_at": it.release_at,
        "released_at": it.released_at,
        "run_id": None if it.run_id is None else str(it.run_id),
        "replaces": None if it.replaces is None else str(it.replaces),
        "attempt": it.attempt,
        "provider": it.provider,
        "provider_reference": it.provider_reference,
        "failure_code": it.failure_code,
        "settled_at": it.settled_at,
    }


_encode = msgspec.json.Encoder().encode
