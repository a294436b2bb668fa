"""Votes on vendor payments: what may be voted on, and what each vote comes to."""

from collections.abc import Sequence

import msgspec

from paywright.approvals import policy
from paywright.approvals import store as approvals
from paywright.approvals.decide import asked_of_the_next, cast, counting, needed
from paywright.approvals.model import Requirement, Subject, SubjectKind, Vote, Voter
from paywright.approvals.voters import voter_of
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.idempotency import Answer, Claim
from paywright.idempotency.model import quick_fingerprint
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import store
from paywright.payments.vendor.advance import one_more
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.refusals import (
    NoSuchVendorPayment,
    PaymentChanged,
    PaymentNotPending,
    VendorBlocked,
)
from paywright.payments.vendor.store import Locked
from paywright.rulesets.compile import RuleSet
from paywright.vendors import store as vendors
from paywright.vendors.model import Payable, VendorStatus

SCOPE = "vendor_payments.approve"


class Approving(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody approves a payment. content_hash: of what they have looked at"""

    cause: Cause
    payment_id: PaymentId
    content_hash: bytes
    comment: str | None = None
    key: str | None = None

    @property
    def claim(self) -> Claim | None:
        if self.key is None:
            return None
        asked = {
            "payment_id": str(self.payment_id),
            "content_hash": self.content_hash.hex(),
            "comment": self.comment,
            "person": self.cause.actor.person,
        }
        return Claim(SCOPE, self.key, *quick_fingerprint(asked))


class Draft(msgspec.Struct, eq=False):
    asked: Approving
    problem: Problem | None = None
    recalled: Answer | None = None
    row: Locked | None = None
    vote: Vote | None = None


class Case(msgspec.Struct, eq=False):
    """A payment that votes are cast on.

    asked: of who votes now; votes: those for its contents, and those that come in
    """

    row: Locked
    vendor: Payable
    requirements: tuple[Requirement, ...]
    asked: tuple[Requirement, ...]
    votes: list[Vote]


async def load_cases(tx: Tx, rules: RuleSet, drafts: Sequence[Draft]) -> dict[PaymentId, Case]:
    """What votes may be cast on. Says of the others why not."""
    rows = await store.lock(tx, [it.asked.payment_id for it in drafts])
    payables = await vendors.lock_payables(tx, list({it.vendor_id for it in rows.values()}))
    votes = await approvals.votes_of(tx, list(rows)) if rows else {}
    cases: dict[PaymentId, Case] = {}
    for draft in drafts:
        payment_id = draft.asked.payment_id
        row = draft.row = rows.get(payment_id)
        if row is None:
            draft.problem = NoSuchVendorPayment(str(payment_id))
            continue
        vendor = payables[row.vendor_id]
        if row.payout_version != vendor.payout_version:
            row = rows[payment_id] = draft.row = await _hash_anew(tx, row, vendor)
        draft.problem = _objection(draft.asked, row, vendor)
        if draft.problem is None and payment_id not in cases:
            given = counting(subject_of(row), votes.get(payment_id, ()))
            requirements = requirements_of(rules, row, vendor, draft.asked.cause)
            asked = asked_of_the_next(requirements, given)
            cases[payment_id] = Case(row, vendor, requirements, asked, given)
    return cases


def _objection(asked: Approving, row: Locked, vendor: Payable) -> Problem | None:
    if row.status is not PaymentStatus.PENDING_APPROVAL:
        return PaymentNotPending(f"it is {row.status.value}", payment_status=row.status.value)
    if asked.content_hash != row.content_hash:
        return PaymentChanged("it has changed", content_hash=row.content_hash.hex())
    if vendor.status is VendorStatus.BLOCKED:
        return VendorBlocked(vendor.id)
    return None


async def _hash_anew(tx: Tx, row: Locked, vendor: Payable) -> Locked:
    """The bank details are others than when it was last looked at: so is what is approved."""
    if row.status is not PaymentStatus.PENDING_APPROVAL:
        return row
    found = (await on_file(tx, [row.id]))[row.id]
    version = vendor.payout_version
    digest = content_hash(found.contents, payout_version=version, revision=found.revision + 1)
    await store.set_contents_hash(tx, row.id, digest, payout_version=version)
    return msgspec.structs.replace(row, content_hash=digest, payout_version=version)


def requirements_of(
    rules: RuleSet, row: Locked, vendor: Payable, cause: Cause
) -> tuple[Requirement, ...]:
    """What the policies ask for, and one more where the risk is high."""
    facts = policy.payment_facts(
        amount=row.amount,
        payer_type=row.payer_type,
        vendor_days=(cause.at - vendor.created_at).days,
        payout_days=(cause.at - vendor.payout_changed_at).days,
        has_incident=row.incident_id is not None,
        has_bill=row.has_bill,
        lines=row.lines,
        resembles_other=row.resembles is not None,
    )
    asked = policy.requirements(rules, "payment", facts)
    return (*asked, one_more(needed(asked))) if row.is_high_risk else asked


async def cast_votes(
    tx: Tx, rules: RuleSet, cases: dict[PaymentId, Case], drafts: Sequence[Draft]
) -> None:
    """One vote after the other: each sees those before it."""
    voters: dict[str, Voter] = {}
    for draft in drafts:
        if draft.problem is not None:
            continue
        cause, case = draft.asked.cause, cases[draft.asked.payment_id]
        if cause.actor.id not in voters:
            voters[cause.actor.id] = await voter_of(tx, cause.actor, at=cause.at)
        outcome = cast(
            voters[cause.actor.id],
            subject_of(case.row),
            case.asked,
            case.votes,
            policy_version=rules.version,
            at=cause.at,
            comment=draft.asked.comment,
        )
        if isinstance(outcome, Problem):
            draft.problem = outcome
        else:
            draft.vote = outcome
            case.votes.append(outcome)


def subject_of(row: Locked) -> Subject:
    return Subject(
        kind=SubjectKind.PAYMENT,
        id=row.id,
        content_hash=row.content_hash,
        makers=row.makers,
        amount=row.amount,
    )
