"""Votes, voters and what they are about: a test names only what it is about."""

from typing import Any
from uuid import UUID

from tests.builders import NOON, eur

from paywright.approvals.model import Requirement, Right, Subject, SubjectKind, Vote, Voter
from paywright.core.ids import ApprovalId, PaymentId

PAYMENT = PaymentId.new(NOON)
HASH = b"h" * 32


def asks(approvers: int, role: str = "approver") -> Requirement:
    return Requirement(role, approvers, f"{approvers}-of-{role}", "It does.")


def a_subject(**changes: Any) -> Subject:
    fields: dict[str, Any] = {
        "kind": SubjectKind.PAYMENT,
        "id": PAYMENT,
        "content_hash": HASH,
        "makers": ("usr_maker",),
        "amount": eur(10_000),
    }
    return Subject(**fields | changes)


def a_voter(person: str = "usr_ada", *rights: Right, role: str = "approver") -> Voter:
    return Voter(person=person, actor=person, rights=rights or (own(person, role),))


def own(person: str, role: str = "approver") -> Right:
    return Right(principal=person, role=role)


def a_vote(
    person: str, role: str = "approver", principal: str | None = None, **changes: Any
) -> Vote:
    fields: dict[str, Any] = {
        "id": ApprovalId.new(NOON),
        "subject_kind": SubjectKind.PAYMENT,
        "subject_id": UUID(int=PAYMENT.int),
        "content_hash": HASH,
        "person": person,
        "actor": person,
        "role": role,
        "principal": principal or person,
        "at": NOON,
        "policy_version": "v1",
    }
    return Vote(**fields | changes)
