"""The nouns of approvals."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from paywright.core.ids import ApprovalId, DelegationId
from paywright.core.money import Money


class SubjectKind(StrEnum):
    """What may need an approval."""

    PAYMENT = "payment"
    VENDOR_CHANGE = "vendor_change"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be approved.

    content_hash: SHA-256 of all that an approver looks at: 32 bytes
    makers:       persons who made it what it is: none of them approves it
    amount:       None where no money is moved by it
    """

    kind: SubjectKind
    id: UUID
    content_hash: bytes
    makers: tuple[str, ...]
    amount: Money | None = None


class Requirement(msgspec.Struct, frozen=True):
    """So many approvers of a role. `approver`: everybody who may approve; any other role: only who
    has that very role. rule_id: the row of the policies that asks for them"""

    role: str
    approvers: int
    rule_id: str
    reason: str


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """A right to approve: one's own, or one that was delegated. limit: of the amount"""

    principal: str
    role: str
    delegation_id: DelegationId | None = None
    limit: Money | None = None


class Voter(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may approve. rights: their own first"""

    person: str
    actor: str
    rights: tuple[Right, ...]


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """One approval, as it is on file."""

    id: ApprovalId
    subject_kind: SubjectKind
    subject_id: UUID
    content_hash: bytes
    person: str
    actor: str
    role: str
    principal: str
    at: datetime
    policy_version: str
    delegation_id: DelegationId | None = None
    comment: str | None = None
    carried_from: UUID | None = None


class Delegation(msgspec.Struct, frozen=True, kw_only=True):
    """`delegate` may approve for `delegator`, in the delegator's role, for a while."""

    id: DelegationId
    delegator: str
    delegate: str
    role: str
    reason: str
    starts_at: datetime
    expires_at: datetime
    created_at: datetime
    limit: Money | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
